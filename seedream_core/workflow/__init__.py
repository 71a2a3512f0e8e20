"""What runs recipes, in the order it is used: document and config read YAML, stage and recipe check it, states and
execute run it through launch, artifact stores results.
"""
