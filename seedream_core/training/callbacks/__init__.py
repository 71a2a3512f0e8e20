"""What happens around a training besides its objective: averaging, checkpoints, figures, sample grids."""
