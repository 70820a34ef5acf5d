"""Tensors and transforms for the tests of the bridge to PyTorch."""

import numpy as np

import stn_numba as stn
from stn_numba.transform import Transform


class FishEye(Transform):
    """A transform that makes positions, not a matrix, with gradients of its own."""

    n_params = 1

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        return self.apply_vjp(np.asarray(theta), np.asarray(points))[0]

    def apply_vjp(self, theta, points):
        bend = points * np.sum(points**2, axis=-1, keepdims=True)
        return points + theta[:, None] * bend, lambda d: np.sum(d * bend, axis=(1, 2))[:, None].astype(theta.dtype)


def images(torch, *shape, dtype=None, seed=0, **options):
    """Noise as a tensor."""
    values = np.random.default_rng(seed).normal(size=shape)
    return torch.tensor(values, dtype=dtype or torch.float64, **options)


def parameters(torch, transform, count, dtype=None, seed=0, **options):
    """Parameters near the identity, so that pixels are read off the pixel lines."""
    identity = transform.identity()
    values = identity + np.random.default_rng(seed).normal(0, 0.1, (count, len(identity)))
    return torch.tensor(values, dtype=dtype or torch.float64, **options)


def all_transforms():
    """(name, transform) of every registered transform and of a class of our own."""
    names = [name for name in stn.available_transforms() if name not in ("bounded", "compose")]
    yield from ((name, stn.get_transform(name)) for name in names)
    yield "bounded", stn.bounded("affine")
    yield "own class", FishEye()
