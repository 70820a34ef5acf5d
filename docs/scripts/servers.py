"""Update the measured parts of docs/servers.md: ``make docs-servers``.

The parts are the output of ``stn-numba warmup`` and ``doctor``, and the table of first calls. To update only some, name them as
arguments: warmup, doctor, first. If this checkout has no matching library of kernels, one is built first, which takes some
minutes. Each part starts with an empty cache folder. Paths are replaced by those of the Dockerfile.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stn_numba.deploy.build_kernels import build_kernels
from stn_numba.kernels.runtime import prebuilt

PAGE = Path(__file__).parents[1] / "servers.md"
COMMAND = [str(Path(sys.executable).with_name("stn-numba"))]
CACHE_SHOWN = "/opt/stn-numba/cache"
WARP = "import numpy as np, stn_numba as stn; image = np.ones((64, 64, 3), np.float32); theta = [1, 0, 0, 0, 1, 0]; "
CALLS = {
    "import stn_numba": "import stn_numba",
    "import, and the first warp": WARP + "stn.warp(image, theta)",
    "import, and the first warp and its gradients": WARP + "grid, _ = stn.get_transform('affine').forward([theta], (64, 64)); "
    "out, backprop = stn.sample_vjp(image[None], grid); backprop(out)",
    "import, load a model, and the first prediction": "import sys, numpy as np, stn_numba as stn; "
    "stn.load(sys.argv[1]).predict(np.zeros((1, 28, 28), np.float32))",
}
TURNS = 7


def main(only: list[str]) -> None:
    """Update the parts named in `only`, or all three."""
    if prebuilt.library() is None:
        build_kernels(prebuilt.FOLDER)
    makers = {"warmup": warmup, "doctor": doctor, "first": first}
    for name in only or makers:
        text = makers[name]().replace(str(prebuilt.FOLDER.parent.parent), "/usr/local/lib/python3.12/site-packages")
        PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), name, text), encoding="utf-8")


def put(page: str, name: str, block: str) -> str:
    """Return the page with `block` between the two marks of a part."""
    before, _, rest = page.partition(f"<!-- {name} -->\n")
    return f"{before}<!-- {name} -->\n{block}<!-- end -->{rest.partition('<!-- end -->')[2]}"


def environment(cache: str, **more: str) -> dict[str, str]:
    """Return the environment of a process that uses the folder `cache`."""
    variables = {**os.environ, "STN_NUMBA_CACHE_DIR": cache, **more}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages have byte code
    return variables


def warmup() -> str:
    """Return what ``warmup`` prints with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        return run(cache, "warmup")


def doctor() -> str:
    """Return what ``doctor`` prints after ``warmup``."""
    with tempfile.TemporaryDirectory() as cache:
        run(cache, "warmup")
        return run(cache, "doctor")


def run(cache: str, command: str) -> str:
    """Return the output of a command, without the version of the Linux kernel."""
    done = subprocess.run([*COMMAND, command], env=environment(cache), capture_output=True, text=True, check=True)
    text = re.sub(r"(system +Linux)\S*", r"\1", done.stdout).replace(cache, CACHE_SHOWN)
    return f"```\n$ stn-numba {command}\n{text}```\n"


def first() -> str:
    """Return the table of first calls: medians of new processes that take turns, and one run each with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        code = "import sys, stn_numba as stn; stn.save(stn.models.st_cnn(), sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, path], env=environment(folder), check=True)
        library = environment(str(Path(folder) / "library"))
        compiled = {name: environment(str(Path(folder) / str(k)), STN_NUMBA_PREBUILT="off") for k, name in enumerate(CALLS)}
        cold = {name: seconds(code, path, compiled[name]) for name, code in CALLS.items()}
        times = [
            {name: (seconds(code, path, library), seconds(code, path, compiled[name])) for name, code in CALLS.items()}
            for _ in range(TURNS + 1)
        ][1:]
    ready = {
        name: [statistics.median(column) for column in zip(*(turn[name] for turn in times), strict=True)] for name in CALLS
    }
    rows = [f"| {name} | {ready[name][0]:.2f} s | {ready[name][1]:.2f} s | {cold[name]:.1f} s |\n" for name in CALLS]
    head = "| a process that does | with a library | without: from the cache | without: compiled |\n|---|---|---|---|\n"
    return head + "".join(rows)


def seconds(code: str, path: str, variables: dict[str, str]) -> float:
    """Return how long a process takes from start to end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, path], env=variables, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1:])
