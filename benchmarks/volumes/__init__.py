"""Warps of volumes: problems, cases and page."""
