"""Compute the parts of a batch on workers."""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from stn_numba.dask.training.pace import Pace
from stn_numba.dask.training.packed import packed, unpacked
from stn_numba.dask.training.traffic import Traffic, array_bytes
from stn_numba.dask.training.workers import Call, LostWorkerError, Workers
from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.engine.thread_pool import split
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.theta_penalty import ThetaPenalty
from stn_numba.nn.model.gradient_sums import Span, subtrees, sum_of
from stn_numba.nn.model.parts import Backward, Part

__all__ = ["ClusterParts"]

Result = TypeVar("Result")


class ClusterParts:
    """A `PartRunner` on workers: each gets consecutive parts of a batch, and returns the sum of their gradients.

    A step has two exchanges: parameters and images for outputs, then their slopes for gradients. In between the driver computes
    the loss of the whole batch, so that any loss may be used. If a worker is lost, both are repeated by those that are left.
    """

    def __init__(self, workers: Workers, pace: Pace, traffic: Traffic) -> None:
        self.workers, self.pace, self.traffic = workers, pace, traffic
        self.numbers, self._warned = itertools.count(), False

    def __call__(
        self, layer: Layer, parts: Sequence[Part], theta_penalty: ThetaPenalty | None
    ) -> tuple[list[Floats], list[float], Backward]:
        """Return outputs, penalties and backward, as `PartRunner` says."""
        self._warn_of_idle(parts)
        step = _Step(self, layer.params, parts)
        self.traffic.steps += 1
        outputs, penalties = self._repeated(step.forward)

        def backward(slopes: Sequence[Floats], input_gradient: bool) -> tuple[list[Floats | None], Arrays]:
            if input_gradient:
                raise ValueError("input_gradient: expected False on a cluster, got True")
            return [None] * len(parts), self._repeated(lambda: step.backward(slopes))

        return outputs, penalties, backward

    def ask(self, calls: Sequence[Call]) -> list[Any]:
        """Ask workers, and count what is moved."""
        start = time.perf_counter()
        answers = self.workers.ask(calls)
        self.traffic.waited += time.perf_counter() - start
        self.traffic.sent += sum(array_bytes(arguments) for _, _, arguments in calls)
        self.traffic.received += array_bytes(answers)
        self.traffic.worked += max(answer[-1] for answer in answers)
        return answers

    def _repeated(self, work: Callable[[], Result]) -> Result:
        """Return ``work()``, once no worker is lost in it."""
        while True:
            try:
                return work()
            except LostWorkerError:
                self.traffic.repeated += 1

    def _warn_of_idle(self, parts: Sequence[Part]) -> None:
        count = len(self.workers.present)
        if count > len(parts) and not self._warned:
            self._warned = True
            warnings.warn(
                f"cluster: {count} workers, but a batch has {len(parts)} parts, so {count - len(parts)} have nothing to do: "
                f"give fit parts={count} or a multiple of it, and the same number wherever you want the same bits",
                RuntimeWarning,
                stacklevel=2,
            )


class _Step:
    """One step: which worker has which parts, until one is lost."""

    def __init__(self, owner: ClusterParts, params: Arrays, parts: Sequence[Part]) -> None:
        self.owner, self.params, self.parts = owner, params, parts
        self.number = -1
        self.spans: dict[str, Span] = {}  # by address
        self.seconds: dict[str, float] = {}

    def forward(self) -> tuple[list[Floats], list[float]]:
        """Return outputs and penalties of all parts."""
        self.spans = {}
        addresses = self.owner.workers.at_most(len(self.parts))
        self.number = next(self.owner.numbers)
        cut, params = split(len(self.parts), len(addresses)), packed(self.params)
        spans = {address: (share.start, share.stop) for address, share in zip(addresses, cut, strict=True)}
        answers = self.owner.ask(
            [
                (address, "forward", (self.number, params, start, list(self.parts[start:stop])))
                for address, (start, stop) in spans.items()
            ]
        )
        self.spans = spans
        self.seconds = {address: seconds for address, (_, _, seconds) in zip(spans, answers, strict=True)}
        return [y for outputs, _, _ in answers for y in outputs], [each for _, own, _ in answers for each in own]

    def backward(self, slopes: Sequence[Floats]) -> Arrays:
        """Return the sum of the gradients of all parts."""
        if not self.spans:
            self.forward()
        spans, self.spans, whole = self.spans, {}, (0, len(self.parts))
        wanted = {address: subtrees(whole, span) for address, span in spans.items()}
        answers = self.owner.ask(
            [
                (address, "backward", (self.number, list(slopes[start:stop]), wanted[address]))
                for address, (start, stop) in spans.items()
            ]
        )
        known: dict[Span, Arrays] = {}
        for address, (sums, seconds) in zip(spans, answers, strict=True):
            known.update(zip(wanted[address], map(unpacked, sums), strict=True))
            self.seconds[address] += seconds
        images = {address: sum(len(part.images) for part in self.parts[slice(*span)]) for address, span in spans.items()}
        self.owner.pace.note(self.seconds, images)
        return sum_of(whole, known)
