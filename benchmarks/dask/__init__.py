"""Warps of Dask arrays: an image larger than memory, and one that dask-image warps as well."""
