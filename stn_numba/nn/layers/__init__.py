"""Layers, one a file, each with its backward under its forward."""
