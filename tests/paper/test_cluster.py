"""Experiments run side by side on a Dask cluster, with the results of this machine."""

import numpy as np
import pytest

distributed = pytest.importorskip("distributed", reason="Dask is not installed")

import stn_numba as stn  # noqa: E402
from stn_numba.paper import find_experiments, reproduce  # noqa: E402
from stn_numba.paper.cluster import Cell, run_on_cluster  # noqa: E402
from stn_numba.paper.results import read_results  # noqa: E402
from tests.environment import unchanged  # noqa: E402
from tests.paper.examples import DIGITS, small  # noqa: E402


@pytest.fixture(scope="module")
def address():
    options = {"threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    with unchanged() as restore, distributed.LocalCluster(n_workers=2, **options) as cluster:
        restore()
        yield cluster.scheduler_address


def cells(*names, **changes):
    return [Cell(experiment, 1, small(experiment, **changes)) for name in names for experiment in find_experiments(name)]


def test_cells_have_the_results_of_this_machine(address, tmp_path):
    chosen, lines = cells("fcn/R", "st-fcn/affine/R", budget=40_000), []
    results = run_on_cluster(address, chosen, DIGITS, tmp_path / "cluster", log=lines.append)
    here = [reproduce(cell.experiment, DIGITS, tmp_path, seed=1, settings=cell.settings, log=lines.append) for cell in chosen]
    assert sorted(read_results(tmp_path / "cluster" / "results.json"), key=str) == sorted(results, key=str)
    by_name = {result.experiment: result for result in results}
    for cell, expected in zip(chosen, here, strict=True):
        assert (by_name[cell.experiment.name].loss, by_name[cell.experiment.name].threads) == (expected.loss, 1)
        models = [stn.load(folder / f"{cell.name}.safetensors") for folder in (tmp_path, tmp_path / "cluster")]
        assert all(np.array_equal(array, models[1].params[name]) for name, array in models[0].params.items())
    assert lines[0] == "2 experiments on 2 workers"
    assert {line.split(":")[0] for line in lines[1:3]} == {"fcn-R-seed1", "st-fcn-affine-R-seed1"}


def test_a_failing_cell_is_named_when_the_others_are_done(address, tmp_path):
    chosen = [*cells("fcn/R", budget=40_000), *cells("cnn/R", budget=1)]
    with pytest.raises(RuntimeError, match="1 of 2 experiments failed, first cnn-R-seed1: ValueError: "):
        run_on_cluster(address, chosen, DIGITS, tmp_path, log=lambda line: None)
    assert [result.experiment for result in read_results(tmp_path / "results.json")] == ["fcn/R"]


def test_a_missing_scheduler_is_an_error(tmp_path):
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}), pytest.raises(OSError, match="tcp://127.0.0.1:1"):
        run_on_cluster("tcp://127.0.0.1:1", cells("fcn/R"), DIGITS, tmp_path)
