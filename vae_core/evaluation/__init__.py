"""How good a checkpoint is: every figure beside its controls, as JSON and as a page."""
