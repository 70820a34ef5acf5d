"""Guarded memory finds a stray read or write; and calls that once made one."""

import os
import signal

import numpy as np
import pytest

from stn_numba import DenseGrid, MatrixGrid, sample, sample_vjp
from tests.fuzz.guarded import guarded, laid_out, own_results_of, untouched


def touch(array, *, byte, write=False):
    """How a child process ends that touches a byte before (-1) or behind (size) an array."""
    child = os.fork()
    if not child:
        import ctypes
        import faulthandler

        faulthandler.disable()  # the crash is expected: no traceback in the log

        address = array.ctypes.data + byte
        if write:
            ctypes.memset(address, 0, 1)
        else:
            ctypes.string_at(address, 1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


@pytest.mark.parametrize("write", [False, True])
def test_a_stray_read_or_write_crashes_the_process(write):
    for at_end, outside, inside in ((True, 12, 11), (False, -1, 0)):
        array = guarded(np.arange(3, dtype=np.float32), at_end=at_end)
        assert touch(array, byte=outside, write=write) == signal.SIGSEGV
        assert touch(array, byte=inside, write=write) == 0


def test_a_copy_of_any_strides_holds_the_same_values():
    values = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    for options in ({}, {"order": [3, 1, 0, 2]}, {"gaps": [1, 0, 2, 3]}, {"negative": [0, 2]}):
        np.testing.assert_array_equal(guarded(values, **options), values)


def test_writes_beside_an_array_are_found():
    view, flat = laid_out((2, 3), np.uint8, gaps=[0, 1])
    view[...] = 0
    assert untouched(flat, view)
    flat[1] = 0
    assert not untouched(flat, view)


def odd_image(channels, form):
    image = np.random.default_rng(0).normal(size=(1, 5, 6, channels)).astype(np.float32)
    forms = {"order": [3, 2, 1, 0]}, {"negative": [1, 2]}, {"gaps": [0, 0, 5, 0]}
    return image, guarded(image, **forms[form])


@pytest.mark.parametrize("form", range(3))
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_gradients_of_strided_images_stay_inside_their_memory(channels, form, monkeypatch):
    """The gradient by an image is packed, also for a strided image: once a memory corruption."""
    for module, guarded_numpy in own_results_of("stn_numba.sampler"):
        monkeypatch.setattr(module, "np", guarded_numpy)
    points = np.random.default_rng(1).uniform(-1.3, 1.3, (1, 4, 4, 2)).astype(np.float32)
    image, odd = odd_image(channels, form)
    child = os.fork()
    if not child:
        ways = [sample_vjp(some, points)[1](np.ones((1, 4, 4, channels), np.float32)) for some in (image, odd)]
        os._exit(0 if all(np.allclose(a, b, atol=1e-4) for a, b in zip(*ways, strict=True)) else 3)
    assert os.waitpid(child, 0)[1] == 0


def test_fortran_ordered_matrices_are_read_correctly():
    """Found by the fuzz: kernels took a matrix in Fortran order for one in C order."""
    matrix = np.array([[[1.2, 0.3, 0.2], [0.2, 0.9, -0.25], [-0.2, 0.1, 1.0]], [[0.9, 0.1, 0], [0, 1.1, 0], [0, 0, 1]]])
    image = np.random.default_rng(0).normal(size=(2, 5, 6, 1)).astype(np.float32)
    expected = sample(image, MatrixGrid(matrix, (3, 4)))
    np.testing.assert_array_equal(sample(image, MatrixGrid(np.asfortranarray(matrix), (3, 4))), expected)


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_the_last_pixel_of_three_channels_is_not_read_four_wide(kernel):
    """Found by the fuzz: it was read four wide, an element behind the image."""
    image = guarded(np.ones((1, 3, 5, 3), np.float32))
    child = os.fork()
    if not child:
        for x, y in ((4, 2), (3.5, 2), (4, 1.2), (2, 2)):
            sample(image, DenseGrid(np.full((1, 1, 17, 2), (x / 2 - 1, y - 1), np.float32)), kernel=kernel, num_threads=1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("padding", ["border", "symmetric", "reflect101", "reflection", "wrap"])
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_an_image_one_pixel_high_has_no_vertical_gradient(kernel, padding):
    """Found by the fuzz: bilinear slopes took what lies beyond the lone pixel for zero."""
    image, points = np.full((1, 1, 5, 1), 3.0), np.array([[[[1.3, -0.3], [1.3, 0.3], [1.3, 2.4]]]])
    out, backprop = sample_vjp(image, points, kernel=kernel, padding=padding, units="pixels")
    np.testing.assert_allclose(out, 3)
    np.testing.assert_allclose(backprop(np.ones_like(out))[1][..., 1], 0, atol=1e-9)
