"""Suites: what is asked of every model of a comparison."""
