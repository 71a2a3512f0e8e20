"""Post-training: make a pre-trained generator better."""
