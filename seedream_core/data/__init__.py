"""Data: tar shards, batches, filters and the embedded scenes."""
