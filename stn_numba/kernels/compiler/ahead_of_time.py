"""Compile kernels ahead of time, for any CPU of a level instead of this machine's: the libraries in a wheel.

Numba writes the LLVM code of a kernel, as for its own compiler; LLVM optimizes it with the same passes, for each level; the C
compiler links all kernels of a level to one library, which needs nothing of Numba or Python to run.
"""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import llvmlite.binding as llvm
from numba.core.codegen import CPUCodeLibrary

from stn_numba.kernels.compiler.jit import ENTRY, numba_shortcuts
from stn_numba.kernels.compiler.llvm_passes import pass_builder
from stn_numba.kernels.signature import Signature, symbol

__all__ = ["Job", "compile_job", "link", "linker"]


class Job(NamedTuple):
    """A kernel and a signature to compile it for."""

    kernel: str
    signature: Signature


def compile_job(job: Job, levels: list[str], folder: Path) -> None:
    """Write an object file of a kernel for each level of CPUs, see `kernels.runtime.cpu`."""
    source = _llvm_code(job)
    for level in levels:
        (folder / f"{symbol(*job)}.{level}.o").write_bytes(_object_file(source, symbol(*job), level))


class _Captured(Exception):  # noqa: N818
    """The LLVM code of a whole kernel, before it is optimized for this machine."""


def _llvm_code(job: Job) -> str:
    """The code of a kernel with all that it calls, and an entry named by `symbol`, which does not return Numba's status."""
    module, _, name = job.kernel.rpartition(".")
    entry = getattr(importlib.import_module(f"stn_numba.{module}"), name).entry(job.signature)
    with numba_shortcuts():
        optimize = CPUCodeLibrary._optimize_final_module

        def capture(library: Any) -> None:
            if ".enter" in library.name:
                raise _Captured(str(library._final_module))
            optimize(library)

        with mock.patch.object(CPUCodeLibrary, "_optimize_final_module", capture):
            try:
                entry.compile(ENTRY)
            except _Captured as captured:
                code = str(captured)
            else:
                raise RuntimeError("this version of Numba optimizes kernels in an unknown way")
    inner = re.search(r'define [^@]*@"?([^"(]*enter[^"(]*)"?\(', code)
    assert inner is not None
    return f"""{code}
define void @{symbol(*job)}(i64 %0, i64 %1, i64 %2, i64 %3) {{
  %result = alloca ptr
  %error = alloca ptr
  %status = call i32 @"{inner.group(1)}"(ptr %result, ptr %error, i64 %0, i64 %1, i64 %2, i64 %3)
  ret void
}}
"""


def _object_file(source: str, name: str, level: str) -> bytes:
    """Machine code for a level, by the passes of Numba's own compiler."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.get_process_triple()
    cpu, features = ("generic", "+neon") if level == "aarch64" else (f"x86-64-{level}", "")
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="pic", codemodel="default"
    )
    module = llvm.parse_assembly(re.sub(r'target triple = "[^"]*"', f'target triple = "{triple}"', source))
    module.data_layout = str(machine.target_data)
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != name:
            value.linkage = "internal"  # so that what is not needed is left out
    builder = pass_builder(machine, opt=3, loop_vectorize=True)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def linker() -> list[str] | None:
    """Return the command of the C compiler, which links; None if there is none."""
    command = shlex.split(sysconfig.get_config_var("CC") or "cc")
    found = next((path for name in (command[0], "cc", "gcc", "clang") if (path := shutil.which(name))), None)
    return None if found is None or sys.platform == "win32" else [found]


def link(objects: list[Path], library: Path) -> None:
    """Link object files to a library."""
    command = [*(linker() or []), "-shared", "-nostartfiles", "-Wl,-s", "-o", str(library), *map(str, objects), "-lm", "-lc"]
    subprocess.run(command, check=True)
