"""Stages: each file is a subcommand, `seedream <folder> <file>`, and a step that a recipe can name."""
