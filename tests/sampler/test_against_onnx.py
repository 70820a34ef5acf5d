"""The test cases of ONNX's operator GridSample, for images and for volumes."""

import numpy as np
import pytest

import stn_numba as stn

pytest.importorskip("onnx")


def node_cases():
    """(name, node, inputs, outputs) of each case."""
    from onnx.backend.test.case.node import gridsample

    found, kept = [], gridsample.expect
    gridsample.expect = lambda node, inputs, outputs, name: found.append((name, node, inputs, outputs))
    try:
        for name in dir(gridsample.GridSample):
            if name.startswith("export_") and "torch" not in name:
                getattr(gridsample.GridSample, name)()
    finally:
        gridsample.expect = kept
    return found


CASES = node_cases()


def test_there_are_cases_of_images_and_volumes():
    volumetric = [name for name, *_ in CASES if "volumetric" in name]
    assert len(volumetric) >= 4
    assert len(CASES) >= 18


@pytest.mark.parametrize(("node", "inputs", "outputs"), [case[1:] for case in CASES], ids=[name for name, *_ in CASES])
def test_case(node, inputs, outputs):
    (x, grid), (expected,) = inputs, outputs
    options = {"mode": b"linear", "padding_mode": b"zeros", "align_corners": 0}
    options |= {each.name: each.s or each.i for each in node.attribute}
    got = stn.sample(
        x,
        grid,
        kernel=options["mode"].decode(),
        padding=options["padding_mode"].decode(),
        align_corners=bool(options["align_corners"]),
        layout="NCDHW" if x.ndim == 5 else "NCHW",
    )
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, atol=1e-4)  # they are written with four digits
