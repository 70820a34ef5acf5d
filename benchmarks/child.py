"""Run one task in a fresh process and print its result as JSON: ``python -m benchmarks.child TASK ARGUMENTS``.

It imports as little as possible, because `benchmarks.fresh_process` times the whole process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import stn_numba as stn

IMAGE, VOLUME, BATCH = (1, 224, 224, 3), (1, 64, 64, 64, 1), 64  # of first calls
LARGE_IMAGE = (1, 1080, 1920, 3)
TRANSFORMS = {  # not the identity, each with a change of scale
    "affine": [0.9, 0.1, 0.05, -0.1, 0.9, 0.0],
    "projective": [0.9, 0.1, 0.05, -0.1, 0.9, 0.0, 0.1, 0.05],
}


def first_call(name: str) -> None:
    """Do one thing, once."""
    FIRST_CALLS[name].do()


def first_call_kernels(name: str) -> dict[str, Any]:
    """Do one thing, once; return the process's CPU seconds (user and system) and where its kernels came from."""
    first_call(name)
    cpu_seconds = time.process_time()
    kernels = installation("kernels")
    sources = {source: kernels[source] for source in ("prebuilt", "cache", "compiled") if kernels[source]}
    return {"cpu_seconds": cpu_seconds, "kernels": sources}


def installation(part: str) -> dict[str, Any]:
    """Return a part of the report on this installation."""
    from stn_numba.deploy import doctor

    return doctor(test=False)[part]


def first_warp(transform: str) -> float:
    """Return the seconds of the first warp of a large image, imports left out."""
    warp = _large_warp(transform)
    start = time.perf_counter()
    warp()
    return time.perf_counter() - start


def warp_memory(transform: str) -> dict[str, float]:
    """Return the MB that a warp takes beyond input and output: allocated by NumPy, and resident."""
    import tracemalloc

    warp = _large_warp(transform)
    warp()  # loads the code and starts the threads
    tracemalloc.start()
    out = warp()
    allocated = tracemalloc.get_traced_memory()[1] - out.nbytes
    tracemalloc.stop()
    del out
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = _status("VmRSS")
    out = warp()  # kept, so that both sizes include the output
    resident = _status("VmHWM") - before - out.nbytes
    return {"allocated_mb": allocated / 1e6, "resident_mb": resident / 1e6}


def _large_warp(transform: str) -> Any:
    """Return a call that makes the transform and its grid, and samples a large image."""
    image = np.random.default_rng(0).random(LARGE_IMAGE, np.float32)
    theta = np.float32(0.9) * stn.get_transform(transform).identity().astype(np.float32)[None]
    return lambda: stn.sample(image, stn.get_transform(transform).forward(theta, LARGE_IMAGE[1:3])[0])


def _status(name: str) -> int:
    """Return one of the process's sizes in bytes, as Linux reports it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _warp(transform: str = "affine", dtype: str = "float32", **options: Any) -> None:
    theta = TRANSFORMS[transform] if transform in TRANSFORMS else 0.9 * stn.get_transform(transform).identity()
    stn.warp(_numbers(IMAGE).astype(dtype), theta, transform, **options)


def _dense_grid(shape: tuple[int, ...]) -> Any:
    """Return positions (1, H, W, 2) for an image of a shape."""
    y, x = (np.linspace(-0.9, 0.9, length, dtype=np.float32) for length in shape[1:3])
    return np.stack(np.broadcast_arrays(x, y[:, None] + 0.1 * x), axis=-1)[None]


def _dense_gradients() -> None:
    """Gradients by a large image, which threads share by bands of rows, and its grid."""
    out, backprop = stn.sample_vjp(_numbers(LARGE_IMAGE).astype(np.float32), _dense_grid(LARGE_IMAGE))
    backprop(np.ones_like(out))


def _warp_volume() -> None:
    transform = stn.get_transform("affine", ndim=3)
    stn.warp(_numbers(VOLUME).astype(np.float32), 0.9 * transform.identity(), transform)


def _both_gradients(shape: tuple[int, ...] = IMAGE) -> None:
    """Gradients by image or volume and theta, through an affine grid."""
    transform = stn.get_transform("affine", ndim=len(shape) - 2)
    grid, theta_backprop = transform.forward(0.9 * transform.identity()[None], shape[1:-1])
    out, backprop = stn.sample_vjp(_numbers(shape).astype(np.float32), grid)
    _, d_grid = backprop(np.ones_like(out))
    theta_backprop(d_grid)


def _training_step(network: str) -> None:
    """`fit` on a single batch."""
    images = _numbers((BATCH, 28, 28, 1)).astype(np.float32) / 255
    model = getattr(stn.models, network)()
    stn.fit(model, images, np.arange(BATCH) % 10, epochs=1, batch_size=BATCH, progress=False)


def _numbers(shape: tuple[int, ...]) -> Any:
    """Return whole numbers from 0 to 255, but no noise: importing NumPy's generators takes time."""
    return (np.arange(np.prod(shape)) * 7 % 256).reshape(shape)


class FirstCall(NamedTuple):
    """Something to do once, and marks: the most seconds with the library of kernels, and CPU seconds by JIT."""

    do: Callable[[], None]
    seconds: float = 0.6
    jit_cpu_seconds: float = 8.0


FIRST_CALLS = {
    "affine, float32": FirstCall(_warp),
    "affine, uint8": FirstCall(lambda: _warp(dtype="uint8")),
    "dense grid": FirstCall(lambda: stn.sample(_numbers(IMAGE).astype(np.float32), _dense_grid(IMAGE))),
    "projective": FirstCall(lambda: _warp("projective")),
    "tps, 16 points": FirstCall(lambda: _warp("tps")),
    "affine bicubic, reflecting edges": FirstCall(lambda: _warp(kernel="bicubic", padding="reflect101")),
    "forward and both gradients": FirstCall(_both_gradients, jit_cpu_seconds=16),
    "forward and both gradients, dense grid, 1x1080x1920x3": FirstCall(_dense_gradients, jit_cpu_seconds=16),
    "affine, a volume": FirstCall(_warp_volume),
    "forward and both gradients, a volume": FirstCall(lambda: _both_gradients(VOLUME), jit_cpu_seconds=16),
    "fit `tutorial()` on one batch": FirstCall(lambda: _training_step("tutorial"), seconds=3, jit_cpu_seconds=9),
    "fit `st_cnn()` on one batch": FirstCall(lambda: _training_step("st_cnn"), seconds=3, jit_cpu_seconds=9),
}

TASKS = (first_call, first_call_kernels, installation, first_warp, warp_memory)

if __name__ == "__main__":
    task = next(task for task in TASKS if task.__name__ == sys.argv[1])
    print(json.dumps(task(*sys.argv[2:])))
