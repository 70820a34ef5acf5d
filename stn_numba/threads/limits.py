"""Thread limits of the machine: CPU affinity, cgroup quota (containers), and Numba's ceiling."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["affinity", "cgroup_quota", "numba_ceiling", "omp_num_threads"]


def affinity() -> int:
    """Return the number of CPUs on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def numba_ceiling() -> int:
    """Return the most threads that Numba can start in this process, without importing Numba.

    Raises
    ------
    ValueError
        If ``NUMBA_NUM_THREADS`` is below 1; Numba cannot be imported then.
    """
    config = getattr(sys.modules.get("numba"), "config", None)  # None also while another thread imports Numba
    if config is not None:
        return int(config.NUMBA_NUM_THREADS)
    text = os.environ.get("NUMBA_NUM_THREADS")
    try:
        number = int(text) if text else affinity()
    except ValueError:  # Numba warns and falls back to the machine
        return affinity()
    if number < 1:
        raise ValueError(f"NUMBA_NUM_THREADS: expected a whole number of at least 1, got {text!r}")
    return number


def omp_num_threads() -> int | None:
    """Return ``OMP_NUM_THREADS``, which Dask and joblib set in their workers to avoid oversubscription; None if not set."""
    text = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list is for nested levels
    return int(text) if text.isdecimal() and int(text) >= 1 else None


def cgroup_quota(root: str | os.PathLike[str] = "/") -> int | None:
    """Return the CPU quota of this process's control group in CPUs, rounded up, or None without a quota.

    A group is limited by all groups above it, so this is the smallest quota up the hierarchy. Reads cgroup versions 1 and 2,
    and inside a container also the files at the root of the hierarchy.

    Parameters
    ----------
    root : path, default "/"
        The folder with ``proc`` and ``sys``; tests pass another one to simulate a machine.
    """
    root = Path(root)
    quotas = [quota for quota in _quotas(root) if quota is not None]
    return max(1, math.ceil(min(quotas))) if quotas else None


def _quotas(root: Path) -> Iterator[float | None]:
    mount = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines() or ["0::/", "1:cpu:/"]:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            yield from (_quota_2(folder) for folder in _upwards(mount, path))
        elif "cpu" in controllers.split(","):
            for name in {"cpu", controllers, "cpu,cpuacct"}:
                yield from (_quota_1(folder) for folder in _upwards(mount / name, path))


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """Yield the folder of a group and of all groups above it."""
    group = PurePosixPath(path.lstrip("/") or ".")
    if ".." not in group.parts:  # the group lies outside what this namespace shows
        yield from (mount / part for part in (group, *group.parents))
    yield mount


def _quota_2(folder: Path) -> float | None:
    """Read ``cpu.max`` of version 2: quota (or ``max``) and period in microseconds."""
    quota, period = [*_text(folder / "cpu.max").split(), "", ""][:2]
    return _ratio(quota, period)


def _quota_1(folder: Path) -> float | None:
    """Read quota and period of version 1, one file each; -1 means no quota."""
    return _ratio(_text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip())


def _ratio(quota: str, period: str) -> float | None:
    if quota.isdecimal() and period.isdecimal() and int(quota) > 0 and int(period) > 0:
        return int(quota) / int(period)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
