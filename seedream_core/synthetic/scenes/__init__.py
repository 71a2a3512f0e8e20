"""The embedded bilingual world of coloured shapes: scenes, rendering, captions, edits, evaluation prompts, and the
reader that judges pictures.
"""
