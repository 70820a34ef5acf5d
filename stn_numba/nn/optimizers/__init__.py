"""Optimizers, gradient clipping, and multipliers of the learning rate."""
