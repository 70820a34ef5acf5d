"""Benchmarks: how fast stn-numba is, compared with other libraries. ``python -m benchmarks`` measures and writes the pages.

To add a case, add a line to `benchmarks.warp_cases`, `benchmarks.networks.cases`, `benchmarks.registration.cases` or
`benchmarks.fresh_process`. To add a rival, add a module to `benchmarks.rivals`, which explains what it must contain. Marks, the
figures that must be reached, stand with their case; a run that misses one exits with 1.
"""
