"""Make many random calls in this process: ``python -m tests.fuzz.fuzz_calls SEED FIRST COUNT PLACE SHARE [every dtype]``.

Each call depends on (SEED, its number) alone, so COUNT 1 repeats one that failed. PLACE is a file that says which call is
running: after a crash it names the culprit. Prints a line of JSON at the end.
"""

from __future__ import annotations

import collections
import faulthandler
import json
import mmap
import resource
import sys
import traceback
import warnings

import numpy as np

from tests.fuzz import odd_calls, sampler_calls
from tests.fuzz.guarded import own_results_of
from tests.fuzz.sampler_case import pick

MEMORY = 6 << 30  # bytes of address space: a call that asks for more gets a MemoryError, not the whole machine
MOST_FAILURES = 40


def main(seed, first, count, place, share, every):
    faulthandler.enable()
    for module, guarded_numpy in own_results_of("stn_numba.sampler"):
        module.np = guarded_numpy
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    types = (sampler_calls.EVERY_DTYPE, sampler_calls.FLOATS) if every else (("float32", "uint8"), ("float32",))
    outcomes, failures = collections.Counter(), []
    with open(place, "w+b") as file:
        file.write(b" " * 64)
        file.flush()
        running = mmap.mmap(file.fileno(), 64)  # survives a crash, and costs nothing
        for number in range(first, first + count):
            name, call = random_call(np.random.default_rng([seed, number]), share, types)
            running[:] = f"{number} {name}".encode().ljust(64)[:64]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    outcomes[f"{name}: {call() or 'right'}"] += 1
            except Exception:
                outcomes[f"{name}: FAILED"] += 1
                failures.append(f"call {number} ({name}):\n{traceback.format_exc()}")
                if len(failures) >= MOST_FAILURES:
                    break
        running[:] = b"done".ljust(64)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"outcomes": outcomes, "failures": failures, "peak": peak}))


def random_call(rng, share, types):
    """(name, function without arguments) of a call; `share` of them go to the sampler."""
    if rng.random() < share:
        name, call = pick(rng, list(sampler_calls.CALLS.items()))
        return name, lambda: call(rng, *types)
    name, call = pick(rng, list(odd_calls.CALLS.items()))
    return name, lambda: call(rng)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), sys.argv[4], float(sys.argv[5]), sys.argv[6:] == ["every"])
