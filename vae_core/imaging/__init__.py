"""Bytes to pixels and back, with limits; contact sheets; image similarity."""
