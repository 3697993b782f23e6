"""A device that fails, or hangs, as long as a file is there."""
