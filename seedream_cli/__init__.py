"""The command `seedream`: a thin layer over seedream_core that starts fast."""
