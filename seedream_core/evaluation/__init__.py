"""Evaluation: suites give prompts, judges score pictures, metrics turn scores into figures, benchmarks measure
speed.
"""
