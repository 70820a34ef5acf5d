"""Random calls over the public API, in processes of their own: no crash, no wrong result, every refusal a documented exception.

``make fuzz`` makes 100,000 of them and, at a slower pace, some with Numba's bounds checks on (STN_NUMBA_FUZZ=long).
"""

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LONG = os.environ.get("STN_NUMBA_FUZZ") == "long"
SEED = int(os.environ.get("STN_NUMBA_FUZZ_SEED", "0"))
CHUNK = 5000

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="guarded memory is made by mmap and mprotect")


def run(first, count, share, place, every=False, **variables):
    """The report of `count` calls, of which `share` go to the sampler; a crash is a failure that names its call."""
    paths = map(str, (ROOT, ROOT / "plugins"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **variables}
    command = [sys.executable, str(HERE / "fuzz_calls.py"), str(SEED), str(first), str(count), str(place), str(share)]
    done = subprocess.run(command + ["every"] * every, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(
            f"seed {SEED}, call {place.read_text().strip()}: exit code {done.returncode}\n{done.stderr[-4000:]}"
        )
    report = json.loads(done.stdout.splitlines()[-1])
    assert not report["failures"], f"seed {SEED}: " + "\n".join(report["failures"])
    return report


@pytest.mark.parametrize(("share", "count"), [(1, 60_000 if LONG else 500), (0, 60_000 if LONG else 1500)])
def test_calls(tmp_path, share, count):
    total = collections.Counter()
    for first in range(0, count, CHUNK):
        total.update(run(first, min(CHUNK, count - first), share, tmp_path / "place")["outcomes"])
        assert sum(total.values()) == min(first + CHUNK, count)
    print(f"{sum(total.values()):,} calls: " + ", ".join(f"{name} {number:,}" for name, number in sorted(total.items())))


@pytest.mark.skipif(not LONG, reason="compiles every kernel anew: make fuzz")
def test_calls_under_bounds_checks(tmp_path):
    report = run(10**6, 3000, 1, tmp_path / "place", NUMBA_BOUNDSCHECK="1", STN_NUMBA_CACHE_DIR=str(tmp_path))
    print(f"{sum(report['outcomes'].values()):,} calls under bounds checks")


@pytest.mark.skipif(not LONG, reason="compiles kernels for every dtype: make fuzz")
def test_calls_with_every_dtype(tmp_path):
    report = run(2 * 10**6, 5000, 1, tmp_path / "place", every=True)
    print(f"{sum(report['outcomes'].values()):,} calls with every dtype")
