"""Workers that die, hang or are slow."""

import os
import signal
import threading
import time

import numpy as np
import pytest

pytest.importorskip("distributed", reason="Dask is not installed")

import stn_numba as stn
from stn_numba.dask.training import DaskCluster
from stn_numba.dask.training.workers import _warn_of_differences
from tests.dask.training.examples import STEPS, AtStep, small, train, trained, watched, weights


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_a_killed_worker_is_replaced_without_a_change_of_a_bit(own_client, tmp_path, where):
    model, cluster, seen = watched(tmp_path), DaskCluster(own_client), {}
    before, deadline = set(own_client.nthreads()), time.monotonic() + 60

    def new_worker_has_taken_part(model, history):
        for address, process in own_client.run(os.getpid, on_error="ignore").items():
            seen[address] = (tmp_path / f"seen {process}").exists()
        new = [address for address in seen if address not in before and seen[address]]
        return (bool(new) and len(history) > 2) or time.monotonic() > deadline

    steady = {"schedule": stn.nn.constant, "label_smoothing": 0}  # training may end at any time
    options = {"epochs": 10_000, "callbacks": [new_worker_has_taken_part], **steady}
    kill = AtStep(STEPS + 2, lambda: (tmp_path / f"die in {where}").touch())  # in the middle of the second epoch
    history = train(model, augment=kill, cluster=cluster, **options)
    assert cluster.traffic.repeated == 1
    assert len(set(seen) - before) == 1
    assert time.monotonic() < deadline
    expected, losses = trained(epochs=len(history), **steady)
    assert history.column("loss") == losses
    assert np.array_equal(weights(model), expected)


def test_training_waits_if_all_workers_are_lost(own_client):
    expected, _ = trained()
    model, cluster = small(), DaskCluster(own_client)

    def kill_all():
        for process in own_client.run(os.getpid).values():
            os.kill(process, signal.SIGKILL)

    train(model, augment=AtStep(2, kill_all), cluster=cluster)
    assert np.array_equal(weights(model), expected)
    assert cluster.traffic.repeated >= 1


def test_a_worker_that_hangs_is_named_and_waited_for(client):
    expected, _ = trained()
    model, (address, process) = small(), next(iter(client.run(os.getpid).items()))

    def hang():
        os.kill(process, signal.SIGSTOP)
        threading.Timer(2.5, os.kill, (process, signal.SIGCONT)).start()

    cluster = DaskCluster(client, stall_seconds=0.5)
    with pytest.warns(RuntimeWarning, match=rf"worker {address} has not answered for \d.\d s, where the others took at most"):
        train(model, augment=AtStep(STEPS + 2, hang), cluster=cluster)
    assert np.array_equal(weights(model), expected)
    assert cluster.traffic.repeated == 0


def test_a_worker_that_hangs_too_long_is_left(own_client):
    expected, _ = trained()
    model, process = small(), next(iter(own_client.run(os.getpid).values()))
    cluster = DaskCluster(own_client, timeout=3)
    try:
        train(model, augment=AtStep(STEPS + 2, lambda: os.kill(process, signal.SIGSTOP)), cluster=cluster)
    finally:
        os.kill(process, signal.SIGCONT)
    assert np.array_equal(weights(model), expected)
    assert cluster.traffic.repeated == 1


def test_a_slow_worker_is_named(client, tmp_path):
    address, process = next(iter(client.run(os.getpid).items()))
    (tmp_path / f"slow {process}").touch()
    with pytest.warns(RuntimeWarning, match=rf"worker {address} took 0\.\d+ s for its \d images of a step, where the others"):
        train(watched(tmp_path), epochs=3, cluster=client)


def test_training_without_any_worker_ends(own_client):
    own_client.cluster.scale(0)
    while own_client.nthreads():
        time.sleep(0.05)
    with pytest.raises(TimeoutError, match=r"cluster: expected a worker, got none for 0\.3 s"):
        train(small(), cluster=DaskCluster(own_client, timeout=0.3))


def test_other_versions_are_named():
    with pytest.warns(RuntimeWarning, match=r"worker tcp://somewhere has numpy 1\.0, here .*may differ"):
        _warn_of_differences("tcp://somewhere", {"numpy": "1.0"})
