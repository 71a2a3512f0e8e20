"""Captions for pictures, by models or by truth."""
