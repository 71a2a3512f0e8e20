"""Flow matching: the path, its times, the solvers and the sampler."""
