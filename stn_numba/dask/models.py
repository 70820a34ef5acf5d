"""Models over Dask arrays of images."""

from __future__ import annotations

import hashlib
import operator
import pickle
import threading
import weakref
from typing import Any, ClassVar

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph
from numpy.typing import NDArray

from stn_numba._util.arguments import as_int
from stn_numba.dask.inputs import as_dask
from stn_numba.nn import Model
from stn_numba.threads import limit_threads

__all__ = ["SharedModel", "predict", "transform"]


def predict(model: Model, images: Any, *, num_threads: int = 1) -> Any:
    """Return what a model predicts for images, lazily.

    A worker process gets one copy of the model, which all of its tasks and threads share. The model is copied when you call
    `predict`: training it further does not change predictions that are computed later.

    Parameters
    ----------
    model : Model
        Of any kind, such as a `Classifier`.
    images : dask.array.Array, xarray.DataArray or array_like
        As the model's `predict` takes them, chunked along the first axis: a chunk is a batch. Chunks along other axes are
        joined.
    num_threads : int, default 1
        Threads for each chunk: Dask computes as many chunks at a time as it has threads.

    Returns
    -------
    dask.array.Array
        As the model's `predict` returns it; a dict of arrays for several heads.

    Raises
    ------
    TypeError, ValueError
        If `model` is no model, or images do not fit it; pixels are examined when chunks are computed.

    Examples
    --------
    >>> import stn_numba as stn
    >>> model = stn.models.st_fcn(input_shape=(12, 12, 1), n_classes=3)
    >>> predict(model, np.zeros((10, 12, 12), np.float32)).compute().shape
    (10,)
    """
    return _mapped(model, images, "predict", {}, num_threads)


def transform(model: Model, images: Any, *, transformer: int | str = 0, num_threads: int = 1) -> da.Array:
    """Return what a spatial transformer of a model makes of images, lazily: the model's ``transform``.

    Parameters
    ----------
    model, images, num_threads
        As for `predict`.
    transformer : int or str, default 0
        As for the model's `transform`.

    Returns
    -------
    dask.array.Array, (N, h, w, C) or (N, d, h, w, C)

    Raises
    ------
    TypeError, ValueError
        As `predict`, and if there is no such transformer.

    Examples
    --------
    >>> import stn_numba as stn
    >>> model = stn.models.st_fcn(input_shape=(12, 12, 1), n_classes=3)
    >>> transform(model, np.zeros((10, 12, 12), np.float32)).shape
    (10, 12, 12, 1)
    """
    result: da.Array = _mapped(model, images, "transform", {"transformer": transformer}, num_threads)
    return result


class SharedModel:
    """A copy of a model, of which a process holds only one, however often it receives it.

    Parameters
    ----------
    data : bytes
        The pickled model.
    token : str
        What tells models apart: see `of`, which makes copies.
    """

    _lock = threading.Lock()
    _known: ClassVar[weakref.WeakValueDictionary[str, SharedModel]] = weakref.WeakValueDictionary()

    def __init__(self, data: bytes, token: str) -> None:
        self.data, self.token = data, token
        self.model: Model = pickle.loads(data)  # made by this package, from a model that the caller holds

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedModel.of, (self.data,)

    def __dask_tokenize__(self) -> str:
        return self.token

    @classmethod
    def of(cls, data: bytes) -> SharedModel:
        """Return the copy that this process has, or make one."""
        token = hashlib.sha256(data).hexdigest()
        with cls._lock:
            found = cls._known.get(token)
            if found is None:
                found = cls._known[token] = cls(data, token)
            return found


def _mapped(model: Model, images: Any, method: str, options: dict[str, Any], num_threads: int) -> Any:
    """The results of a method of a model for each chunk of images."""
    if not isinstance(model, Model):
        raise TypeError(f"model: expected a Model, got {type(model).__name__}")
    as_int(num_threads, "num_threads", least=1)
    images = as_dask(images)
    images = images.rechunk({axis: -1 for axis in range(1, images.ndim)})
    example = getattr(model, method)(np.zeros((0, *images.shape[1:]), images.dtype), **options)
    shared = SharedModel.of(pickle.dumps(model))
    name = f"stn-{method}-{tokenize(images.name, shared, options)}"
    key = f"{name}-model"
    graph: dict[Any, Any] = {key: shared}
    for n in range(images.numblocks[0]):
        graph[(name, n)] = _computed, key, method, options, num_threads, (images.name, n, *[0] * (images.ndim - 1))
    if isinstance(example, dict):
        return {head: _array(graph, name, images, part, head) for head, part in example.items()}
    return _array(graph, name, images, example, None)


def _array(graph: dict[Any, Any], name: str, images: da.Array, example: NDArray[Any], head: str | None) -> da.Array:
    """The results of all chunks as an array; of one head, if there are several."""
    own, rest = f"{name}-{tokenize(head)}-output", [0] * (example.ndim - 1)
    tasks: dict[Any, Any] = {}
    for n in range(images.numblocks[0]):
        result = name, n
        tasks[(own, n, *rest)] = (np.asarray, result) if head is None else (operator.getitem, result, head)
    layers = HighLevelGraph.from_collections(own, {**graph, **tasks}, dependencies=[images])
    return da.Array(layers, own, (images.chunks[0], *((size,) for size in example.shape[1:])), dtype=example.dtype)


def _computed(shared: SharedModel, method: str, options: dict[str, Any], num_threads: int, images: NDArray[Any]) -> Any:
    """The result for one chunk."""
    with limit_threads(num_threads):
        return getattr(shared.model, method)(images, **options)
