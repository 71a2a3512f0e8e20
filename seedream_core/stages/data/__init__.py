"""Data: make, filter and encode shards."""
