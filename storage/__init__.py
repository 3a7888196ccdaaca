"""Where entries and their vectors live: two seams and one module per back end."""
