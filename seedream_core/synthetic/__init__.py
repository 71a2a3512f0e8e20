"""Worlds whose truth is known: scenes, documents, and defects planted on pictures."""
