"""Warps as files, with theta as an input."""

import numpy as np
import pytest

import stn_numba as stn
from tests.onnx.running import onnx, onnxruntime

export_warp = pytest.importorskip("stn_numba.onnx").export_warp


def run(path, image, theta):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image.astype(np.float32), "theta": theta.astype(np.float32)})[0]


def thetas(transform, count=3, spread=0.2):
    transform = stn.get_transform(transform) if isinstance(transform, str) else transform
    return transform.identity() + np.random.default_rng(0).normal(0, spread, (count, transform.n_params))


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("transform", ["affine", "projective", "rotation", "tps", "radial"])
def test_a_warp_is_that_of_the_library(transform, align_corners, tmp_path):
    image, theta = np.random.default_rng(1).random((3, 11, 14, 3), np.float32), thetas(transform)
    export_warp(tmp_path / "w.onnx", (11, 14, 3), transform, (8, 9), align_corners=align_corners)
    expected = stn.warp(image, theta.astype(np.float32), transform, (8, 9), align_corners=align_corners)
    np.testing.assert_allclose(run(tmp_path / "w.onnx", image, theta), expected, atol=1e-4)


@pytest.mark.parametrize(("kernel", "padding"), [("bicubic", "border"), ("bilinear", "wrap"), ("lanczos3", "symmetric")])
def test_kernels_and_paddings(kernel, padding, tmp_path):
    image, theta = np.random.default_rng(1).random((3, 12, 9, 1), np.float32), thetas("affine", spread=0.5)
    export_warp(tmp_path / "w.onnx", (12, 9, 1), kernel=kernel, padding=padding)
    expected = stn.warp(image, theta.astype(np.float32), kernel=kernel, padding=padding)
    np.testing.assert_allclose(run(tmp_path / "w.onnx", image, theta), expected, atol=1e-3)


def test_channels_first_need_no_transposition(tmp_path):
    image, theta = np.random.default_rng(1).random((2, 3, 10, 12), np.float32), thetas("affine", 2)
    export_warp(tmp_path / "w.onnx", (10, 12, 3), layout="NCHW")
    expected = stn.warp(image, theta.astype(np.float32), layout="NCHW")
    np.testing.assert_allclose(run(tmp_path / "w.onnx", image, theta), expected, atol=1e-4)
    assert "Transpose" not in [node.op_type for node in onnx.load(tmp_path / "w.onnx").graph.node]


def test_what_the_file_says(tmp_path):
    export_warp(tmp_path / "w.onnx", (10, 12, 3), "tps", (5, 6))
    proto = onnx.load(tmp_path / "w.onnx")
    assert "image (batch, 10, 12, 3), theta (batch, 32), float32. Output: out (batch, 5, 6, 3)" in proto.doc_string
    assert "Warp by ThinPlateSpline(" in proto.doc_string


def test_arguments_are_checked_first(tmp_path):
    path = tmp_path / "w.onnx"
    with pytest.raises(ValueError, match=r"input_shape: expected \(H, W, C\), got \(10, 12\)"):
        export_warp(path, (10, 12))
    with pytest.raises(ValueError, match="padding: expected one of"):
        export_warp(path, (10, 12, 1), padding="mirror")
    with pytest.raises(ValueError, match="kernel"):
        export_warp(path, (10, 12, 1), kernel="bilinea")
    with pytest.raises(ValueError, match="transform: expected one of images"):
        export_warp(path, (10, 12, 1), stn.get_transform("affine", ndim=3))
    with pytest.raises(FileNotFoundError, match="no such folder"):
        export_warp(tmp_path / "none" / "w.onnx", (10, 12, 1))
    assert not path.exists()
