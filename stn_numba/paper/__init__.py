"""Reproduce the paper's experiments on distorted MNIST (arXiv 1506.02025, section 4.1 and appendix A)."""

from __future__ import annotations

from stn_numba.paper.experiments import EXPERIMENTS, Experiment, find_experiments
from stn_numba.paper.reproduce import reproduce

__all__ = ["EXPERIMENTS", "Experiment", "find_experiments", "reproduce"]
