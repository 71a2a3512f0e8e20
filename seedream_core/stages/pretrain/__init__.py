"""Pre-training: trains the networks of a model from scratch, or adopts existing weights."""
