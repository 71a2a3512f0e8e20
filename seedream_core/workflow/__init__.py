"""Runs recipes. In the order of use: document and config read YAML, stage and recipe check it, states and execute run
the steps through launch, artifact stores results.
"""
