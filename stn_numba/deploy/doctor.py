"""Look an installation over: what it is made of, whether its kernels are right, what could be better."""

from __future__ import annotations

import dataclasses
from typing import Any

from stn_numba.deploy import installation
from stn_numba.deploy.advice import advice
from stn_numba.deploy.selftest import self_test
from stn_numba.transform import registry

__all__ = ["doctor", "plugin_rows"]


def doctor(*, test: bool = True) -> dict[str, Any]:
    """Report on this installation, as plain data.

    Launches Numba's threads, so it belongs in a process of its own. The self-test covers every kernel of the library that is in
    use. Without one it covers the most common kernels, and compiles what is not in the cache.

    Parameters
    ----------
    test
        Whether to run the self-test.

    Returns
    -------
    dict
        ``versions``, ``cpu``, ``threading``, ``threads``, ``kernels``, ``cache``, ``plugins``, ``settings``, ``self_test``;
        ``advice``, a list of sentences; and ``healthy``: whether calls work and give right results.
    """
    report: dict[str, Any] = {
        "versions": installation.versions(),
        "cpu": installation.processor(),
        "threading": installation.threading(),
        "threads": installation.threads(),
        "plugins": plugin_rows(),
        "settings": installation.setting_values(),
        "self_test": [dataclasses.asdict(check) for check in self_test()] if test else [],
    }
    report |= {"kernels": installation.kernels(), "cache": installation.cache()}  # as they are afterward
    report["advice"] = advice(report)
    report["healthy"] = bool(report["threads"]["num_threads"]) and not any(check["problem"] for check in report["self_test"])
    return report


def plugin_rows() -> list[dict[str, Any]]:
    """Load every plugin that is announced, and say what it is or why it cannot be used."""
    return [_describe(plugin) for plugin in registry.plugins()]


def _describe(plugin: registry.Plugin) -> dict[str, Any]:
    kind, count, status = "-", "-", plugin.problem or "ok"
    if not plugin.problem:
        try:
            transform = registry.get_transform(plugin.name)
            kind, count = type(transform).__mro__[1].__name__, str(transform.n_params)
        except Exception as error:  # whatever a stranger's plugin raises
            status = f"{type(error).__name__}: {error}"
    return {"name": plugin.name, "kind": kind, "parameters": count, "distribution": plugin.source, "status": status}
