"""Caches read a file once, until it changes."""

import os
import pickle

import numpy as np
import pytest

from stn_numba.data.images.cache import FolderCache, MemoryCache, NoCache, as_cache


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"one")
    return path


class Reads:
    """Counts how often it is called."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return np.full((2, 2, 1), self.count, np.uint8)


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_a_file_is_read_again_only_when_it_or_the_options_change(kind, file, tmp_path):
    cache, reads = as_cache("memory" if kind == "memory" else tmp_path / "cache"), Reads()
    for _ in range(2):
        assert cache.get(file, "a", reads).max() == 1
    assert cache.get(file, "b", reads).max() == 2
    file.write_bytes(b"other")
    assert cache.get(file, "b", reads).max() == 3
    os.utime(file, ns=(0, 0))
    assert cache.get(file, "b", reads).max() == 4
    assert cache.get(file, "b", reads).max() == 4


def test_a_folder_serves_later_runs_and_repairs_damaged_entries(file, tmp_path):
    reads = Reads()
    FolderCache(tmp_path / "cache").get(file, "a", reads)
    later = FolderCache(tmp_path / "cache")
    assert later.get(file, "a", reads).max() == 1
    (entry,) = (tmp_path / "cache").rglob("*.npy")
    for content in (b"", entry.read_bytes()[:-2], b"text"):
        entry.write_bytes(content)
        before = reads.count
        later.get(file, "a", reads)
        assert reads.count == before + 1
    assert len([path for path in (tmp_path / "cache").rglob("*") if path.is_file()]) == 1


def test_a_pickled_memory_cache_is_empty(file):
    cache = MemoryCache()
    cache.get(file, "a", Reads())
    assert pickle.loads(pickle.dumps(cache))._kept == {}
    assert cache._kept


def test_kinds_of_caches(tmp_path):
    assert isinstance(as_cache(None), NoCache)
    assert (tmp_path / "new").exists() is False
    as_cache(str(tmp_path / "new"))
    assert (tmp_path / "new").is_dir()
    with pytest.raises(TypeError, match="cache: expected a path, got bool"):
        as_cache(True)
