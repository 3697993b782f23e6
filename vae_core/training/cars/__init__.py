"""Procedural drawings of cars in three-quarter front view, made to train and to test the model."""
