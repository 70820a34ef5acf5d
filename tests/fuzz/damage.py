"""Random damage to files, as Hypothesis strategies, and limits for reading them."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import tracemalloc

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st

LONG = os.environ.get("STN_NUMBA_FUZZ") == "long"
SEED = int(os.environ.get("STN_NUMBA_FUZZ_SEED", "0"))
LIMITS = settings(
    max_examples=10_000 if LONG else 150, deadline=None, derandomize=not SEED, suppress_health_check=[HealthCheck.too_slow]
)
MOST = 32 << 20  # bytes that reading a small file may take at most


def bounded(test):
    """Run a test on a fixed number of files, the same ones for the same seed."""
    return LIMITS(seed(SEED)(test) if SEED else test)


NUMBERS = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\xff" * 8, b"\0" * 8]


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut off", "cut out", "double", "write"]),
        st.integers(0, 64) | st.integers(0, 1 << 20),  # headers are at the beginning
        st.integers(1, 16),
        st.sampled_from(NUMBERS) | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def edited(content, edits):
    """Flip, cut off, cut out or repeat bytes, or overwrite them with wrong numbers."""
    content = bytearray(content)
    for how, place, length, number in edits:
        place %= max(len(content), 1)
        if how == "flip" and content:
            content[place] ^= 1 << length % 8
        elif how == "cut off":
            del content[place:]
        elif how == "cut out":
            del content[place : place + length]
        elif how == "double":
            content[place:place] = content[place : place + length]
        else:
            content[place : place + len(number)] = number
    return bytes(content)


ODD = (
    st.sampled_from([None, True, -1, 0, 1, 2, 28, 10**4, 10**9, 10**30, 0.5, float("nan"), float("inf"), "", "affine", "../x"])
    | st.sampled_from([[], {}, [[]], [2, 2], [10**5, 10**5], [-5, 10**9], {"layer": "Dense"}, {"layer": "Chain", "layers": []}])
    | st.text(max_size=5)
)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["replace", "replace", "remove", "add", "repeat"]),
        st.lists(st.integers(0, 50), min_size=6, max_size=6),  # which branch to take, at each fork of the tree
        st.integers(0, 6),  # how deep
        ODD,
        st.sampled_from(["layers", "options", "shape", "size", "extra"]),
    ),
    min_size=1,
    max_size=3,
)


def changed(tree, changes):
    """The same tree with a few leaves, branches or keys changed."""
    tree = json.loads(json.dumps(tree))
    for how, branches, depth, odd, name in changes:
        node = tree
        for branch in branches[:depth]:
            keys = list(node) if isinstance(node, dict) else range(len(node))
            inner = node[keys[branch % len(keys)]] if keys else None
            if not isinstance(inner, dict | list) or not inner:
                break
            node = inner
        keys = list(node) if isinstance(node, dict) else range(len(node))
        if not keys:
            continue
        key, odd = keys[branches[-1] % len(keys)], copy.deepcopy(odd)
        if how == "remove":
            del node[key]
        elif how == "repeat" and isinstance(node, list):
            node.extend(copy.deepcopy(node[key]) for _ in range(20))
        elif how == "add" and isinstance(node, dict):
            node[name] = odd
        else:
            node[key] = odd
    return tree


@contextlib.contextmanager
def little_memory():
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST, f"took {peak / 1e6:.0f} MB"
