"""Leave out the examples of modules whose library is not installed, and on Windows what needs POSIX."""

import importlib.util
import sys
from pathlib import Path

OPTIONAL = {"dask*": "dask", "notebook*": "ipywidgets", "torch*": "torch"}  # {files of stn_numba: the library that they need}
POSIX = (  # they fork, limit or guard memory, or look at the owners of files
    "fuzz",
    "kernels/runtime/test_cache_folders.py",
    "nn/training/killed_run.py",
    "nn/training/small_memory.py",
    "sampler/robustness/guarded_calls.py",
    "stress",
)


def pytest_configure(config):
    """Ignore files by an option: the lists in a conftest.py do not reach a package that is installed elsewhere."""
    package, tests = Path(importlib.util.find_spec("stn_numba").origin).parent, Path(__file__).parent / "tests"
    absent = [str(package / files) for files, library in OPTIONAL.items() if importlib.util.find_spec(library) is None]
    if sys.platform == "win32":
        absent += [str(tests / name) for name in POSIX]
    config.option.ignore_glob = [*(config.option.ignore_glob or []), *absent]
