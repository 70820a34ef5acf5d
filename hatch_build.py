"""Compile kernels when a wheel is built, for the CPUs of its platform: so that first calls need no compiler.

``STN_NUMBA_BUILD_KERNELS=0`` leaves them out, and so does an editable install. Where something is missing the wheel is a pure
one without them, and kernels are compiled when they are first called.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """The hook that hatchling calls."""

    def dependencies(self) -> list[str]:
        """What the compilation needs: the library itself is run."""
        return list(self.metadata.core.dependencies) if _wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the libraries into the wheel."""
        if self.target_name != "wheel" or version == "editable":
            return
        if not _wanted():
            self.app.display_info("Kernels are left out (STN_NUMBA_BUILD_KERNELS=0): they are compiled when first called.")
            return
        libraries = self._build()
        if libraries:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
            for path in libraries:
                build_data["force_include"][str(path)] = f"stn_numba/prebuilt/{path.name}"

    def _build(self) -> list[Path]:
        self.app.display_info(
            "Compiling kernels ahead; this takes a few minutes (STN_NUMBA_BUILD_KERNELS=0 leaves them out) ..."
        )
        start, folder = time.monotonic(), Path(self.directory) / "kernels"
        with tempfile.TemporaryDirectory() as announced:
            self._announce_transforms(Path(announced))
            places = [announced, *filter(None, [os.environ.get("PYTHONPATH")])]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "STN_NUMBA_PREBUILT": "off"}
            command = [sys.executable, "-m", "stn_numba.deploy.build_kernels", str(folder)]
            done = subprocess.run(command, env=environment, cwd=self.root, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it was stopped"])[-1]
            self.app.display_warning(f"No kernels were compiled, the wheel is a pure one: {reason}")
            return []
        self.app.display_info(f"Compiled kernels in {time.monotonic() - start:.0f} s.")
        return sorted(folder.glob("*.so"))

    def _announce_transforms(self, folder: Path) -> None:
        """Lay out what an installation would: the networks that are looked at find their transforms by entry points.

        The packages are links: a build environment leaves out the folders of an editable install, which may be these.
        """
        for package in ("stn_numba", "plugins/stn_transforms"):
            (folder / Path(package).name).symlink_to(Path(self.root) / package, target_is_directory=True)
        place = folder / f"stn_numba-{self.metadata.version}.dist-info"
        place.mkdir()
        (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: stn-numba\nVersion: {self.metadata.version}\n")
        lines = []
        for group, entries in self.metadata.core.entry_points.items():
            lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
        (place / "entry_points.txt").write_text("\n".join(lines) + "\n")


def _wanted() -> bool:
    return os.environ.get("STN_NUMBA_BUILD_KERNELS", "1") != "0"
