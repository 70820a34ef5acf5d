"""Tables of the addresses of parameters, gradients and states: the update kernels change all parameters in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.arrays import Arrays, Floats, as_kernel_array

__all__ = ["AddressTable", "address_tables"]

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


class AddressTable(NamedTuple):
    """The parameters of one dtype."""

    dtype: np.dtype[Any]
    learning_rates: list[float]
    addresses: NDArray[np.int64]  # rows: size of a parameter, addresses of parameter, gradient and arrays of the state
    arrays: list[Sequence[Floats]]  # kept alive


def address_tables(
    params: Arrays, gradients: Arrays, state: Mapping[str, Arrays], learning_rates: Mapping[str, float]
) -> list[AddressTable]:
    """Return the tables of all parameters that have a gradient.

    Kernels do not validate, so all arrays are checked here, before any is written to.
    """
    found: dict[np.dtype[Any], list[tuple[float, Sequence[Floats]]]] = {}
    for name, gradient in gradients.items():
        if name not in learning_rates:
            raise ValueError(f"learning_rates[{name!r}]: expected a rate, since there is a gradient of that name; got none")
        param = _checked(params, name, gradient, "params", _DTYPES)
        others = [_checked(arrays, name, gradient, f"state[{part!r}]", (param.dtype,)) for part, arrays in state.items()]
        arrays = [param, as_kernel_array(gradient, param.dtype), *others]
        found.setdefault(param.dtype, []).append((learning_rates[name], arrays))
    tables = []
    for dtype, rows in found.items():
        addresses = np.array([(arrays[0].size, *map(address_of, arrays)) for _, arrays in rows], np.int64)
        tables.append(AddressTable(dtype, [rate for rate, _ in rows], addresses, [arrays for _, arrays in rows]))
    return tables


def _checked(arrays: Arrays, name: str, gradient: Floats, what: str, dtypes: Sequence[np.dtype[Any]]) -> Floats:
    """Return an array that fits its gradient and that kernels can write to."""
    label = f"{what}[{name!r}]"
    if name not in arrays:
        raise ValueError(f"{label}: expected an array, since there is a gradient of that name; got none")
    array = arrays[name]
    if not isinstance(array, np.ndarray) or array.dtype not in dtypes or array.shape != np.shape(gradient):
        got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{label}: expected {' or '.join(map(str, dtypes))} {np.shape(gradient)}, as its gradient, got {got}")
    if not array.flags.carray:
        fault = "with gaps" if array.flags.writeable else "that is read-only"
        raise ValueError(f"{label}: expected an array that can be written to in place, got one {fault}: give a copy")
    return array
