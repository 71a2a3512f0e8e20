"""Loads training data: schedules say which rows a step uses, stores read them, batches collect them with one caption
each.
"""
