"""Cross-modal retrieval over embeddings."""
