"""The benchmark: what the server costs beside what it is measured against, in one run and on the same texts."""
