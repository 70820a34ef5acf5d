"""Layers, one per file; each returns ``(y, backprop)`` from `forward`. `fusion` decides which are computed together."""
