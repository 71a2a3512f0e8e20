"""Flow matching: the path and its times, guidance rules, and solvers."""
