"""Read IDX, the file format of MNIST. Safe for untrusted files.

The format, all numbers big-endian: two zero bytes, one byte for the type, one for the number of axes, a uint32 for the length
of each axis, then the values in C order.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_int, as_path

__all__ = ["read_idx"]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_AXES = 32
_CHUNK = 1 << 20  # bytes read at a time, so that a false header cannot cause a large allocation


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = 1 << 30) -> NDArray[Any]:
    """Read an IDX file, plain or compressed with gzip.

    Compression is detected from the first bytes, not from the name. No more is read or decompressed than the header announces,
    plus one byte.

    Parameters
    ----------
    path : path
        The file.
    max_bytes : int, default 2**30
        Largest allowed size of the values in bytes, after decompression. (The 60,000 training images of MNIST take 47 MB.)

    Returns
    -------
    ndarray
        The values in native byte order: uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    ValueError
        If the file is not IDX, is damaged or truncated, has bytes after its last value, or announces more than `max_bytes`. The
        message names the file.
    OSError
        If the file cannot be opened or read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "labels"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path, max_bytes = as_path(path, "path"), as_int(max_bytes, "max_bytes")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(f"{path}: expected a regular file")  # a pipe would block forever
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            if compressed:
                with gzip.GzipFile(fileobj=file) as unpacked:
                    return _read(unpacked, max_bytes)  # type: ignore[arg-type]
            return _read(file, max_bytes)
        except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path}: {error}") from error


def _read(file: BinaryIO, max_bytes: int) -> NDArray[Any]:
    dtype, shape = _read_header(file)
    kind = f"shape {shape}, {dtype.name}"
    # An axis of length 0 must not hide other axes that are too long for an array.
    promised = dtype.itemsize * math.prod(max(size, 1) for size in shape)
    if promised > max_bytes:
        raise ValueError(f"header promises {promised:,} bytes ({kind}), limit {max_bytes:,}")
    expected = dtype.itemsize * math.prod(shape)
    content = _read_bytes(file, expected + 1)
    if len(content) < expected:
        raise ValueError(f"cut off: expected {expected:,} bytes of values ({kind}), got {len(content):,}")
    if len(content) > expected:
        raise ValueError(f"bytes left over after the {expected:,} bytes of values ({kind})")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_header(file: BinaryIO) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = _read_bytes(file, 4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise ValueError(f"not an IDX file: expected 0, 0, type, number of axes; got {list(magic)}")
    if magic[2] not in _TYPES:
        raise ValueError(f"unknown IDX type: expected one of {list(_TYPES)}, got {magic[2]}")
    if not 1 <= magic[3] <= _MAX_AXES:
        raise ValueError(f"number of axes: expected 1 to {_MAX_AXES}, got {magic[3]}")
    sizes = _read_bytes(file, 4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ValueError(f"header cut off: expected {magic[3]} sizes of 4 bytes, got {len(sizes)} bytes")
    return np.dtype(_TYPES[magic[2]]), tuple(np.frombuffer(sizes, ">u4").tolist())


def _read_bytes(file: BinaryIO, count: int) -> bytearray:
    """Return up to `count` bytes, fewer at the end of the file; memory grows only with the bytes read."""
    content = bytearray()
    while len(content) < count:
        chunk = file.read(min(count - len(content), _CHUNK))
        if not chunk:
            break
        content += chunk
    return content
