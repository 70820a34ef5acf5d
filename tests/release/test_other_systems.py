"""A process that takes itself for macOS or Windows: the library is imported, and falls back from what only Linux has.

Only what Python asks the system for is replaced. Files, linkers and threads of macOS and Windows are not tested.
"""

import os
import subprocess
import sys

import pytest

from stn_numba.deploy import build_kernels
from stn_numba.kernels.runtime import cache_folders

SYSTEMS = {"macOS": ("darwin", "arm64"), "Windows": ("win32", "AMD64")}

# Libraries are imported as on this system, then the system is renamed, then stn_numba is imported.
RENAME = """
import builtins, concurrent.futures, getpass, multiprocessing.util, os, platform, shutil, subprocess, sys, tempfile, threading
import llvmlite.binding, numba, numpy, scipy.special
import numba.core.caching, numba.np.ufunc.parallel

system, machine = sys.argv[1:3]
sys.platform, platform.machine = system, lambda: machine
missing = {"darwin": ["sched_getaffinity"], "win32": ["sched_getaffinity", "register_at_fork", "fork", "geteuid", "getuid"]}
for name in missing[system]:
    delattr(os, name)
if system == "win32":
    sys.modules["fcntl"] = None  # so importing it fails
opened = builtins.open

def open_elsewhere(file, *arguments, **options):
    if str(file).startswith(("/proc", "/sys")):
        raise FileNotFoundError(file)
    return opened(file, *arguments, **options)

builtins.open = open_elsewhere
"""


def run(system, code):
    """What a program prints in a process that takes itself for another system; a wheel for that has no compiled kernels."""
    variables = {**os.environ, "NUMBA_NUM_THREADS": "2", "STN_NUMBA_PREBUILT": "off"}
    command = [sys.executable, "-W", "error", "-c", RENAME + code, *SYSTEMS[system]]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


WARP = """
import stn_numba as stn
from stn_numba.deploy import doctor

image = numpy.arange(2 * 9 * 11 * 3, dtype=numpy.float32).reshape(2, 9, 11, 3)
grid, _ = stn.get_transform("affine").forward(numpy.array([[0.6, 0.2, 0.1, -0.2, 0.7, 0.05]] * 2), (6, 8))
out, backprop = stn.sample_vjp(image, grid)
d_image, d_grid = backprop(numpy.ones_like(out))
numpy.testing.assert_allclose(d_image.sum(), out.size, rtol=1e-5)
"""


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_warp_with_its_gradient_gives_the_same_as_here(system):
    found = {}
    exec(f"import numpy\n{WARP}", found)
    said = run(system, f"{WARP}\nprint(out.sum(), stn.get_num_threads() >= 1, doctor(test=False)['kernels']['prebuilt'])")
    total, threads, prebuilt = said.split()
    assert float(total) == pytest.approx(float(found["out"].sum()), rel=1e-6)
    assert (threads, prebuilt) == ("True", "0")


def test_only_linux_on_known_machines_builds_libraries_of_kernels(monkeypatch):
    for system in ("darwin", "win32"):
        monkeypatch.setattr(sys, "platform", system)
        assert build_kernels.levels() == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_cache_is_in_the_usual_folder_of_the_system(system, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", SYSTEMS[system][0])
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = {"macOS": tmp_path / "Library" / "Caches", "Windows": tmp_path / "Local"}[system]
    assert cache_folders._user_folder() == folder / "stn-numba"
