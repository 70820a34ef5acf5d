"""How to sample, as an object, and as a text that operators take: PyTorch's graphs hold numbers and texts only.

A transform by name is a text already. Objects, such as a `Transform` instance, are looked up by a key, as long as they exist.
"""

from __future__ import annotations

import functools
import itertools
import json
import weakref
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from stn_numba.sampler.interpolation import PiecewisePolynomial
from stn_numba.transform import registry
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import TransformLike, transform_from

__all__ = ["Options", "Sampling", "axes_of", "options_from", "text_of", "transform_of"]

_OBJECT = "object"

_objects: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
_numbers = itertools.count(1)


class Sampling(NamedTuple):
    """The options of `stn_numba.sample`; `layout` is that of image and output."""

    kernel: str | PiecewisePolynomial = "bilinear"
    padding: str | None = None
    fill: Any = None
    align_corners: bool = True
    antialias: bool = False
    layout: str = "NCHW"
    num_threads: int | None = None


class Options(NamedTuple):
    """A transform, or None where positions are given, and how to sample."""

    transform: Transform | None
    sampling: Sampling

    @property
    def function(self) -> str:
        """The public function that has such options, for errors."""
        return f"stn_numba.torch.{'grid_sample' if self.transform is None else 'warp'}"


@torch.compiler.assume_constant_result
def text_of(transform: TransformLike | None, *sampling: Any) -> str:
    """Return a transform and the fields of a `Sampling` as a text; PyTorch keeps it as a constant when it compiles a graph.

    Examples
    --------
    >>> text_of("affine", *Sampling(align_corners=False))
    '{"transform": "affine", "align_corners": false}'
    >>> options_from(text_of(("tps", {"control_points": (2, 3)}), *Sampling())).transform.n_params
    12
    """
    given = {
        name: value for name, value in Sampling(*sampling)._asdict().items() if value is not Sampling._field_defaults[name]
    }
    return json.dumps({"transform": transform, **given}, default=_plain)


@torch.compiler.assume_constant_result
def axes_of(transform: TransformLike) -> int:
    """Return how many axes a transform's images have: 2, or 3 for volumes.

    Examples
    --------
    >>> axes_of("affine"), axes_of(("affine", {"ndim": 3}))
    (2, 3)
    """
    if isinstance(transform, tuple) and len(transform) == 2 and isinstance(transform[0], str):
        name, options = transform
        return _made(name, json.dumps(options, default=_plain), registry.registered(name)).ndim
    made = _made(transform, "{}", registry.registered(transform)) if isinstance(transform, str) else transform_of(transform)
    return 2 if made is None else made.ndim


def _plain(value: Any) -> Any:
    """Convert what JSON does not know."""
    if isinstance(value, np.generic | np.ndarray | torch.Tensor):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    return {_OBJECT: _key_of(value)}


def _key_of(value: Any) -> str:
    """Return the key of an object, always the same one."""
    for key, other in _objects.items():
        if other is value:
            return key
    key = f"{type(value).__name__} {next(_numbers)}"
    _objects[key] = value
    return key


def options_from(text: str) -> Options:
    """Return the options that a text stands for."""
    given = json.loads(text)
    transform, sampling = given.pop("transform"), Sampling(**given)
    if isinstance(sampling.kernel, dict):
        sampling = sampling._replace(kernel=_object_from(sampling.kernel[_OBJECT]))
    return Options(_transform_from(transform), sampling)


def transform_of(value: TransformLike | None) -> Transform | None:
    """Return the transform that a name, a pair (name, options) or a transform stands for; None for None."""
    if value is None:
        return None
    return (registry.shared(value) if isinstance(value, str) else None) or transform_from(value)


def _transform_from(value: Any) -> Transform | None:
    """Return the transform that a JSON value stands for; one that is made by options only once."""
    if isinstance(value, list):
        return _made(value[0], json.dumps(value[1]), registry.registered(value[0]))
    return _object_from(value[_OBJECT]) if isinstance(value, dict) else transform_of(value)


@functools.lru_cache(32)
def _made(name: str, options: str, factory: Any) -> Transform:
    """Make a transform once, as its constructor may take long; `factory` is what has the name at the moment."""
    return transform_from((name, json.loads(options)))


def _object_from(key: str) -> Any:
    try:
        return _objects[key]
    except KeyError:
        raise RuntimeError(
            f"transform, kernel: the object {key!r} no longer exists, or belongs to another process: keep a reference to it, "
            "or give a transform by its name, or as a pair (name, options)"
        ) from None
