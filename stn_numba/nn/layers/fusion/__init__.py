"""Decide which neighboring layers of a chain are computed together."""
