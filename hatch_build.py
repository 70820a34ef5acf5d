"""Build hook: compile kernels for the CPUs of the platform into the wheel, so that first calls do not compile.

``STN_NUMBA_BUILD_KERNELS=0`` skips this, and so do an editable install and systems other than Linux. If compiling fails, the
result is a pure wheel, whose kernels are compiled at first calls. ``STN_NUMBA_BUILD_KERNELS=FOLDER`` takes the libraries in a
folder, such as stn_numba/prebuilt of a checkout after ``make kernels``; an installation uses them only if they were made from
its sources.
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
    """The hook that hatchling runs."""

    def dependencies(self) -> list[str]:
        """Return the build dependencies: the compilation imports the library."""
        return [] if _why_not() or _folder() else list(self.metadata.core.dependencies)

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the libraries of compiled kernels to the wheel."""
        if self.target_name != "wheel" or version == "editable":
            return
        if why_not := _why_not():
            self.app.display_info(f"Skipping kernels ({why_not}): they are compiled at first calls.")
            return
        folder = _folder()
        libraries = self._build() if folder is None else sorted(folder.glob("*.so"))
        if folder is not None and not libraries:
            raise FileNotFoundError(f"STN_NUMBA_BUILD_KERNELS: {folder} contains no libraries of kernels")
        if libraries:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
            for path in libraries:
                build_data["force_include"][str(path)] = f"stn_numba/prebuilt/{path.name}"

    def _build(self) -> list[Path]:
        self.app.display_info("Compiling kernels, which takes a few minutes (STN_NUMBA_BUILD_KERNELS=0 skips this) ...")
        start, folder = time.monotonic(), Path(self.directory) / "kernels"
        with tempfile.TemporaryDirectory() as site:
            self._fake_install(Path(site))
            places = [site, *filter(None, [os.environ.get("PYTHONPATH")])]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "STN_NUMBA_PREBUILT": "off"}
            command = [sys.executable, "-m", "stn_numba.deploy.build_kernels", str(folder)]
            done = subprocess.run(command, env=environment, cwd=self.root, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it was killed"])[-1]
            self.app.display_warning(f"No kernels were compiled, so this is a pure wheel: {reason}")
            return []
        self.app.display_info(f"Compiled kernels in {time.monotonic() - start:.0f} s.")
        return sorted(folder.glob("*.so"))

    def _fake_install(self, folder: Path) -> None:
        """Lay out the packages and entry points as an installation would, so that networks find their transforms.

        The packages are links, since a build environment does not see the folders of an editable install.
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


def _why_not() -> str:
    """Why no kernels are compiled into the wheel, for people; empty if they are."""
    if os.environ.get("STN_NUMBA_BUILD_KERNELS", "1") == "0":
        return "STN_NUMBA_BUILD_KERNELS=0"
    return "" if sys.platform == "linux" else f"not supported on {sys.platform}"


def _folder() -> Path | None:
    """The folder with compiled libraries, if the environment names one; not with 1, which is the default."""
    value = os.environ.get("STN_NUMBA_BUILD_KERNELS", "1")
    return None if value in ("0", "1", "") else Path(value).resolve()
