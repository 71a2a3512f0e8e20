"""What training reads: batches, latents, captions, sampling weights."""
