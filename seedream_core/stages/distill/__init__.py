"""Distillation: fewer evaluations per picture."""
