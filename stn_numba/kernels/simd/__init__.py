"""Vectors in registers, and loads and stores by raw address."""
