"""The core of seedream: data, models, objectives, samplers and the stages that chain them."""
