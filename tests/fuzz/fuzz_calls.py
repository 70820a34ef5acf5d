"""Make many random calls in this process: ``python -m tests.fuzz.fuzz_calls SEED FIRST COUNT PLACE SHARE [every dtype]``.

Each call depends on (SEED, its number) alone, so one that failed is made again by COUNT 1. PLACE is a file that says which
call is under way: after a crash it is the culprit. Prints a line of JSON at the end.
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

MEMORY = 6 << 30  # bytes of address space: what asks for more gets a MemoryError, not the whole machine


def main(seed, first, count, place, share, every):
    faulthandler.enable()
    for module, guarded_numpy in own_results_of("stn_numba.sampler"):
        module.np = guarded_numpy
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    dtypes, positions = (sampler_calls.EVERY_DTYPE, sampler_calls.FLOATS) if every else (("float32", "uint8"), ("float32",))
    outcomes, failures = collections.Counter(), []
    with open(place, "w+b") as file:
        file.write(b" " * 64)
        file.flush()
        now = mmap.mmap(file.fileno(), 64)  # survives a crash, and costs nothing
        for number in range(first, first + count):
            rng = np.random.default_rng([seed, number])
            if rng.random() < share:
                name, call = sampler_calls.pick(rng, list(sampler_calls.CALLS.items()))
                arguments = (rng, dtypes, positions)
            else:
                name, call = sampler_calls.pick(rng, list(odd_calls.CALLS.items()))
                arguments = (rng,)
            now[:] = f"{number} {name}".encode().ljust(64)[:64]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    outcomes[f"{name}: {call(*arguments) or 'right'}"] += 1
            except Exception:
                outcomes[f"{name}: FAILED"] += 1
                failures.append(f"call {number} ({name}):\n{traceback.format_exc()}")
                if len(failures) >= 40:
                    break
        now[:] = b"done".ljust(64)
    print(
        json.dumps(
            {
                "outcomes": outcomes,
                "failures": failures,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), sys.argv[4], float(sys.argv[5]), sys.argv[6:] == ["every"])
