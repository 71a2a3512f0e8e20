"""Around the sampler: prompts in, named and labelled PNG files out. Nothing here imports torch."""
