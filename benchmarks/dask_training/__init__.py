"""Training on a Dask cluster: measured on this machine, and a model of more machines.

``python -m benchmarks.dask_training`` writes docs/cluster-training.md, .json and .png; ``--short`` measures little.
"""
