"""Warps and spatial transformers for PyTorch."""
