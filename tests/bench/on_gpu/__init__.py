"""The measurements of `tests/bench/gpu.py`, which run on a machine that has torch, NumPy and Pillow, and no more."""
