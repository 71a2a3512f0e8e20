"""Drawn data whose truth is known exactly: scenes, knowledge documents, and defects planted on pictures."""
