"""Limits of the machine, on simulated machines."""

import os
import subprocess
import sys
import types

import pytest

from stn_numba.threads import limits


@pytest.fixture
def machine(tmp_path):
    """machine({path: text}): a root folder with these files."""

    def make(files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "10000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/pod/box\n", "sys/fs/cgroup/pod/box/cpu.max": "300000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/pod/box\n", "sys/fs/cgroup/pod/cpu.max": "150000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "rubbish"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 0\n"}, None),
        ({"proc/self/cgroup": "nonsense"}, None),
    ],
)
def test_quotas_of_cgroup_version_2(machine, files, expected):
    assert limits.cgroup_quota(machine(files)) == expected


def test_the_smallest_quota_of_all_parents_holds(machine):
    root = machine(
        {
            "proc/self/cgroup": "0::/pod/box\n",
            "sys/fs/cgroup/pod/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/pod/box/cpu.max": "800000 100000\n",
        }
    )
    assert limits.cgroup_quota(root) == 2


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("quota", "expected"), [("150000", 2), ("-1", None)])
def test_quotas_of_cgroup_version_1(machine, folder, quota, expected):
    files = {"proc/self/cgroup": "5:memory:/box\n4:cpu,cpuacct:/box\n"}
    files |= {f"sys/fs/cgroup/{folder}/box/cpu.cfs_{name}_us": text for name, text in (("quota", quota), ("period", "100000"))}
    assert limits.cgroup_quota(machine(files)) == expected


def test_affinity_is_that_of_this_process():
    assert 1 <= limits.affinity() <= (os.cpu_count() or 1)


def test_the_ceiling_before_numba_is_imported(monkeypatch):
    monkeypatch.delitem(limits.sys.modules, "numba", raising=False)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "7")
    assert limits.numba_ceiling() == 7
    for unusable in ("", "many"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", unusable)
        assert limits.numba_ceiling() == limits.affinity()
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    assert limits.numba_ceiling() == limits.affinity()


@pytest.mark.parametrize("text", ["0", "-2"])
def test_a_bad_numba_num_threads_is_named(text):
    code = "import numpy as np, stn_numba as stn; stn.warp(np.ones((300, 300)), [1, 0, 0, 0, 1, 0])"
    environment = {**os.environ, "NUMBA_NUM_THREADS": text}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert run.stderr.endswith(f"ValueError: NUMBA_NUM_THREADS: expected a whole number of at least 1, got {text!r}\n")


def test_numba_may_be_half_imported_by_another_thread(monkeypatch):
    monkeypatch.setitem(limits.sys.modules, "numba", types.ModuleType("numba"))
    assert limits.numba_ceiling() >= 1
