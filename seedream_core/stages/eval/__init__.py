"""Evaluation: judge generators and report."""
