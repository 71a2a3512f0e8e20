"""Decodes, normalises, resizes and registers pictures, and makes defect masks."""
