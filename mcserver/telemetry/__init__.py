"""What is counted, timed and shown to operators."""
