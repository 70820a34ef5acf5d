"""Run programs in separate processes, under each of Numba's threading layers.

``make stress`` runs the long form (STN_NUMBA_STRESS=long) and puts TBB into .venv/tbb, so that nothing else uses it.
"""

import functools
import os
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs.py"
ROOT = PROGRAMS.parent.parent.parent
LONG = os.environ.get("STN_NUMBA_STRESS") == "long"


def environment(layer=None, **changes):
    """The environment variables of a program; None removes one."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "plugins")))}
    variables["NUMBA_NUM_THREADS"] = "4"  # more than one, also on a small machine
    if layer:
        variables["NUMBA_THREADING_LAYER"] = layer
    if layer == "tbb":
        variables["LD_LIBRARY_PATH"] = os.pathsep.join([str(ROOT / ".venv/tbb/lib"), os.environ.get("LD_LIBRARY_PATH", "")])
    variables |= {name: value for name, value in changes.items() if value is not None}
    return {name: value for name, value in variables.items() if changes.get(name, "") is not None}


def run(*arguments, timeout=1200 if LONG else 240, **options):
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, **options)


@functools.cache
def why_not(layer):
    """Why a layer cannot be loaded here; empty if it can."""
    code = "import numba; numba.get_num_threads()"
    result = run("-c", code, env=environment(layer))
    return "" if result.returncode == 0 else f"the threading layer {layer} is not available: {result.stderr.splitlines()[-1]}"
