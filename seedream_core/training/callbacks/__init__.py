"""Lightning callbacks of every training: weight averaging, checkpoints, logs, sample grids."""
