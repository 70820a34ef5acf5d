"""The benchmark of Dask: its tiles are those of the whole warp, and a small image passes through both cases."""

import sys

import numpy as np
import pytest

import stn_numba as stn

pytest.importorskip("dask", reason="Dask is not installed")
from benchmarks.dask import cases, out_of_core, page, problem


def test_tiles_are_those_of_the_whole_warp():
    size = 700
    whole = stn.warp(problem.pixels(slice(0, size), slice(0, size)), problem.THETA)
    for top, left in ((0, 0), (650, 10), (300, 350), (0, 650)):
        part = slice(top, top + 50), slice(left, left + 50)
        np.testing.assert_array_equal(problem.tile(*part, size), whole[part])


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as on Linux")
def test_an_image_on_disk_is_warped_within_a_limit(monkeypatch):
    pytest.importorskip("zarr", reason="Zarr is not installed")
    monkeypatch.setattr(out_of_core, "TILES", 8)
    found = out_of_core.figures(2500, 1 << 30)
    assert found["tiles_that_differ"] == 0
    assert found["peak_bytes"] < 1 << 30
    assert found["image_bytes"] == 2500**2
    table = page._out_of_core(found)
    assert "| tiles that differ | 0 of 8 |" in table
    assert "| limit of memory | 1024 MiB |" in table


def test_a_tile_that_differs_is_found(tmp_path):
    zarr = pytest.importorskip("zarr", reason="Zarr is not installed")
    size = 300
    whole = stn.warp(problem.pixels(slice(0, size), slice(0, size)), problem.THETA)
    stored = zarr.create_array(tmp_path / "warped.zarr", shape=whole.shape, chunks=(100, 100), dtype=whole.dtype)
    stored[:] = whole
    assert out_of_core._different_tiles(tmp_path / "warped.zarr", size) == 0
    stored[size - 1, size - 1] = whole[-1, -1] + 1
    assert out_of_core._different_tiles(tmp_path / "warped.zarr", size) >= 1


def test_dask_image_gives_the_same_answer():
    pytest.importorskip("dask_image", reason="dask-image is not installed")
    from benchmarks.case import difference
    from benchmarks.dask import dask_image

    small = problem.DaskProblem(300)
    ours, (theirs,) = cases.our_call(small), dask_image.calls(small)
    assert difference(ours.read(ours.run()), theirs.read(theirs.run())) < theirs.tolerance
    assert dask_image.calls(None) == []
