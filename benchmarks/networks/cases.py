"""Training and inference of whole networks: the cases."""

from __future__ import annotations

import sys
import tracemalloc
from functools import partial
from typing import Any

import numpy as np

from benchmarks import fresh_process, rivals
from benchmarks.case import Call, Case
from benchmarks.networks.problem import (
    INFERENCE,
    LOOP,
    TRAINING,
    NetworkProblem,
    make_problem,
    our_call,
    our_other_calls,
    train,
)


def _memory(problem: NetworkProblem) -> dict[str, float]:
    if problem.task != TRAINING:
        return {}
    return {"memory_bytes": fresh_process.python("-m", __name__, problem.network, str(len(problem.images)))}


def _case(task: str, network: str, batch: int, at_least: dict[str, float], at_most: dict[str, float] | None = None) -> Case:
    """Return a case of a network, with limits of the ratio of other times to ours."""
    name, make = f"{task}, {network}, batch {batch}", partial(make_problem, network, batch, task)
    return Case(name, make, our_call, _other_calls, at_least=at_least, at_most=at_most or {}, more=_memory)


def _other_calls(problem: NetworkProblem) -> list[Call]:
    return [*our_other_calls(problem), *rivals.calls(problem)]


def _cases(network: str, batch: int, training: float, inference: float) -> list[Case]:
    """Return the cases of training and of inference; numbers are the least ratios of torch's time to ours."""
    return [_case(TRAINING, network, batch, {"torch": training}), _case(INFERENCE, network, batch, {"torch": inference})]


CASES: list[Any] = [
    *_cases("tutorial", 64, training=2.0, inference=2.0),
    *_cases("tutorial", 256, training=2.0, inference=2.0),
    *_cases("st_cnn", 256, training=2.0, inference=2.0),
    *_cases("st_fcn", 256, training=1.3, inference=1.3),
    *_cases("cnn, 64 filters, 42 x 42", 128, training=2.0, inference=2.0),
    *_cases("transformer and 4 convolutions with BatchNorm", 128, training=1.3, inference=1.3),
    *_cases("three heads with transformers, 28 x 84", 128, training=1.3, inference=1.3),
    _case(LOOP, "tutorial", 64, {"stn-numba": 0.95, "torch": 2.0}, {"stn-numba": 1.05}),
]


def measure_memory(network: str, batch: int) -> int:
    """Return the most bytes that training allocates at once, beyond data, parameters and optimizer.

    It must be the first training of a process: later ones use the buffers of earlier ones again.
    """
    problem = make_problem(network, batch, TRAINING)
    tracemalloc.start()
    train(problem)  # imports and loads everything, and leaves behind the buffers that later steps use again
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    buffers = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([arrays]).traces)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    train(problem)
    adam = 2 * sum(array.nbytes for array in problem.model.params.values())
    return buffers + tracemalloc.get_traced_memory()[1] - before - adam


if __name__ == "__main__":
    print(measure_memory(sys.argv[1], int(sys.argv[2])))
