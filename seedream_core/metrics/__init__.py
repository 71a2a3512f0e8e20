"""Metrics: each file turns pictures, and what was asked of them, into figures with their uncertainty.

A result is a frozen dataclass with `to_json()`; nothing here knows of models or artifacts.
"""
