"""Dual encoders: pictures and captions as unit vectors of one space. `own.py` is the one that this project trains,
`hf.py` a CLIP or SigLIP; `artifact.py` loads either.
"""
