"""Quantisation: fewer bits per weight."""
