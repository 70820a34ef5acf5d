"""Random calls of the public API, in separate processes: no crash, no wrong result, every refusal a documented exception.

``make fuzz`` (STN_NUMBA_FUZZ=long) makes 100,000 of them, with Numba's bounds checks on and for every dtype, and 30,000 of the
kernels as they are shipped.
"""

import collections
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.public_calls import all_calls

ROOT = Path(__file__).parents[2]
LONG = os.environ.get("STN_NUMBA_FUZZ") == "long"
SEED = int(os.environ.get("STN_NUMBA_FUZZ_SEED", "0"))
CHUNK = 2500 if LONG else 5000

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="guarded memory is made by mmap and mprotect")


def run(first, count, place, share, every=False, **variables):
    """The report of `count` calls, of which `share` go to the sampler; a crash is a failure that names its call."""
    paths = map(str, (ROOT, ROOT / "plugins"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **variables}
    command = [sys.executable, "-m", "tests.fuzz.fuzz_calls", str(SEED), str(first), str(count), str(place), str(share)]
    done = subprocess.run(
        command + ["every"] * every, env=environment, capture_output=True, text=True, check=False, cwd=place.parent
    )
    if done.returncode:
        raise AssertionError(
            f"seed {SEED}, call {place.read_text().strip()}: exit code {done.returncode}\n{done.stderr[-4000:]}"
        )
    report = json.loads(done.stdout.splitlines()[-1])
    assert not report["failures"], f"seed {SEED}: " + "\n".join(report["failures"])
    return report


def run_all(first, count, place, progress, **options):
    """Run chunks of calls, one on each CPU at a time, and print how many calls ended in which way."""
    total, start = collections.Counter(), time.monotonic()
    chunks = [(number, min(CHUNK, first + count - number)) for number in range(first, first + count, CHUNK)]
    workers = len(os.sched_getaffinity(0)) if LONG else 1
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(run, *chunk, place / f"place-{chunk[0]}", **options) for chunk in chunks]
        try:
            for future in as_completed(futures):
                total.update(future.result()["outcomes"])
                if LONG:
                    with progress.disabled():
                        print(f" {total.total():,} of {count:,} calls, {time.monotonic() - start:.0f} s", flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    assert total.total() == count
    print(f"{count:,} calls: " + ", ".join(f"{name} {number:,}" for name, number in sorted(total.items())))


def test_valid_arguments_are_accepted():
    """Otherwise the fuzz would count every call of such a function as a refusal."""
    table = all_calls(np.random.default_rng(0))
    del table["load_mnist"]  # its folder holds no digits
    for function, arguments in table.values():
        function(**arguments)


@pytest.mark.parametrize(("share", "count"), [(1, 15_000 if LONG else 500), (0, 15_000 if LONG else 1500)])
def test_random_calls_give_right_answers_or_documented_errors(tmp_path, capsys, share, count):
    """With the kernels as they are shipped."""
    run_all(0, count, tmp_path, capsys, share=share)


@pytest.mark.skipif(not LONG, reason="compiles every kernel for every dtype anew: make fuzz")
def test_random_calls_of_every_dtype_pass_under_bounds_checks(tmp_path, capsys):
    options = {"NUMBA_BOUNDSCHECK": "1", "STN_NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    run_all(10**6, 100_000, tmp_path, capsys, share=0.5, every=True, **options)
