"""The command line: thin over seedream_core, and quick to start."""
