"""Captions for pictures: captioners write them, text_crops prepares pictures that teach text rendering."""
