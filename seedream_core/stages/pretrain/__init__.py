"""Pre-training: the networks from nothing, or adopted from outside."""
