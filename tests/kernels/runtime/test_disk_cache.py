"""Compiled kernels on disk, with a kernel of one line."""

import logging
import os
import time

import numpy as np
import pytest

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.runtime import calls, disk_cache, source_digest
from stn_numba.kernels.runtime.cache_folders import CacheFolders
from stn_numba.kernels.signature import lay_out


def double(x, out):
    out[0] = x + x


class Codegen:
    @staticmethod
    def magic_tuple():
        return ("a machine",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "kernels-0123456789abcdef"
    path.mkdir()
    monkeypatch.setattr(disk_cache, "folders", lambda: CacheFolders((path,), path, "test"))
    return path


def compiled(*values):
    """Call a kernel as a new process would, and return (results, hits)."""
    kernel, results, hits = jit.kernel(double), [], 0
    for value in values:
        words, out = [], np.zeros(1, type(value))
        signature = lay_out((value, out), words)
        address, from_cache = kernel.compile(signature)
        entry = calls.Entry(address, signature)
        entry.run(entry.job(words))
        results.append(out.item())
        hits += from_cache
    return results, hits


def test_a_second_process_compiles_nothing(folder):
    assert compiled(1, 1.5) == ([2, 3.0], 0)
    assert len(list(folder.iterdir())) == 2
    assert compiled(1, 1.5) == ([2, 3.0], 2)


@pytest.mark.parametrize(
    "damage", [lambda c: b"", lambda c: c[:-1], lambda c: c[:40] + bytes([c[40] ^ 1]) + c[41:], lambda c: b"\x80" * 99]
)
def test_a_damaged_file_is_compiled_again(folder, damage):
    compiled(1)
    (file,) = folder.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert compiled(1) == ([2], 0)
    assert compiled(1) == ([2], 1)


def test_a_file_with_the_name_of_another_signature_is_not_used(folder):
    compiled(1)
    (one,) = folder.iterdir()
    compiled(1.5)
    (other,) = set(folder.iterdir()) - {one}
    other.write_bytes(one.read_bytes())
    assert compiled(1.5) == ([3.0], 0)


def test_other_sources_have_other_files(folder, monkeypatch):
    compiled(1)
    monkeypatch.setattr(source_digest, "file_digest", lambda path: "another")
    assert compiled(1) == ([2], 0)
    assert len(list(folder.iterdir())) == 2


def test_signatures_of_a_kernel_have_different_keys():
    one, other = (disk_cache.KernelCache(double, signature)._key("entry", Codegen) for signature in ("('int',)", "('float',)"))
    assert one != other


def test_calls_work_on_a_full_disk(folder, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk_cache.os, "replace", full)
    monkeypatch.setattr(disk_cache, "failures", {})
    with caplog.at_level(logging.INFO, "stn_numba"):
        assert compiled(1) == ([2], 0)
    assert "No space left" in caplog.text
    assert [why for why in disk_cache.failures.values() if "No space left" in why]
    assert not list(folder.iterdir())


def test_without_a_folder_every_process_compiles(monkeypatch):
    monkeypatch.setattr(disk_cache, "folders", lambda: CacheFolders((), None, "test"))
    assert compiled(1) == compiled(1) == ([2], 0)


def test_only_long_unused_versions_are_removed(folder):
    others = [folder.parent / name for name in ("kernels-00000000000000aa", "kernels-00000000000000bb", "photographs-of-my")]
    for other in others:
        other.mkdir()
        (other / "file").write_text("")
    for other in (others[0], others[2]):
        os.utime(other, (time.time() - 40 * 86400,) * 2)
    disk_cache._remove_old_versions(folder)
    assert [other.exists() for other in (folder, *others)] == [True, False, True, True]


def test_the_version_changes_with_options(monkeypatch):
    before = disk_cache._version()
    assert disk_cache._VERSION.fullmatch(before)
    monkeypatch.setattr(disk_cache.numba.config, "BOUNDSCHECK", 1)
    assert disk_cache._version() != before
