"""Measure training on one machine with and without a cluster, and the messages between its processes."""

from __future__ import annotations

import contextlib
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import cloudpickle
import numpy as np
from distributed import Client

import stn_numba as stn
from benchmarks.dask_training.model import Network, Work
from stn_numba import models, nn
from stn_numba.dask.training import DaskCluster
from stn_numba.dask.training.pace import Pace
from stn_numba.dask.training.workers import Workers
from stn_numba.nn.model.parts import run_here

LARGE = 1 << 23  # bytes of a message that shows the bandwidth
PARTS, MORE_PARTS = 2, 8


@dataclass(frozen=True)
class Case:
    """A network and a batch size."""

    name: str
    make: Callable[[], nn.Classifier]
    batch: int


NETWORKS: dict[str, Callable[[], nn.Classifier]] = {
    "FCN with 1,024 units, 28 x 28": lambda: models.fcn(units=1024),
    "ST-FCN, 28 x 28": models.st_fcn,
    "ST-CNN, 28 x 28": models.st_cnn,
    "ST-CNN, 60 x 60": lambda: models.st_cnn((60, 60, 1)),
}
CASES = [Case(name, make, batch) for name, make in NETWORKS.items() for batch in (128, 512)]
SHORT = [Case("ST-FCN, 28 x 28", models.st_fcn, 64)]


class Repeated:
    """A stream of one batch, again and again."""

    def __init__(self, case: Case, steps: int) -> None:
        rng, shape = np.random.default_rng(0), case.make().input_shape
        self.batch = rng.random((case.batch, *shape), np.float32), rng.integers(0, 10, case.batch)
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __call__(self, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        for _ in range(self.steps):
            yield self.batch


class Stopwatch:
    """A cluster that is this process, and adds up the seconds in which parts are computed."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @contextlib.contextmanager
    def training(self, network: Any, theta_penalty: Any) -> Iterator[Any]:
        yield self._run

    def _run(self, layer: Any, parts: Any, theta_penalty: Any) -> Any:
        start = time.perf_counter()
        outputs, penalties, backward = run_here(layer, parts, theta_penalty)
        forward = time.perf_counter() - start

        def timed(slopes: Any, input_gradient: bool) -> Any:
            start = time.perf_counter()
            result = backward(slopes, input_gradient)
            self.seconds.append(forward + time.perf_counter() - start)
            return result

        return outputs, penalties, timed


@dataclass
class Trained:
    """A training: its weights, and the seconds of a step."""

    weights: Any
    step: float


def train(case: Case, steps: int, rounds: int, cluster: Any = None, *, parts: int = PARTS, threads: int = 1) -> Trained:
    """Train for rounds of steps; the first round, which loads kernels, does not count."""
    model = case.make()
    with stn.limit_threads(threads):
        history = stn.fit(
            model, Repeated(case, steps), epochs=rounds + 1, learning_rate=1e-4, schedule=nn.constant, parts=parts,
            cluster=cluster, progress=False,
        )  # fmt: skip
    ends = history.column("seconds")
    weights = np.concatenate([array.ravel() for array in model.params.values()])
    return Trained(weights, statistics.median(np.diff(ends) / steps))


def measure(case: Case, client: Client, seconds: float) -> dict[str, Any]:
    """Return the figures of a case; a RuntimeError if the cluster's weights have other bits than those of one machine."""
    clusters = {count: DaskCluster(client, workers=count) for count in (1, 2)}
    probe = train(case, 3, 1, threads=2)
    for count, cluster in clusters.items():
        if not np.array_equal(train(case, 3, 1, cluster).weights, probe.weights):
            raise RuntimeError(f"{case.name}: {count} workers have other bits than one machine")
    steps, rounds = max(3, round(seconds / 5 / max(probe.step, 1e-4))), 5
    both = train(case, steps, rounds, threads=2)
    one, many, two = Stopwatch(), Stopwatch(), Stopwatch()
    alone = train(case, steps, rounds, one)
    train(case, steps, rounds, many, parts=MORE_PARTS)
    train(case, steps, rounds, two, threads=2)
    measured = {count: train(case, steps, rounds, cluster).step for count, cluster in clusters.items()}
    few, more, with_two = (statistics.median(watch.seconds) for watch in (one, many, two))
    part = max(0.0, (more - few) / (MORE_PARTS - PARTS))
    model, batch = case.make(), Repeated(case, 1).batch[0]
    work = Work(
        max(0.0, alone.step - few), part, few - PARTS * part, 4 * model.n_params, batch.nbytes, 4 * 10 * case.batch
    )  # fmt: skip
    traffic = clusters[2].traffic
    return {
        "network": case.name, "batch": case.batch, "n_params": model.n_params, "steps": steps * rounds,
        "two_threads": both.step, "one_thread": alone.step, "speed": few / with_two, "work": asdict(work),
        "workers": {str(count): step for count, step in measured.items()},
        "moved": (traffic.sent + traffic.received) / traffic.steps,
        "efficiency": both.step / measured[2],
    }  # fmt: skip


def measure_network(client: Client, repeats: int) -> Network:
    """Return how long messages take between the processes of this machine."""
    job = cloudpickle.dumps((nn.Chain(), None))
    workers = Workers(client, f"stn_numba_{uuid.uuid4().hex}", job, 2, 60.0, Pace(3.0), 10.0)
    try:
        workers.start()

        def echo(size: int, count: int) -> float:
            data, times = np.zeros(size, np.uint8), []
            for _ in range(repeats):
                start = time.perf_counter()
                workers.ask([(address, "echo", (data,)) for address in workers.at_most(count)])
                times.append(time.perf_counter() - start)
            return statistics.median(times[len(times) // 5 :])

        one, two, large = echo(1, 1), echo(1, 2), echo(LARGE, 1)
    finally:
        workers.close()
    return Network(one, max(0.0, two - one), 2 * LARGE / max(large - one, 1e-9))
