"""Training losses: what a step's prediction is held against."""
