"""What runs on a worker: it holds a copy of the network and computes parts of batches."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import importlib.metadata
import pickle
import platform
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from distributed.protocol import to_serialize

from stn_numba.dask.training.packed import Packed, packed, unpacked
from stn_numba.kernels.runtime import cpu
from stn_numba.nn.arrays import Arrays, Backprop, Floats
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.engine.thread_pool import parallel_map
from stn_numba.nn.kernels.cpu import vector_bytes
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.theta_penalty import ThetaPenalty
from stn_numba.nn.model.gradient_sums import Span, sum_of
from stn_numba.nn.model.parts import Part, forward_part
from stn_numba.threads import limit_threads

__all__ = ["TrainingWorker", "about", "install", "uninstall"]

_LIBRARIES = ("numpy", "scipy", "numba")


class TrainingWorker:
    """Computes parts of batches with a network of its own, on as many threads as the Dask worker has."""

    def __init__(self, network: Chain, theta_penalty: ThetaPenalty | None, threads: int) -> None:
        self.network = copy.deepcopy(network)  # a worker in the driver's process would get the driver's
        self.theta_penalty, self.threads = theta_penalty, threads
        self._number, self._first = -1, 0
        self._backprops: list[Backprop] = []

    def forward(
        self, number: int, params: Packed | Arrays, first: int, parts: Sequence[Part]
    ) -> tuple[list[Floats], list[float], float]:
        """Return outputs and penalties of the parts of step `number`, of which the first is part `first`, and the seconds."""
        start = time.perf_counter()
        self.network.params.update(unpacked(params))
        self._number, self._first, self._backprops = number, first, []  # frees the arrays of the step before
        # what comes from the network may lie at any address
        own = [Part(np.array(part.images), part.seed, part.share) for part in parts]
        with _limits(self.threads):
            results = parallel_map(lambda part: forward_part(self.network, part, self.theta_penalty), own)
        self._backprops = [backprop for _, _, backprop in results]
        return [y for y, _, _ in results], [penalty for _, penalty, _ in results], time.perf_counter() - start

    def echo(self, value: Any) -> Any:
        """Return what came: measures the network."""
        return value

    def backward(self, number: int, slopes: Sequence[Floats], spans: Sequence[Span]) -> tuple[list[Packed | Arrays], float]:
        """Return the sums of the gradients over spans of parts, and the seconds."""
        if number != self._number:
            raise RuntimeError(f"backward: expected step {self._number}, got {number}")
        start = time.perf_counter()

        def backward_part(place: int) -> Arrays:
            gradients: Arrays = self._backprops[place](np.array(slopes[place]), input_gradient=False)[1]
            return gradients

        with _limits(self.threads):
            gradients = parallel_map(backward_part, range(len(slopes)))
            known = {(k, k + 1): each for k, each in enumerate(gradients, self._first)}
            sums = [packed(sum_of(span, known)) for span in spans]
        self._backprops = []
        return sums, time.perf_counter() - start


@contextlib.contextmanager
def _limits(threads: int) -> Iterator[None]:
    """Let a block have the same surroundings as a step in `fit`."""
    with limit_threads(threads), one_blas_thread(of_scipy=True), np.errstate(over="ignore", invalid="ignore"):
        yield


def about() -> dict[str, str]:
    """Return what the bits of results depend on, beside this library's own version."""
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {**versions, "vectors": f"{8 * vector_bytes()} bits", "processor": cpu.host()[0], "machine": platform.machine()}


async def install(name: str, job: bytes, *, dask_worker: Any) -> dict[str, str]:
    """Make a Dask worker answer messages called `name` with a `TrainingWorker`; return `about` it.

    `job` is a pickled pair: network and penalty.
    """
    pool, loop = ThreadPoolExecutor(1, f"{name}-training"), asyncio.get_running_loop()

    def make() -> tuple[TrainingWorker, dict[str, str]]:
        network, theta_penalty = pickle.loads(job)
        return TrainingWorker(network, theta_penalty, dask_worker.state.nthreads), about()

    worker, described = await loop.run_in_executor(pool, make)

    async def answer(method: str, arguments: tuple[Any, ...]) -> Any:
        try:
            result = await loop.run_in_executor(pool, lambda: getattr(worker, method)(*arguments))
        except Exception as error:
            return {"error": to_serialize(_as_sendable(error))}
        return {"result": to_serialize(result)}

    dask_worker.handlers[name] = answer
    dask_worker.extensions[name] = pool
    return described


def uninstall(name: str, *, dask_worker: Any) -> None:
    """Forget what `install` made."""
    dask_worker.handlers.pop(name, None)
    pool = dask_worker.extensions.pop(name, None)
    if pool is not None:
        pool.shutdown(wait=False)


def _as_sendable(error: Exception) -> Exception:
    """Return an error that can be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
