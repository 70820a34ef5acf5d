"""Levels of CPUs, and whether they gather."""

import io

import pytest

from stn_numba.kernels.runtime import cpu

V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
V4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


@pytest.mark.parametrize(
    ("machine", "features", "levels"),
    [
        ("x86_64", {"sse2"}, ()),
        ("x86_64", V3 - {"fma"}, ()),
        ("x86_64", V3, ("v3",)),
        ("AMD64", V3 | {"avx512f"}, ("v3",)),
        ("x86_64", V3 | V4, ("v4", "v3")),
        ("x86_64", V4, ()),  # v4 without v3 does not exist
        ("aarch64", {"asimd"}, ("aarch64",)),
        ("arm64", set(), ("aarch64",)),
        ("riscv64", V3, ()),
        ("i686", V3, ()),
    ],
)
def test_levels_follow_from_machine_and_features(monkeypatch, machine, features, levels):
    monkeypatch.setattr(cpu.platform, "machine", lambda: machine)
    monkeypatch.setattr(cpu, "features", lambda: frozenset(features))
    assert cpu.levels() == levels


def test_linux_and_llvm_agree_on_the_level_of_this_cpu(monkeypatch):
    """Without /proc, as in some sandboxes, LLVM is asked."""
    levels = cpu.levels()

    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    cpu.features.cache_clear()
    try:
        assert cpu.levels() == levels
    finally:
        cpu.features.cache_clear()


@pytest.mark.parametrize(
    ("vendor", "features", "mitigation", "gathers"),
    [
        ("GenuineIntel", V3 | V4, "Not affected", True),
        ("GenuineIntel", V3 | V4, "Vulnerable", True),
        ("GenuineIntel", V3 | V4, "Mitigation: Microcode", False),
        ("GenuineIntel", V3, "Not affected", False),
        ("AuthenticAMD", V3 | V4, "Not affected", False),
        (None, V3 | V4, "Not affected", False),  # no /proc
        ("GenuineIntel", V3 | V4, None, False),  # a kernel that does not tell
    ],
)
def test_gathers_of_intel_without_mitigation(monkeypatch, vendor, features, mitigation, gathers):
    contents = {
        "/proc/cpuinfo": vendor and f"processor\t: 0\nvendor_id\t: {vendor}\n",
        "/sys/devices/system/cpu/vulnerabilities/gather_data_sampling": mitigation and f"{mitigation}\n",
    }

    def opened(path, **_):
        if contents[path] is None:
            raise FileNotFoundError
        return io.StringIO(contents[path])

    monkeypatch.setattr("builtins.open", opened)
    monkeypatch.setattr(cpu, "features", lambda: frozenset(features))
    cpu.gathers.cache_clear()
    try:
        assert cpu.gathers() is gathers
    finally:
        cpu.gathers.cache_clear()
