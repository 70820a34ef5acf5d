"""Reading IDX files."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stn_numba.data import read_idx

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
LABELS = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1])


def idx_bytes(values):
    code = CODES[values.dtype.str[1:]]
    sizes = np.array(values.shape, ">u4").tobytes()
    return bytes([0, 0, code, values.ndim]) + sizes + values.astype(values.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def idx_file(tmp_path):
    """idx_file(content) writes a file and returns its path."""

    def write(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def test_a_file_written_by_hand_is_read(idx_file):
    content = bytes([0, 0, 11, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 255, 254])
    values = read_idx(idx_file(content))
    assert values.tolist() == [[256, -2]]
    assert values.dtype == np.int16
    assert values.dtype.isnative


@given(
    st.sampled_from(sorted(CODES)).flatmap(
        lambda code: arrays.arrays(
            code, arrays.array_shapes(max_dims=4, max_side=4) | arrays.array_shapes(max_dims=2, min_side=0)
        )
    ),
    st.booleans(),
)
def test_every_dtype_and_shape_is_read_back(tmp_path_factory, values, compress):
    path = tmp_path_factory.mktemp("idx") / "file"
    content = idx_bytes(values)
    path.write_bytes(gzip.compress(content) if compress else content)
    read = read_idx(path)
    assert read.dtype == values.dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, values)


def test_compression_is_told_by_content_not_by_name(idx_file):
    assert read_idx(idx_file(LABELS, "plain.gz")).tolist() == [7, 2, 1]
    assert read_idx(idx_file(gzip.compress(LABELS, mtime=0), "packed")).tolist() == [7, 2, 1]


def test_result_is_writable(idx_file):
    values = read_idx(idx_file(LABELS))
    values[0] = 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (LABELS[:3], "not an IDX file"),
        (b"PNG\0" + LABELS, "not an IDX file"),
        (bytes([0, 0, 10, 1]) + LABELS[4:], "unknown IDX type.*got 10"),
        (bytes([0, 0, 8, 0, 5]), "number of axes.*got 0"),
        (bytes([0, 0, 8, 255]) + bytes(4 * 255), "number of axes.*got 255"),
        (LABELS[:6], "header cut off"),
        (LABELS[:-1], "cut off: expected 3 bytes.*got 2"),
        (LABELS + b"\0", "left over after the 3 bytes"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_bad_files_are_refused_by_name(idx_file, content, message, pack):
    with pytest.raises(ValueError, match=f"file: .*{message}"):
        read_idx(idx_file(pack(content)))


def damaged_gzip():
    content = bytearray(gzip.compress(LABELS, mtime=0))
    content[-8] ^= 1  # the checksum
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        damaged_gzip(),
        gzip.compress(LABELS, mtime=0)[:-9],
        gzip.compress(LABELS, mtime=0)[:5],
        gzip.compress(LABELS, mtime=0) + b"rubbish",
        b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 20,
    ],
)
def test_bad_gzip_is_refused(idx_file, content):
    with pytest.raises(ValueError, match="file: "):
        read_idx(idx_file(content))


@given(st.binary(max_size=60), st.booleans())
def test_random_bytes_are_read_or_refused(tmp_path_factory, rubbish, plausible):
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(bytes([0, 0, 8, 1]) + rubbish if plausible else rubbish)
    with contextlib.suppress(ValueError):
        assert read_idx(path, max_bytes=1000).nbytes <= 1000


@pytest.mark.parametrize("sizes", [[1 << 30, 2], [0xFFFFFFFF] * 3, [0, 0xFFFFFFFF, 0xFFFFFFFF]])
def test_headers_that_promise_too_much_are_refused(idx_file, sizes):
    content = bytes([0, 0, 8, len(sizes)]) + np.array(sizes, ">u4").tobytes()
    with pytest.raises(ValueError, match=r"header promises .* limit 1,073,741,824"):
        read_idx(idx_file(content))


def peak_memory(path):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"cut off|left over"):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_wrong_header_allocates_nothing(idx_file):
    header = bytes([0, 0, 8, 1]) + np.array([1 << 29], ">u4").tobytes()
    assert peak_memory(idx_file(header)) < 4 << 20
    assert peak_memory(idx_file(gzip.compress(header))) < 4 << 20


def test_a_gzip_bomb_is_not_unpacked(idx_file):
    assert peak_memory(idx_file(gzip.compress(LABELS + bytes(50 << 20)))) < 4 << 20


def test_max_bytes_can_be_changed(idx_file):
    path = idx_file(LABELS)
    assert read_idx(path, max_bytes=3).size == 3
    with pytest.raises(ValueError, match="limit 2"):
        read_idx(path, max_bytes=2)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")
