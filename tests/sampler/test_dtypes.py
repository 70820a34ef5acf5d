"""Every dtype is read as its numbers, and the result has the dtype of the image."""

import tracemalloc

import numpy as np
import pytest

import stn_numba as stn
from tests.sampler.examples import strided_image


@pytest.mark.parametrize("dtype", [np.float16, np.complex64, np.complex128, np.bool_, np.uint16, np.int8])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_identity_returns_the_image_in_its_dtype(dtype, layout):
    rng = np.random.default_rng(0)
    image = (rng.normal(size=(2, 4, 4, 4)) * 3 + 1j * rng.normal(size=(2, 4, 4, 4))).astype(complex)
    image = image.astype(dtype) if np.dtype(dtype).kind == "c" else image.real.astype(dtype)
    kernel = "nearest" if dtype is np.bool_ else "bilinear"
    zeros = np.zeros((1, 4, 4, 2))
    out = stn.sample(image, zeros, kernel=kernel, layout=layout, units="pixels", displacement=True)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, image)


@pytest.mark.parametrize("dtype", [np.float16, np.complex64, np.complex128, np.bool_])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_other_dtypes_are_read_as_their_numbers(dtype, layout):
    rng = np.random.default_rng(0)
    real, imaginary = (strided_image(rng, (2, 3, 5, 6), np.float64, strides) for strides in ("stepped", "reversed"))
    image = real + 1j * imaginary
    image = image.astype(dtype) if np.dtype(dtype).kind == "c" else image.real.astype(dtype)
    image = np.where(np.abs(image) > 0.5, image, 0).astype(dtype)[:, :, ::-1]
    kernel, fill = ("nearest", True) if dtype is np.bool_ else ("bicubic", 2 + 3j if np.dtype(dtype).kind == "c" else 2)
    options = {"kernel": kernel, "padding": "wrap", "layout": layout, "units": "pixels"}
    pixels = rng.uniform(-2, 8, (2, 4, 5, 2))
    parts = [image.real.astype(float), image.imag.astype(float)]
    expected = [
        stn.sample(part, pixels, fill=value, **options)
        for part, value in zip(parts, (np.real(fill), np.imag(fill)), strict=True)
    ]
    whole = np.zeros((*expected[0].shape[:3], 2 * expected[0].shape[3]), dtype)
    out = whole[..., ::2]
    for got in (stn.sample(image, pixels, fill=fill, **options), stn.sample(image, pixels, fill=fill, out=out, **options), out):
        assert got.dtype == dtype
        tolerance = 0 if dtype is np.bool_ else 5e-3 if dtype is np.float16 else 1e-5
        np.testing.assert_allclose(got.astype(complex), expected[0] + 1j * expected[1], atol=tolerance)
    assert not whole[..., 1::2].any()


def test_float16_overflows_to_infinity_without_a_warning():
    row = np.array([0, 65504, 65504, 0], np.float16).reshape(1, 1, 4, 1)  # the cubic swings over
    assert np.isinf(stn.sample(row, [[[[1.5, 0.0]]]], units="pixels", kernel="bicubic")).all()


def test_integers_are_rounded_to_even_and_clipped():
    image = np.array([0, 1, 2, 255], np.uint8).reshape(1, 1, 4, 1)
    positions = np.array([[0.5, 0], [1.5, 0], [9, 0], [3, 0]]).reshape(1, 1, 4, 2)
    out = stn.sample(image, positions, units="pixels", fill=254.5)
    assert out.ravel().tolist() == [0, 2, 254, 255]
    row = np.array([0, 250, 255, 255, 0], np.uint8).reshape(1, 1, 5, 1)
    assert stn.sample(row, [[[[2.5, 0]]]], units="pixels", kernel="bicubic").item() == 255


def test_only_float16_images_are_copied():
    nearest = [(dtype, 0, "nearest") for dtype in ("uint8", "bool", "float32", "complex64", "float16", "int64")]
    weighed = [("uint8", 0, "bilinear"), ("float32", 0, "bilinear"), ("complex64", 0, "bilinear"), ("float16", 2, "bilinear")]
    for dtype, factor, kernel in nearest + weighed:
        image = np.zeros((1, 500, 500, 8), dtype)[:, ::-1, ::2]
        grid = np.zeros((1, 4, 4, 2))
        stn.sample(image, grid, kernel=kernel)
        tracemalloc.start()
        try:
            stn.sample(image, grid, kernel=kernel)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert factor * image.nbytes <= peak < factor * image.nbytes + 2e5, dtype
