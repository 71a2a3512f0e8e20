"""Lightning modules, one per training objective."""
