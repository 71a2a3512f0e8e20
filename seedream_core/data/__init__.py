"""The data system. Samples pass through its rooms in this order: sources, storage, images, curation, captioning,
labelling, balancing, retrieval, pairs, loading.
"""
