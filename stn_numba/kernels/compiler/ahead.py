"""Compile kernels ahead, for the CPUs of a level instead of this machine's: what a wheel brings along.

Numba writes the intermediate code of a kernel, as for its own compiler; LLVM optimizes it with the passes that Numba asks for,
for each level; C's linker makes one library of all of a level. It needs nothing of Numba or Python when it is run.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from numba.core.codegen import CPUCodeLibrary

from stn_numba.kernels.compiler.jit import ENTRY, left_out
from stn_numba.kernels.compiler.llvm_passes import pass_builder
from stn_numba.kernels.signature import Signature, symbol

__all__ = ["Job", "Target", "compile_job", "link", "linker", "target_of"]


class Target(NamedTuple):
    """CPUs that a library is for, as LLVM knows them."""

    triple: str
    cpu: str
    features: str


class Job(NamedTuple):
    """A kernel and a signature to compile it for."""

    kernel: str
    signature: Signature


def target_of(level: str) -> Target:
    """The CPUs of a level, see `kernels.runtime.cpu`."""
    triple = llvm.get_process_triple()
    return Target(triple, "generic", "+neon") if level == "aarch64" else Target(triple, f"x86-64-{level}", "")


def compile_job(job: Job, levels: list[str], folder: Path) -> None:
    """Write an object file of a kernel for each level."""
    source = _intermediate_code(job)
    for level in levels:
        machine_code = _machine_code(source, symbol(*job), target_of(level))
        (folder / f"{symbol(*job)}.{level}.o").write_bytes(machine_code)


class _Captured(Exception):  # noqa: N818
    """The intermediate code of a whole kernel, before it is optimized for this machine."""


@contextlib.contextmanager
def _capturing() -> Iterator[None]:
    """Let compilation end where Numba would optimize an entry."""
    optimize = CPUCodeLibrary._optimize_final_module

    def capture(library: Any) -> None:
        if ".enter" in library.name:
            raise _Captured(str(library._final_module))
        optimize(library)

    CPUCodeLibrary._optimize_final_module = capture
    try:
        yield
    finally:
        CPUCodeLibrary._optimize_final_module = optimize


def _intermediate_code(job: Job) -> str:
    """The code of a kernel with all that it calls, and an entry without Numba's way of raising errors, named by `symbol`."""
    module, _, name = job.kernel.rpartition(".")
    entry = getattr(importlib.import_module(f"stn_numba.{module}"), name).entry(job.signature)
    with left_out(), _capturing():
        try:
            entry.compile(ENTRY)
        except _Captured as captured:
            code = str(captured)
        else:
            raise RuntimeError("Numba optimizes kernels in another way than this one knows")
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


def _machine_code(source: str, name: str, target: Target) -> bytes:
    """An object file, by the passes of Numba's own compiler."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="default"
    )
    module = llvm.parse_assembly(re.sub(r'target triple = "[^"]*"', f'target triple = "{target.triple}"', source))
    module.data_layout = str(machine.target_data)
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != name:
            value.linkage = "internal"  # so that what is not needed is left out
    builder = pass_builder(machine, opt=3, loop_vectorize=True)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def linker() -> list[str] | None:
    """The command of C's compiler, which links; None if there is none."""
    command = shlex.split(sysconfig.get_config_var("CC") or "cc")
    found = next((path for name in (command[0], "cc", "gcc", "clang") if (path := shutil.which(name))), None)
    return None if found is None or sys.platform == "win32" else [found]


def link(objects: list[Path], library: Path) -> None:
    """Make a library of object files."""
    command = [*(linker() or []), "-shared", "-nostartfiles", "-Wl,-s", "-o", str(library), *map(str, objects), "-lm", "-lc"]
    subprocess.run(command, check=True)
