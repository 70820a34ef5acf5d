"""The workers that take part in a training, and messages to them."""

from __future__ import annotations

import asyncio
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from distributed import Client
from distributed.protocol import to_serialize

from stn_numba.dask.training.pace import Pace
from stn_numba.dask.training.worker import about, install, uninstall

__all__ = ["Call", "LostWorkerError", "Workers"]

_POLL = 0.5  # seconds between two looks at whether workers that do not answer still exist
_RETRY = 1.0  # seconds between two looks for new workers

Call = tuple[str, str, tuple[Any, ...]]
"""(address of the worker, method of `TrainingWorker`, arguments)."""


class LostWorkerError(RuntimeError):
    """A worker is gone: the step must be repeated by others."""


class Workers:
    """The workers of a client that hold the network; those that are lost are replaced by others that join the cluster.

    Messages are sent by Dask's own remote calls, straight to the workers: no task waits in the scheduler, and a broken
    connection is noticed at once.
    """

    def __init__(
        self, client: Client, name: str, job: bytes, most: int | None, timeout: float, pace: Pace, stall: float
    ) -> None:
        self.client, self.name, self.job = client, name, job
        self.timeout, self.pace, self.stall = timeout, pace, stall
        self.present: list[str] = []  # addresses
        self._most = most or sys.maxsize
        self._wanted, self._looked = 0, 0.0
        self._joining: dict[str, Future[dict[str, str]]] = {}
        self._refused: set[str] = set()  # lost, or unable to take part
        self._installers = ThreadPoolExecutor(8, "stn_numba-install")

    def start(self) -> None:
        """Give the network to all workers of the cluster, and wait for them."""
        self._look()
        while self._joining or not self.present:
            self._wait_for_one()
        self._wanted = len(self.present)

    def at_most(self, count: int) -> list[str]:
        """Return the addresses of workers that are ready, at most `count`; wait for one if all are lost."""
        if len(self.present) < self._wanted and time.monotonic() - self._looked > _RETRY:
            self._look()
            self._take_in()
        while not self.present:
            self._wait_for_one()
        return self.present[:count]

    def ask(self, calls: Sequence[Call]) -> list[Any]:
        """Return what workers answer, in the order of the calls; a `LostWorkerError` if one is gone."""
        loop, start = self.client.loop.asyncio_loop, time.monotonic()
        futures = {asyncio.run_coroutine_threadsafe(self._send(*call), loop): call[0] for call in calls}
        pending, done_after = set(futures), []
        while pending:
            done, pending = wait(pending, _POLL, FIRST_COMPLETED)
            waited = time.monotonic() - start
            done_after += [waited] * len(done)
            if lost := [futures[each] for each in done if isinstance(each.exception(), OSError)]:
                self._lose(lost)
            if not done:
                self._look_after([futures[each] for each in pending], waited, done_after)
        return [self._unwrapped(address, future.result()) for future, address in futures.items()]

    def close(self) -> None:
        """Let all workers forget the network."""
        self._installers.shutdown(wait=True, cancel_futures=True)
        addresses = [*self.present, *self._joining]
        if addresses and self.client.status == "running":
            self.client.run(uninstall, self.name, workers=addresses, on_error="ignore")

    async def _send(self, address: str, method: str, arguments: tuple[Any, ...]) -> Any:
        call = getattr(self.client.rpc(address), self.name)
        return await call(method=method, arguments=to_serialize(arguments))

    def _unwrapped(self, address: str, answer: dict[str, Any]) -> Any:
        if "error" in answer:
            answer["error"].add_note(f"on worker {address}")
            raise answer["error"]
        return answer["result"]

    def _look_after(self, waiting: list[str], waited: float, others: list[float]) -> None:
        """Find out whether workers that do not answer exist, and name them if others have answered long ago."""
        known = self.client.nthreads()
        too_long = bool(others) and waited > self.timeout  # all of them are slow at first, when they load kernels
        if lost := [address for address in waiting if too_long or address not in known]:
            self._lose(lost)
        if others and waited > self.stall and waited > self.pace.factor * max(others):
            for address in waiting:
                self.pace.stalled(address, waited, others)

    def _lose(self, lost: list[str]) -> None:
        for address in lost:
            self._refused.add(address)
            self.pace.forget(address)
        self.present = [address for address in self.present if address not in self._refused]
        raise LostWorkerError(", ".join(lost))

    def _look(self) -> None:
        """Give the network to workers that do not have it yet."""
        self._looked = time.monotonic()
        for address in self.client.nthreads():
            known = {*self.present, *self._joining}
            if address not in known | self._refused and len(known) < self._most:
                self._joining[address] = self._installers.submit(self._install, address)

    def _install(self, address: str) -> dict[str, str]:
        answers: dict[str, dict[str, str]] = self.client.run(install, self.name, self.job, workers=[address])
        return answers[address]

    def _take_in(self) -> None:
        """Add workers that are ready, in the order in which the scheduler knows them."""
        for address in [address for address, future in self._joining.items() if future.done()]:
            future = self._joining.pop(address)
            if isinstance(future.exception(), OSError):  # it was lost meanwhile
                self._refused.add(address)
                continue
            _warn_of_differences(address, future.result())
            self.present.append(address)

    def _wait_for_one(self) -> None:
        """Wait until a worker is ready; a TimeoutError if none comes."""
        start = time.monotonic()
        while not self._joining:
            if time.monotonic() - start > self.timeout:
                raise TimeoutError(f"cluster: expected a worker, got none for {self.timeout:g} s")
            time.sleep(0.1)
            self._look()
        wait(self._joining.values(), return_when=FIRST_COMPLETED)
        self._take_in()


def _warn_of_differences(address: str, theirs: dict[str, str]) -> None:
    """Warn of a worker whose results may have other bits than those of this machine."""
    different = [f"{name} {theirs.get(name)}, here {value}" for name, value in about().items() if theirs.get(name) != value]
    if different:
        warnings.warn(
            f"cluster: worker {address} has {'; '.join(different)}: results may differ from those of this machine by rounding",
            RuntimeWarning,
            stacklevel=2,
        )
