"""How good a checkpoint is said to be."""
