"""Networks: the MM-DiT, autoencoders and text encoders, with their configs."""
