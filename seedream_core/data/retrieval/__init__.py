"""Cross-modal retrieval: image_embeddings computes embeddings once, queries reads concepts, index finds their nearest
samples.
"""
