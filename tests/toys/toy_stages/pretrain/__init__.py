"""Toy stages for tests of recipes: they write text in no time."""
