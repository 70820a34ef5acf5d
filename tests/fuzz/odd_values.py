"""Odd values for arguments: of any type, and arrays of the same or other values in unusual forms."""

from __future__ import annotations

import array
import io

import numpy as np


class Subclass(np.ndarray):
    """A subclass that looks as other libraries' do."""


class OnlyDLPack:
    """What a tensor of another library offers at least."""

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


class Raises:
    """An object that cannot be made an array."""

    def __array__(self, *args, **options):
        raise ZeroDivisionError("no array today")


def same_values(rng, a):
    """The same values in another form; None if there is none."""
    a = np.asarray(a)
    if a.dtype.kind not in "fiu" or not a.ndim:
        return None
    forms = (
        lambda: a.tolist(),
        lambda: np.asfortranarray(a),
        lambda: a.astype(a.dtype.newbyteorder()),
        lambda: a.view(Subclass),
        lambda: np.ma.array(a),
        lambda: OnlyDLPack(a),
        lambda: memoryview(np.ascontiguousarray(a)),
        lambda: np.repeat(a, 2, axis=0)[::2],
        lambda: a[::-1].copy()[::-1],
        lambda: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),  # not aligned
    )
    return forms[rng.integers(len(forms))]()


def other_values(rng, a):
    """An array of other values, shape or dtype."""
    a = np.asarray(a)
    forms = (
        lambda: a[None],
        lambda: a[..., None],
        lambda: a.T,
        lambda: a[:0],
        lambda: a[1:],
        lambda: np.repeat(a, 2, axis=-1),
        lambda: np.full_like(a, np.nan) if a.dtype.kind == "f" else -a,
        lambda: np.where(rng.random(a.shape) < 0.3, np.inf, a),
        lambda: a * 1e30,
        lambda: a.astype(np.float16),
        lambda: a.astype(complex),
        lambda: a.astype(object),
        lambda: a.astype(str),
        lambda: a.astype(bool),
        lambda: a.astype(np.longdouble),
        lambda: a.astype(np.int64),
        lambda: np.matrix(a.reshape(len(a), -1)) if a.ndim else a,
        lambda: np.broadcast_to(a.dtype.type(1), a.shape),
        lambda: np.broadcast_to(a.dtype.type(1), (1, 1 << 20, 1 << 20, 1)[: max(a.ndim, 1)]),
        lambda: np.zeros((1 << 10, 0, 1 << 10, 3)[: max(a.ndim, 1)], a.dtype),
        lambda: a.view([("x", a.dtype)]),
    )
    return forms[rng.integers(len(forms))]()


ODD = (
    None, True, -1, 0, 1, 3, 1.5, 1e300, float("nan"), float("inf"), 10**30, -(2**63), 2**62, np.int8(-1), np.float32(2),
    "", "affine", "nearest", "zeros", "NCHW", "\0", "x" * 10_000, b"bytes", object(), [], [[]], [[1], [1, 2]], {}, {"a": 1}, (),
    set(), lambda *_: 1 / 0, ..., Raises(), np.array(None), np.array("x"), np.datetime64("2020-01-01"), np.zeros(2, "m8[s]"),
    np.zeros(3, [("x", "f4")]), (1,), (2, 3), (0, 0), (-1, 2), (1.5, 2), ("a", "b"), (2, 3, 4), (1 << 40, 1 << 40),
    (1 << 31, 0), [np.nan] * 4, array.array("d", [1, 2]), range(3), io.BytesIO(b"x"), type, np.float32,
    iter([1, 2]), 1j, np.zeros(()),
)  # fmt: skip
