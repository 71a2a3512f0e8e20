"""What training reads: schedules say which rows a step takes, stores read them, batches collect them with a caption
each.
"""
