"""The embedded bilingual world: scenes and their truth, pictures, captions, evaluation prompts, and the reader that
judges.
"""
