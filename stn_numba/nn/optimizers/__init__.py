"""Optimizers, and the learning rate of each parameter."""
