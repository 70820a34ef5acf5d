"""Build the libraries of compiled kernels for a wheel: ``python -m stn_numba.deploy.build_kernels FOLDER``.

A library holds all kernels of the sampler and of registration, and those of the networks in `stn_numba.models` and
`stn_numba.paper`. `stn_numba.kernels.compiler.ahead_of_time` compiles it, and
`stn_numba.kernels.runtime.prebuilt` finds it.
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

from stn_numba.grid import MatrixGrid
from stn_numba.kernels.runtime import calls, prebuilt
from stn_numba.registration.models import kernel_sums, lattice, row_sums
from stn_numba.registration.models.volumes import lattice as volume_lattice
from stn_numba.registration.models.volumes import matrix as volume_matrix
from stn_numba.registration.models.volumes import near_matrix
from stn_numba.registration.models.volumes import positions as volume_positions
from stn_numba.registration.pyramid import filters, volume_filters
from stn_numba.sampler import IMAGE_DTYPES, kernel_arguments
from stn_numba.threads import limits

__all__ = ["build_kernels", "levels", "registration_kernels", "sampler_kernels"]

_FLOATS = ("float32", "float64")
_REGISTRATION = (
    kernel_sums.sums_entry,
    kernel_sums.read_entry,
    row_sums.sums_entry,
    row_sums.read_entry,
    lattice.sums_entry,
    lattice.read_entry,
    filters.halve_entry,
    filters.smooth_entry,
    filters.columns_entry,
    filters.rows_entry,
    volume_matrix.sums_entry,
    volume_matrix.read_entry,
    volume_lattice.sums_entry,
    volume_lattice.read_entry,
    near_matrix.product_entry,
    volume_positions.read_entry,
    volume_filters.lines_entry,
    volume_filters.rows_entry,
)


def levels() -> list[str]:
    """Return the CPU levels that this machine can build libraries for, independent of its own CPU. Linux only."""
    if sys.platform != "linux":
        return []
    return {"x86_64": ["v3", "v4"], "aarch64": ["aarch64"]}.get(platform.machine().lower(), [])


def sampler_kernels() -> set[tuple[str, Any]]:
    """Return (kernel, signature) of all kernels of the sampler: all dtypes, antialiasing, gradients, volumes."""
    with calls.recorded() as found:
        _volume_kernels()
        for name in IMAGE_DTYPES:
            dtype, working = np.dtype(name), kernel_arguments.working_dtype(np.dtype(name))
            kernel_arguments.sample_entry(dtype, dtype, working)
            kernel_arguments.sample_entry(dtype, working, working)  # antialiased integers
        for name in _FLOATS:
            kernel_arguments.gradient_entry(np.dtype(name))
        kernel_arguments.window_positions_entry()
        kernel_arguments.reach_entry()
        for size in (1, 2, 4, 8):
            kernel_arguments.nearest_entry(np.dtype(f"u{size}"))
        for align_corners in (True, False):
            MatrixGrid(np.eye(3)[None], (2, 2), align_corners=align_corners).pixel_matrix((2, 2))
    return found


def _volume_kernels() -> None:
    """Ask for the kernels of volumes."""
    for name in IMAGE_DTYPES:
        dtype = np.dtype(name)
        working = kernel_arguments.working_dtype(dtype)
        kernel_arguments.sample_entry(dtype, dtype, working, 3)
        kernel_arguments.sample_entry(dtype, working, working, 3)  # antialiased integers
    for name in _FLOATS:
        kernel_arguments.volume_gradient_entry(np.dtype(name))
    kernel_arguments.window_positions_entry(3)
    for size in (1, 2, 4, 8):
        kernel_arguments.nearest_entry(np.dtype(f"u{size}"), 3)


def registration_kernels() -> set[tuple[str, Any]]:
    """Return (kernel, signature) of all kernels of registration."""
    with calls.recorded() as found:
        for entry in _REGISTRATION:
            entry()
    return found


def build_kernels(folder: Path) -> list[Path]:
    """Compile all kernels on all cores, write one library per CPU level to a folder, and return the files.

    Raises
    ------
    RuntimeError
        If libraries are not supported on this platform, or there is no C compiler to link them.
    """
    from stn_numba.kernels.compiler import ahead_of_time

    names = levels()
    if not names:
        raise RuntimeError(f"libraries of kernels are not supported on {sys.platform} {platform.machine()}")
    if ahead_of_time.linker() is None:
        raise RuntimeError("linking a library of kernels needs a C compiler, and none was found")
    with tempfile.TemporaryDirectory() as objects:
        _compile(names, Path(objects))
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            ahead_of_time.link(sorted(Path(objects).glob(f"*.{name}.o")), folder / prebuilt.file_name(name))
    return [folder / prebuilt.file_name(name) for name in names]


def _compile(names: list[str], folder: Path) -> None:
    """Compile the kernels of sampler and registration while other processes find those of the networks, then compile these."""
    from stn_numba.kernels.compiler import ahead_of_time

    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(limits.affinity(), mp_context=context) as pool:
        networks = {name: pool.submit(_network_kernels, name) for name in names}
        known = sampler_kernels() | registration_kernels()
        running = [
            pool.submit(ahead_of_time.compile_job, ahead_of_time.Job(*job), names, folder) for job in sorted(known, key=_order)
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


def _network_kernels(level: str) -> set[tuple[str, Any]]:
    from stn_numba.deploy.network_kernels import kernels_of, ready_made_networks

    return kernels_of(ready_made_networks(), level)


def _order(job: tuple[str, Any]) -> tuple[int, str]:
    """Sort key that puts the slowest jobs first."""
    slowest_first = ("kernels.gradients.backward.gradient", "kernels.sampling.forward.sample", job[0])
    return slowest_first.index(job[0]), repr(job)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m stn_numba.deploy.build_kernels", description="Build the libraries of compiled kernels."
    )
    parser.add_argument("folder", type=Path, help="where to write the libraries")
    for library in build_kernels(parser.parse_args().folder):
        print(f"{library}: {library.stat().st_size / 1e6:.1f} MB")
