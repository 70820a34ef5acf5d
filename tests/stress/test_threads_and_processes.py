"""Any number of threads and processes: the results are those of one thread."""

import os
import sys

import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the programs read /proc"),
]


def warned(result):
    return result.stderr.count("SerialWarning:")


def test_sixteen_threads_get_the_answers_of_one(program, layer):
    result = program("many_threads", layer)
    assert warned(result) == (1 if layer == "workqueue" else 0)


def test_forks_after_use_work(program, layer):
    result = program("fork_after_use", layer)
    assert ("OpenMP threads, which do not survive a fork" in result.stderr) == (layer == "omp")


def test_forks_before_use_work(program, layer):
    result = program("fork_before_use", layer)
    assert "do not survive" not in result.stderr


def test_forks_during_calls_work(program, layer):
    program("fork_while_used", layer)


def test_nested_pools_work(program, layer):
    program("nested_pools", layer)


def test_memory_stays_flat(program, layer):
    program("memory", layer)


def test_the_start_method_stays_free(program, layer):
    program("start_method_stays_free", layer)


def test_a_quota_of_one_cpu_launches_no_threads(program, tmp_path):
    for path, text in {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"}.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    program("cgroup_limit", SIMULATED_ROOT=str(tmp_path), STN_NUMBA_NUM_THREADS=None)


def test_without_libgomp_the_layer_is_workqueue(program, tmp_path):
    """As on slim images: the module that needs the library cannot be imported."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['numba.np.ufunc.omppool'] = sys.modules['numba.np.ufunc.tbbpool'] = None\n"
    )
    path = os.pathsep.join([str(tmp_path), *program.path])
    assert program("layer_in_use", PYTHONPATH=path).stdout.split() == ["workqueue"]
    assert "workqueue takes one call at a time" in program("many_threads", PYTHONPATH=path).stderr


def test_an_unavailable_layer_leaves_one_thread(program, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['numba.np.ufunc.omppool'] = None\n")
    result = program("layer_in_use", "omp", PYTHONPATH=os.pathsep.join([str(tmp_path), *program.path]))
    assert result.stdout.split() == ["None"]
    assert "Numba's threads cannot be launched, kernels run on one thread" in result.stderr
