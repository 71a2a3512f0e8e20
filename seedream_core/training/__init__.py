"""The training loop: one Trainer, optimisers and callbacks for every objective."""
