"""Stores samples on disk: tar shards, fates, and writers that resume after a kill."""
