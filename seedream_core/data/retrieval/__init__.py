"""Cross-modal retrieval: image_embeddings are computed once, queries name concepts, the index finds their nearest
samples.
"""
