"""Evaluation: suites hold what is asked, judges look at pictures, metrics turn verdicts into figures, benchmarks
measure speed.
"""
