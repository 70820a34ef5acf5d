"""Helpers independent of images: argument checks, files, environment variables, reprs, suggestions."""
