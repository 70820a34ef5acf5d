"""The CPU of this machine: what machine code depends on."""

from __future__ import annotations

import functools
import itertools
import platform

__all__ = ["features", "gathers", "host", "is_x86", "levels"]

_LEVELS = {  # of x86-64, by the features that each adds, as Linux names them
    "v4": ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
    "v3": ("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"),
}


def is_x86() -> bool:
    """Whether this is a CPU of the x86 family."""
    return platform.machine().lower() in ("x86_64", "amd64", "i686")


@functools.cache
def features() -> frozenset[str]:
    """Names of features, as Linux has them."""
    listed = _first_processor()
    if "flags" in listed or "Features" in listed:
        return frozenset((listed.get("flags") or listed["Features"]).split())
    return frozenset("bmi1" if name == "bmi" else name for name in host()[1])


def _first_processor() -> dict[str, str]:
    """What Linux lists of the first processor; nothing on other systems. The whole file takes long with many processors."""
    listed: dict[str, str] = {}
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in itertools.takewhile(str.strip, file):
                name, _, value = line.partition(":")
                listed[name.strip()] = value.strip()
    except OSError:
        pass
    return listed


@functools.cache
def gathers() -> bool:
    """Whether the instruction that loads from eight addresses is faster than eight loads.

    Of the CPUs with AVX-512 it is on Intel's, but for those where a mitigation of CVE-2022-40982 made it ten times as slow.
    """
    try:
        with open("/sys/devices/system/cpu/vulnerabilities/gather_data_sampling", encoding="ascii") as file:
            slow = file.read().startswith("Mitigation")
    except OSError:
        return False
    intel = _first_processor().get("vendor_id") == "GenuineIntel"
    return intel and not slow and features().issuperset(_LEVELS["v4"])


def host() -> tuple[str, list[str]]:
    """Return (name, features) as LLVM has them."""
    from llvmlite import binding  # takes a tenth of a second

    return binding.get_host_cpu_name(), sorted(name for name, has in binding.get_host_cpu_features().items() if has)


def levels() -> tuple[str, ...]:
    """Levels of machine code that this CPU runs, the best first."""
    machine = platform.machine().lower()
    if machine in ("aarch64", "arm64"):
        return ("aarch64",)
    if machine not in ("x86_64", "amd64"):
        return ()
    good = [name for name, needed in _LEVELS.items() if features().issuperset(needed)]
    return tuple(good) if "v3" in good else ()
