"""Build the libraries of kernels that a wheel brings along: ``python -m stn_numba.deploy.build FOLDER``.

A library holds every kernel of the sampler, and those that the ready-made networks need. See
`stn_numba.kernels.compiler.ahead_of_time` for how one is compiled, `stn_numba.kernels.runtime.prebuilt` for how it is found.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from stn_numba.deploy.ready_made import network_jobs
from stn_numba.grid import MatrixGrid
from stn_numba.kernels.runtime import calls, prebuilt
from stn_numba.sampler import IMAGE_DTYPES, kernel_arguments
from stn_numba.threads import limits

__all__ = ["build", "levels", "sampler_jobs"]

_FLOATS = ("float32", "float64")


def levels() -> list[str]:
    """Return the levels that libraries can be built for on this machine, whatever its own CPU; none but on Linux."""
    if sys.platform != "linux":
        return []
    return {"x86_64": ["v3", "v4"], "aarch64": ["aarch64"]}.get(platform.machine().lower(), [])


def sampler_jobs() -> set[tuple[str, Any]]:
    """Kernels and signatures of the sampler: all dtypes, with antialiasing, and their gradients."""
    with calls.recorded() as found:
        for name in IMAGE_DTYPES:
            dtype, working = np.dtype(name), kernel_arguments.working_dtype(np.dtype(name))
            kernel_arguments.sample_entry(dtype, dtype, working)
            kernel_arguments.sample_entry(dtype, working, working)  # antialiased whole numbers
        for name in _FLOATS:
            kernel_arguments.gradient_entry(np.dtype(name))
        for size in (1, 2, 4, 8):
            kernel_arguments.nearest_entry(np.dtype(f"u{size}"))
        for align_corners in (True, False):
            MatrixGrid(np.eye(3)[None], (2, 2), align_corners=align_corners).pixel_matrix((2, 2))
    return found


def build(folder: Path) -> list[Path]:
    """Compile all kernels on all cores, and write a library for each level to a folder.

    Raises
    ------
    RuntimeError
        If this machine has no compiler of C, which links, or is of a kind that libraries are not built for.
    """
    from stn_numba.kernels.compiler import ahead_of_time

    names = levels()
    if not names:
        raise RuntimeError(f"no library is built for {sys.platform} on {platform.machine()}")
    if ahead_of_time.linker() is None:
        raise RuntimeError("there is no compiler of C, which links libraries")
    with tempfile.TemporaryDirectory() as objects:
        place = Path(objects)
        _compile(names, place)
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            ahead_of_time.link(sorted(place.glob(f"*.{name}.o")), folder / prebuilt.file_name(name))
    return [folder / prebuilt.file_name(name) for name in names]


def _compile(names: list[str], folder: Path) -> None:
    """Compile what the sampler needs, and meanwhile find out what networks do."""
    from stn_numba.kernels.compiler import ahead_of_time

    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(limits.affinity(), mp_context=context) as pool:
        networks = {name: pool.submit(network_jobs, name) for name in names}
        known = sampler_jobs()
        running = [
            pool.submit(ahead_of_time.compile_job, ahead_of_time.Job(*job), names, folder) for job in sorted(known, key=_size)
        ]
        wanted: dict[Any, list[str]] = {}
        for name, found in networks.items():
            for job in found.result() - known:
                wanted.setdefault(job, []).append(name)
        running += [pool.submit(ahead_of_time.compile_job, ahead_of_time.Job(*job), own, folder) for job, own in wanted.items()]
        for number, future in enumerate(concurrent.futures.as_completed(running), 1):
            future.result()
            print(f"\rcompiled {number} of {len(running)} kernels", end="", flush=True)
    print()


def _size(job: tuple[str, Any]) -> tuple[int, str]:
    """Which take long: they are begun first."""
    order = ("kernels.gradients.backward.gradient", "kernels.sampling.forward.sample", job[0])
    return order.index(job[0]), repr(job)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m stn_numba.deploy.build", description="Build the libraries of kernels.")
    parser.add_argument("folder", type=Path, help="where to write the libraries")
    for library in build(parser.parse_args().folder):
        print(f"{library}: {library.stat().st_size / 1e6:.1f} MB")
