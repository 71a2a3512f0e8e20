"""What surrounds the sampler when people make pictures: prompts in, named and labelled PNG files out (no torch
here).
"""
