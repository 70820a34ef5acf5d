"""Workers as frameworks start them: torch's DataLoader, gunicorn with preload, pools of joblib and Dask."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.stress.processes import ROOT, environment, run

LOADER = """
import sys, numpy as np, torch, stn_numba as stn
theta = np.float32([0.9, 0.2, 0.1, -0.2, 1.1, 0])
image = np.random.default_rng(0).random((160, 160, 3), np.float32)

class Warped(torch.utils.data.Dataset):
    def __len__(self): return 8
    def __getitem__(self, k): return torch.from_numpy(stn.warp(image + np.float32(k), theta))

if __name__ == "__main__":
    expected = [stn.warp(image + np.float32(k), theta, num_threads=1) for k in range(8)]
    stn.warp(image, theta)  # before the workers are forked
    for method in sys.argv[1:]:
        loader = torch.utils.data.DataLoader(Warped(), batch_size=2, num_workers=2, multiprocessing_context=method)
        got = torch.cat(list(loader)).numpy()
        assert np.array_equal(got, np.stack(expected)), method
    tensor = torch.from_numpy(image)
    assert np.array_equal(stn.warp(tensor, torch.from_numpy(theta)), stn.warp(image, theta))
"""

APP = """
import numpy as np, stn_numba as stn
image, theta = np.ones((160, 160, 3), np.float32), [0.9, 0.2, 0.1, -0.2, 1.1, 0]
expected = stn.warp(image, theta)  # preloaded, and called, before the fork

def app(environ, start_response):
    same = np.array_equal(stn.warp(image, theta), expected)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"same" if same else b"other"]
"""


def test_a_torch_data_loader_with_workers_works(tmp_path, layer):
    pytest.importorskip("torch", reason="torch is not installed")
    (tmp_path / "loader.py").write_text(LOADER)
    result = run(tmp_path / "loader.py", "fork", "spawn", env=environment(layer))
    assert result.returncode == 0, result.stderr


def test_gunicorn_with_preload_works(tmp_path, layer):
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    (tmp_path / "served.py").write_text(APP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "gunicorn", "--preload", "-w", "2", "--threads", "4", "-b", address, "served:app"]
    variables = environment(layer)
    variables["PYTHONPATH"] = os.pathsep.join([str(tmp_path), variables["PYTHONPATH"]])
    with subprocess.Popen(command, env=variables, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert [answer(f"http://{address}/") for _ in range(20)] == [b"same"] * 20
        finally:
            server.terminate()
            errors = server.stderr.read()
    assert "WORKER TIMEOUT" not in errors
    assert "was sent SIG" not in errors.replace("was sent SIGTERM", "")


def answer(url, patience=60):
    end = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(url, timeout=patience) as reply:
                return reply.read()
        except OSError:  # it has not started yet
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def test_thread_limits_of_a_worker_s_pool_are_respected():
    code = "import stn_numba; print(stn_numba.get_num_threads())"
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):  # as Dask's and joblib's workers have it
        result = run("-c", code, env=environment(**{name: "1"}))
        assert result.stdout.strip() == "1", result.stderr


def test_concurrent_calls_share_the_threads():
    code = """
import threading, numpy as np, stn_numba as stn
from stn_numba.kernels.runtime import dispatch
most, real = [0], dispatch._take
def watched(*arguments):
    taken = real(*arguments)
    most[0] = max(most[0], dispatch._busy)
    return taken
dispatch._take = watched
image = np.ones((4, 200, 200, 3), np.float32)
callers = [threading.Thread(target=lambda: [stn.warp(image, [0.9, 0.1, 0, 0, 1, 0]) for _ in range(30)]) for _ in range(8)]
[caller.start() for caller in callers]; [caller.join() for caller in callers]
print(most[0], dispatch._busy)
"""
    result = run("-c", code, env=environment(), cwd=ROOT)
    most, left = map(int, result.stdout.split())
    assert most <= 4 + 7  # one call with all threads, the others with one each
    assert left == 0
