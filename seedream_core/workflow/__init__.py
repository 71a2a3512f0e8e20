"""What runs recipes: configs and their errors, artifacts on disk, stages, states, launchers."""
