"""The benchmark of training on a cluster: its model, its page, and a short run."""

import json

import pytest

pytest.importorskip("distributed", reason="Dask is not installed")

import stn_numba as stn
from benchmarks.dask_training.__main__ import main
from benchmarks.dask_training.measure import SHORT, Stopwatch, train
from benchmarks.dask_training.model import CABLES, Network, Work
from tests.environment import unchanged

NETWORK = Network(latency=0.001, message=0.0005, bandwidth=1e8)
WORK = Work(driver=0.002, part=0.001, images=0.1, params=1_000_000, batch=2_000_000, outputs=1000)


def test_seconds_are_the_sum_of_what_one_step_does():
    """Send and receive by hand, machine by machine."""
    for machines in (1, 2, 5):
        moved = sum(1_000_000 + 2_000_000 / machines + 1000 / machines for _ in range(machines))  # there
        moved += sum(1_000_000 + 1000 / machines for _ in range(machines))  # and back
        exchange = 0.001 + sum(0.0005 for _ in range(machines - 1))
        expected = 0.002 + (0.001 + 0.1 / machines) / 2 + 2 * exchange + moved / 1e8
        assert WORK.seconds(machines, NETWORK, speed=2) == pytest.approx(expected)


def test_a_perfect_network_loses_only_what_is_not_shared():
    perfect = Network(0, 0, 1e30)
    assert Work(0, 0, 1, 10, 10, 10).efficiency(64, perfect) == pytest.approx(1)
    assert Work(1, 0, 1, 10, 10, 10).efficiency(64, perfect) == pytest.approx(2 / (64 * (1 + 1 / 64)))


def test_the_best_number_of_machines_is_where_the_slope_is_zero():
    """d/dW (images / W + W (2 message + 2 params / bandwidth)) = 0."""
    expected = (0.1 / (2 * 0.0005 + 2 * 1_000_000 / 1e8)) ** 0.5
    assert abs(WORK.best(NETWORK) - expected) <= 1
    assert WORK.most_at(2.0, NETWORK) == 0
    assert WORK.most_at(0.5, NETWORK) == max(m for m in range(1, 65) if WORK.efficiency(m, NETWORK) >= 0.5)


def test_a_cable_adds_its_times():
    for latency, bandwidth in CABLES.values():
        far = NETWORK.behind(latency, bandwidth)
        added = WORK.seconds(3, far) - WORK.seconds(3, NETWORK)
        assert added == pytest.approx(2 * latency + WORK.moved(3) / bandwidth)


def test_the_stopwatch_sees_most_of_a_step():
    watch = Stopwatch()
    step = train(SHORT[0], 4, 2, watch).step
    assert len(watch.seconds) == 12
    assert 0 < min(watch.seconds) < 10 * step


def test_a_short_run_writes_the_page(tmp_path):
    with unchanged():
        assert main(["--short", "--seconds", "0.1", "--out", str(tmp_path)]) == 0
    stn.set_num_threads(None)
    figures = json.loads((tmp_path / "cluster-training.json").read_text())
    (case,) = figures["cases"]
    assert case["moved"] == Work(**case["work"]).moved(2), "what moved is what the model says"
    text = (tmp_path / "cluster-training.md").read_text()
    assert "A short trial, whose figures mean nothing." in text
    assert f"| {case['network']}, batch {case['batch']} |" in text
    assert (tmp_path / "cluster-training.png").stat().st_size > 10_000
