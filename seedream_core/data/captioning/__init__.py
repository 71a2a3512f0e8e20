"""Writes captions for pictures: captioners write them, text_crops prepares pictures for training text rendering."""
