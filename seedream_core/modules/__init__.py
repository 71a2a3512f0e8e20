"""Lightning modules, one per objective, and the one Trainer that runs them."""
