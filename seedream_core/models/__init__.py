"""Networks and their configs: velocity networks (MM-DiT), autoencoders, text encoders, dual encoders, the defect
detector.
"""
