"""Convolutions, block by block."""
