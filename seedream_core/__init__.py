"""The core of seedream: data, networks, training objectives, samplers, and the stages that recipes chain together."""
