"""Write real output of ``stn-numba warmup`` and ``doctor`` into docs/servers.md: ``make docs-servers``.

Everything runs in a cold cache folder of its own; paths are shown as they are in the Dockerfile. With ``first`` as an argument
it measures only how long a process takes to its first result.
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

PAGE = Path(__file__).with_name("servers.md")
COMMAND = [str(Path(sys.executable).with_name("stn-numba"))]
SHOWN = "/opt/stn-numba/cache"
FIRST = {
    "import stn_numba": "import stn_numba",
    "import, and import numba": "import stn_numba, numba",
    "import, and the first warp": "import numpy as np, stn_numba as stn; "
    "stn.warp(np.ones((64, 64, 3), np.float32), [1, 0, 0, 0, 1, 0])",
    "import, load a model, and the first prediction": "import sys, numpy as np, stn_numba as stn; "
    "stn.load(sys.argv[1]).predict(np.zeros((1, 28, 28), np.float32))",
}


def main(only: list[str]) -> None:
    """Fill the three parts of the page, or those that are named."""
    with tempfile.TemporaryDirectory() as folder:
        folder = os.environ.get("STN_NUMBA_CACHE_DIR") or folder
        environment = {**os.environ, "STN_NUMBA_CACHE_DIR": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its byte code
        page, warmed = PAGE.read_text(encoding="utf-8"), run(environment, "warmup")
        makers = {"warmup": lambda: warmed, "doctor": lambda: run(environment, "doctor"), "first": lambda: first(environment)}
        for name in only or makers:
            text = re.sub(re.escape(folder), SHOWN, makers[name]())
            page = put(page, name, text if name == "first" else f"```\n$ stn-numba {name}\n{text}```\n")
        PAGE.write_text(page, encoding="utf-8")


def put(page: str, name: str, block: str) -> str:
    """The page with a block between its two marks."""
    before, _, rest = page.partition(f"<!-- {name} -->\n")
    return f"{before}<!-- {name} -->\n{block}<!-- end -->{rest.partition('<!-- end -->')[2]}"


def run(environment: dict[str, str], *command: str) -> str:
    """Output of a command; the release of the kernel is left out."""
    text = subprocess.run([*COMMAND, *command], env=environment, capture_output=True, text=True, check=True).stdout
    return re.sub(r"(system +Linux)\S*", r"\1", text)


def first(environment: dict[str, str], turns: int = 7) -> str:
    """Medians of fresh processes, in turn, as a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        code = "import sys, stn_numba as stn; stn.save(stn.models.st_cnn(), sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True)
        taken: dict[str, list[float]] = {name: [] for name in FIRST}
        for _ in range(turns + 1):
            for name, code in FIRST.items():
                start = time.perf_counter()
                subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True)
                taken[name].append(time.perf_counter() - start)
    rows = [f"| {name} | {statistics.median(seconds[1:]):.2f} s |\n" for name, seconds in taken.items()]
    return "| a process that does | takes |\n|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
