"""Dual encoders: pictures and captions as unit vectors of one space. `own.py` is the one that we train, `hf.py` a CLIP
or SigLIP of others; `artifact.py` loads either.
"""
