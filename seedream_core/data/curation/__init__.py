"""The funnel: scorers measure, filters decide, dedup compares."""
