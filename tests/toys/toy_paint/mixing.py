"""No member: it holds no class of its name."""
