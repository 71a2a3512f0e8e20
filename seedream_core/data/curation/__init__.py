"""Curates samples: scorers measure, filters decide, dedup compares; funnel runs them in order of cost."""
