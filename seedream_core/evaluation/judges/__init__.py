"""Judges: what is seen in a picture, against what was asked for."""
