"""`mc-eval`: what a threshold costs and yields on labelled pairs of texts."""
