"""Active learning: which samples to label, and the score heads learned from labels."""
