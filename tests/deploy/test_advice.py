"""Advice that `doctor` gives about an installation."""

import pytest

from stn_numba.deploy.advice import advice


def changed(report, **parts):
    return {**report, **{name: {**report[name], **values} for name, values in parts.items()}}


NO_LIBRARY = {"library": None, "level": None, "found": [], "why_not": "this installation was made without"}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"threading": {"layer": "tbb"}}, None),
        ({"threading": {"layer": "omp"}}, "forked after the first call run on one thread"),
        ({"threading": {"layer": "workqueue"}}, "install libgomp"),
        ({"threading": {"layer": None, "why": "no layer"}}, "Kernels run on one thread: no layer"),
        ({"threads": {"cgroup_quota": 2, "numba_ceiling": 64}}, "Set NUMBA_NUM_THREADS=2"),
        ({"threads": {"num_threads": 0, "origin": "X: expected"}}, "X: expected"),
        ({"versions": {"threadpoolctl": None}}, "pip install threadpoolctl"),
        (
            {"cache": {"write": None, "kernels": 0, "why": "read-only"}, "kernels": {"compiled": 1}},
            "Compiled kernels are not kept: read-only",
        ),
        ({"cache": {"write": None, "kernels": 8, "why": "read-only"}}, None),
        ({"cache": {"write": None, "kernels": 0}, "kernels": {"compiled": 0}}, None),
        ({"settings": {"NUMBA_DISABLE_JIT": "1"}}, "NUMBA_DISABLE_JIT"),
        ({"kernels": NO_LIBRARY}, "pip wheel --no-deps ."),
        ({"kernels": NO_LIBRARY, "cpu": {"levels": []}}, None),
        ({"kernels": NO_LIBRARY | {"found": ["kernels-v3-0.so"]}}, "(kernels-v3-0.so) cannot be used"),
        ({"kernels": NO_LIBRARY | {"why_not": "NUMBA_OPT is set"}}, "NUMBA_OPT is set, so"),
        ({"kernels": NO_LIBRARY, "settings": {"STN_NUMBA_PREBUILT": "off"}}, "STN_NUMBA_PREBUILT=off keeps"),
        ({"kernels": NO_LIBRARY, "settings": {"STN_NUMBA_PREBUILT": "v4"}}, "set a level of this CPU (v3)"),
        ({"kernels": NO_LIBRARY, "settings": {"STN_NUMBA_PREBUILT": "v3"}}, "contains no prebuilt kernels"),
    ],
)
def test_advice_follows_from_the_report(report, parts, expected):
    clean = changed(report, threading={"layer": "tbb"}, threads={"cgroup_quota": None}, cache={"write": "/x"})
    clean = changed(clean, versions={"threadpoolctl": "3.6"}, cpu={"levels": ["v3"]}, kernels={"library": "/y"})
    clean = changed(clean, settings={"STN_NUMBA_PREBUILT": None})
    clean |= {"plugins": [], "self_test": []}
    said = advice(changed(clean, **parts))
    assert [expected in sentence for sentence in said] == ([True] if expected else [])


def test_a_broken_plugin_is_named(report):
    rows = [{"name": "bent", "distribution": "bent-one 1.0", "status": "ImportError: no"}]
    assert any("'bent' of bent-one 1.0" in sentence for sentence in advice({**report, "plugins": rows}))
