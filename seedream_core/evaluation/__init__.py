"""Evaluation: suites ask, judges look, metrics count, benchmarks time."""
