"""Active learning (Seedream 2.0). Order: acquisition chooses samples, annotations collects labels, head_training fits
score_heads, active runs the loop.
"""
