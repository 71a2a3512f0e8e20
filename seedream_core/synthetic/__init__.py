"""Synthetic data with exact annotations: scenes, knowledge documents, and defects planted on pictures."""
