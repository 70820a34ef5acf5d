"""First calls: many at once, without a writable folder, or without a home folder.

Libraries of kernels would need no cache, so they are turned off.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stn_numba
import stn_transforms
from tests.stress.processes import LONG, PROGRAMS, environment


def start(program, **variables):
    return subprocess.Popen(
        [sys.executable, str(PROGRAMS), program, *(["long"] if LONG else [])],
        env=environment(STN_NUMBA_PREBUILT="off", **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_first_calls_race_in_eight_threads(program, layer, tmp_path):
    program("racing_first_calls", layer, STN_NUMBA_CACHE_DIR=str(tmp_path), STN_NUMBA_PREBUILT="off")


def test_first_calls_race_in_eight_processes_on_one_cache(tmp_path):
    racers = [start("one_kernel", STN_NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(8)]
    for racer in racers:
        output, errors = racer.communicate(timeout=1200)
        assert racer.returncode == 0, errors
        assert str(tmp_path) in output
    late = start("one_kernel", STN_NUMBA_CACHE_DIR=str(tmp_path))
    assert late.communicate()[0].split()[0] == "cached"
    (version,) = tmp_path.iterdir()
    assert {file.suffix for file in version.iterdir()} == {".kernel"}  # no half-written files are left


def test_a_kernel_from_the_cache_needs_no_compiler(tmp_path):
    """Numba's compiler is not loaded: its registries import SciPy and take half a second."""
    code = (
        "import sys, numpy as np, stn_numba.nn as nn; nn.MaxPool(2).forward(np.ones((1, 4, 4, 1), np.float32)); "
        "print('numba.np.arraymath' in sys.modules)"
    )
    variables = environment(STN_NUMBA_CACHE_DIR=str(tmp_path), STN_NUMBA_PREBUILT="off")
    runs = [subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True) for _ in range(2)]
    assert [run.stdout.strip() for run in runs] == ["True", "False"], runs[1].stderr


@pytest.fixture
def install(tmp_path):
    """A read-only copy of the package with a read-only home; only the temporary folder is writable."""
    if sys.platform != "linux":
        pytest.skip("folders are made read-only as Linux does")
    packages = {
        "stn_numba": Path(stn_numba.__file__).parent,
        "plugins/stn_transforms": Path(stn_transforms.__file__).parent,
        "tests/stress": PROGRAMS.parent,
    }
    for name, folder in packages.items():
        shutil.copytree(folder, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    # without this, Python takes another folder where TMPDIR cannot be written to
    (tmp_path / "sitecustomize.py").write_text("import os, tempfile\ntempfile.tempdir = os.environ['TMPDIR']\n")
    close(tmp_path, 0o555)
    (tmp_path / "temporary").chmod(0o755)
    yield tmp_path
    close(tmp_path, 0o755)


def close(folder, mode):
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(mode)


def start_installed(install, *arguments, **variables):
    """Run one_kernel of the copy; for root, without the privilege to write where the mode forbids it."""
    prefix = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root can write everywhere, and there is no setpriv to change that")
        prefix = ["setpriv", "--bounding-set=-all"]
    path = os.pathsep.join([str(install), str(install / "plugins")])
    found = {
        "STN_NUMBA_PREBUILT": "off",
        "PYTHONPATH": path,
        "TMPDIR": str(install / "temporary"),
        "HOME": str(install / "home"),
    }
    found |= dict.fromkeys(("NUMBA_CACHE_DIR", "STN_NUMBA_CACHE_DIR", "XDG_CACHE_HOME"))
    program = arguments or [str(install / "tests/stress/programs.py"), "one_kernel"]
    command = [*prefix, sys.executable, *program]
    result = subprocess.run(command, env=environment(**found | variables), cwd=install, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_a_read_only_install_without_a_home_keeps_kernels_in_the_temporary_folder(install):
    said, folder = start_installed(install)
    assert said == "compiled"
    private = install / f"temporary/stn-numba-{os.geteuid()}"
    assert folder.startswith(f"{private}/kernels-")
    assert private.stat().st_mode & 0o777 == 0o700
    assert start_installed(install) == ["cached", folder]


def test_without_any_folder_calls_still_work(install):
    (install / "temporary").chmod(0o555)
    assert start_installed(install) == ["compiled", "None"]


def test_kernels_compiled_at_build_time_are_used_where_nothing_can_be_written(install):
    (install / "stn_numba").chmod(0o755)
    said, folder = start_installed(install)
    assert said == "compiled"
    assert folder.startswith(f"{install}/stn_numba/__pycache__/kernels/kernels-")
    close(install, 0o555)
    assert start_installed(install) == ["cached", "None"]


def test_a_missing_cache_is_logged_once(install):
    (install / "temporary").chmod(0o555)
    code = (
        "import logging, sys; logging.basicConfig(level='INFO', stream=sys.stdout, format='%(name)s %(message)s')\n"
        "import stn_numba.nn as nn, numpy as np\n"
        "for _ in range(2): nn.MaxPool(2).forward(np.ones((1, 4, 4, 1), np.float32))"
    )
    words = " ".join(start_installed(install, "-c", code))
    assert (
        words.count("stn_numba.kernels.runtime.disk_cache new kernels are not cached on disk: no folder can be written to") == 1
    )
