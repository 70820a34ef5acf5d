"""Helpers that have nothing to do with images: argument checks, files, environment variables, reprs, suggestions."""
