"""Drawn cars, data sets and the trainer."""
