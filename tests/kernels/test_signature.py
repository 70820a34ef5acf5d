"""Signatures of kernels, and their arguments as words of 8 bytes."""

import struct

import numpy as np
import pytest

from stn_numba.kernels.signature import lay_out, packer, symbol


def laid(*arguments):
    words = []
    return lay_out(arguments, words), words


def test_scalars_are_one_word():
    assert laid(3, 2.5, True, np.float32(1.5), np.float64(0.5)) == (
        ("int", "float", "bool", "float32", "float"),
        [3, 2.5, True, np.float32(1.5), 0.5],
    )


def test_arrays_are_an_address_and_a_shape():
    array = np.zeros((2, 3), np.uint8)
    assert laid(array) == (("uint8[2]",), [array.ctypes.data, 2, 3])


def test_tuples_keep_their_structure():
    array = np.zeros(4)
    assert laid((1, (2.0, array)), ()) == ((("int", ("float", "float64[1]")), ()), [1, 2.0, array.ctypes.data, 4])


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4)).T[1:], np.zeros((4, 4))[:, ::2], np.zeros((4, 4))[::-1], np.broadcast_to(np.zeros(3), (2, 3))]
)
def test_arrays_with_gaps_are_refused(array):
    with pytest.raises(ValueError, match="expected an array without gaps, got strides"):
        lay_out((array,), [])


def test_packed_words_unpack_to_the_same_words():
    signature, words = laid(7, -1.25, True, np.float32(0.1), (False, -(2**62)), np.ones((5, 6), np.int16))
    packed = packer(signature).pack(*words)
    assert len(packed) == 8 * len(words)
    assert struct.unpack("@qdqdqqqqq", packed) == tuple(words)


def test_arguments_that_only_give_a_type_have_no_words():
    assert packer(("int", "like float32", ("int", "like uint8"))).size == 16


def test_symbols_are_unique_for_kernel_and_signature():
    names = {
        symbol(kernel, signature)
        for kernel in ("kernels.sampling.forward.sample", "kernels.gradients.backward.gradient")
        for signature in (("int",), ("float",), (("int",),), ("int", "int"))
    }
    assert len(names) == 8
    assert all(name.isidentifier() for name in names)
    assert symbol("kernels.sampling.forward.sample", ("int",)).startswith("kernels_sampling_forward_sample_")
