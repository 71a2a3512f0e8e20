"""Training objectives as Lightning modules, one file each."""
