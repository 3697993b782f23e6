"""Weights that others published, read from their files without running anything in them."""
