"""Odd positions, accesses at the edges of arrays, and any number of threads."""
