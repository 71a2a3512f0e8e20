"""Metrics: figures over pictures, with their uncertainty."""
