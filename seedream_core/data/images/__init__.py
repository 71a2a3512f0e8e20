"""Pictures: decoding, sizes, masks."""
