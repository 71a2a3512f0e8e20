"""Samples on disk: tar shards, fates, and work that goes on after a kill."""
