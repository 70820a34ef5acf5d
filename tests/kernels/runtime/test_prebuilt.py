"""Libraries of kernels: only a matching one is used, and calls work without."""

import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from stn_numba.kernels.runtime import calls, cpu, prebuilt
from stn_numba.kernels.runtime.addresses import address_of

CC = shutil.which("cc") or shutil.which("gcc")
needs_linker = pytest.mark.skipif(CC is None or not sys.platform.startswith("linux"), reason="no compiler of C, or no ELF")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of libraries, on a CPU of level v3, and no settings."""
    for name in ("STN_NUMBA_PREBUILT", *prebuilt._OTHER_CODE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(prebuilt, "FOLDER", tmp_path)
    monkeypatch.setattr(cpu, "levels", lambda: ("v3",))
    prebuilt.library.cache_clear()
    yield tmp_path
    prebuilt.library.cache_clear()


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A library with one function, `kernel`."""
    source = tmp_path_factory.mktemp("library") / "kernel.c"
    source.write_text("void kernel(void) {}\n")
    subprocess.run([CC, "-shared", "-nostdlib", "-fPIC", "-o", str(source.with_suffix(".so")), str(source)], check=True)
    return source.with_suffix(".so").read_bytes()


def put(folder, level, content, name=None):
    path = folder / (name or prebuilt.file_name(level))
    path.write_bytes(content)
    return path


@needs_linker
def test_a_matching_library_is_used(folder, content):
    path = put(folder, "v3", content)
    assert prebuilt.library().path == path
    assert prebuilt.level() == "v3"
    assert prebuilt.why_not() == ""
    assert prebuilt.address("kernel")
    assert prebuilt.address("another") is None


@needs_linker
def test_the_best_level_of_this_cpu_is_used(folder, content, monkeypatch):
    for level in ("v3", "v4"):
        put(folder, level, content)
    assert prebuilt.level() == "v3"  # the CPU lacks v4
    monkeypatch.setattr(cpu, "levels", lambda: ("v4", "v3"))
    for setting, expected in (("", "v4"), ("v3", "v3"), (" V4 ", "v4"), ("off", None), ("v5", None)):
        monkeypatch.setenv("STN_NUMBA_PREBUILT", setting)
        prebuilt.library.cache_clear()
        assert prebuilt.level() == expected


@needs_linker
def test_after_a_damaged_library_the_next_level_is_used(folder, content, monkeypatch):
    monkeypatch.setattr(cpu, "levels", lambda: ("v4", "v3"))
    put(folder, "v4", content[:-1])
    put(folder, "v3", content)
    assert prebuilt.level() == "v3"


@pytest.fixture
def untouchable(monkeypatch):
    """Loading any library fails the test."""

    def fail(path, level):
        raise AssertionError(f"{path} was loaded")

    monkeypatch.setattr(prebuilt, "Library", fail)


@needs_linker
@pytest.mark.parametrize("name", ["kernels-v3-0123456789abcdef.so", "kernels-v3.so", "other.so"])
def test_a_library_of_other_sources_is_never_loaded(folder, content, untouchable, name):
    put(folder, "v3", content, name)
    assert prebuilt.address("kernel") is None
    assert prebuilt.why_not()


@needs_linker
def test_a_library_for_a_level_the_cpu_lacks_is_never_loaded(folder, content, untouchable, monkeypatch):
    path = put(folder, "v4", content)
    assert prebuilt.why_not() == f"none can be used of {path.name}: damaged, or for other CPUs or sources than these"
    monkeypatch.setenv("STN_NUMBA_PREBUILT", "v4")  # nor if it is asked for
    prebuilt.library.cache_clear()
    assert prebuilt.library() is None
    monkeypatch.setattr(cpu, "levels", lambda: ())
    monkeypatch.delenv("STN_NUMBA_PREBUILT")
    put(folder, "v3", content)
    prebuilt.library.cache_clear()
    assert prebuilt.why_not() == "none is built for a CPU like this one"


@needs_linker
@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("STN_NUMBA_PREBUILT", "off", "turned off by STN_NUMBA_PREBUILT"),
        ("NUMBA_BOUNDSCHECK", "1", "NUMBA_BOUNDSCHECK is set"),
        ("NUMBA_OPT", "0", "NUMBA_OPT is set"),
    ],
)
def test_settings_turn_libraries_off(folder, content, untouchable, monkeypatch, name, value, why):
    put(folder, "v3", content)
    monkeypatch.setenv(name, value)
    assert prebuilt.library() is None
    assert prebuilt.why_not() == why


def test_without_libraries_the_reason_is_given(folder):
    assert prebuilt.library() is None
    assert prebuilt.why_not() == "this installation was made without"


@pytest.mark.parametrize(
    "damage", [lambda c: b"", lambda c: c[:40], lambda c: c[:-1], lambda c: c[: len(c) // 2], lambda c: b"MZ" + c[2:]]
)
@needs_linker
def test_a_damaged_library_is_not_loaded(folder, content, untouchable, caplog, damage):
    path = put(folder, "v3", damage(content))
    with caplog.at_level(logging.WARNING, "stn_numba"):
        assert prebuilt.library() is None
    assert f"{path} cannot be loaded, kernels are compiled instead" in caplog.text


def test_calls_work_without_a_matching_library(folder):
    put(folder, "v3", b"no library")
    put(folder, "v3", b"no library", "kernels-v3-0123456789abcdef.so")
    kernel, matrix, result, kind = (
        calls.Kernel("kernels.sampling.pixel_homographies", "between_pixels"),
        np.eye(3),
        np.empty((3, 3)),
        np.empty(2),
    )
    places = [address_of(array) for array in (matrix, result, kind)]
    kernel(places[0], 8, 1, True, (5, 5), (5, 5), (-1.0, -1.0), (0.5, 0.5), *places[1:])
    np.testing.assert_array_equal(result, np.eye(3))
    assert calls.loaded()[-1].kernel == "kernels.sampling.pixel_homographies.between_pixels"
    assert calls.loaded()[-1].source in ("cache", "compiled")


def test_stn_numba_prebuilt_off_is_obeyed():
    code = "from stn_numba.kernels.runtime import prebuilt; print(prebuilt.library(), prebuilt.why_not())"
    variables = {**os.environ, "STN_NUMBA_PREBUILT": "off"}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "turned", "off", "by", "STN_NUMBA_PREBUILT"]
