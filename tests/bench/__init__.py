"""Benches: jobs against what a machine can do, and a GPU with the encoders beside it."""
