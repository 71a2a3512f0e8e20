"""Synthetic scenes of coloured shapes with captions in English and Chinese: rendering, captions, edits, evaluation
prompts, and the reader that judges pictures.
"""
