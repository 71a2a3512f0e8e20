"""The trained parts as one: the generator on disk, and the sampler that draws with it."""
