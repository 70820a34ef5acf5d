"""Compile kernels without what Numba does for other users: half of the time that its Python code takes.

Numba tells listeners of every step, looks again and again for extensions imported since, and infers the types of the same
operations each time. This module replaces internals of Numba while kernels are compiled. Where these have changed, kernels are
compiled as always, which only takes longer.
"""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Callable, Iterator
from typing import Any

from numba.core import base, byteflow, codegen, errors, event, interpreter, ssa, typeinfer, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.postproc import PostProcessor, VariableLifetime
from numba.core.registry import cpu_target
from numba.core.transforms import canonicalize_cfg

from stn_numba.kernels.compiler.llvm_passes import optimize, pass_builder

__all__ = ["numba_shortcuts"]


@contextlib.contextmanager
def numba_shortcuts() -> Iterator[None]:
    """Take them within a block, in which no other thread compiles."""
    with global_compiler_lock, contextlib.ExitStack() as stack:

        def replace(owner: Any, name: str, new: Any) -> None:
            stack.enter_context(_replaced(owner, name, new))

        stack.enter_context(_without_garbage_collector())
        typing, target = cpu_target.typing_context, cpu_target.target_context
        target.refresh()  # once, with all that has been imported by now
        typing.refresh()
        if not any(event._registered.values()):
            for name in ("start_event", "end_event", "broadcast"):
                replace(event, name, _nothing)
            for name in ("trigger_event", "install_timer"):
                replace(event, name, _no_context)
        replace(target, "refresh", lambda: _install_intrinsics(target))
        replace(typing, "refresh", _nothing)
        replace(target, "get_abi_sizeof", functools.cache(target.get_abi_sizeof))
        replace(typing, "resolve_function_type", _typed_once(typing.resolve_function_type))
        replace(base, "_has_loc", functools.cache(base._has_loc))
        replace(errors.WarningsFixer, "catch_warnings", _no_context)
        replace(typeinfer, "new_error_context", _no_context)
        for module in (ssa, byteflow, interpreter):  # each instruction is noted for debuggers of Numba
            replace(module, "_logger", _NoLogger())
        for name in ("peep_hole_delete_with_exit", "peep_hole_fuse_dict_add_updates"):  # kernels have none of either
            replace(interpreter, name, lambda code: code)
        replace(PostProcessor, "run", _order_blocks)
        replace(codegen, "create_pass_builder", pass_builder)
        replace(codegen.CPUCodeLibrary, "_optimize_final_module", optimize)
        yield


@contextlib.contextmanager
def _without_garbage_collector() -> Iterator[None]:
    """Compilers make millions of objects that stay: going through them again and again takes a tenth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextlib.contextmanager
def _replaced(owner: Any, name: str, new: Any) -> Iterator[None]:
    """Replace an attribute of an object or a module within a block, if there is one of this name."""
    if not hasattr(owner, name):
        yield
        return
    own, before = name in vars(owner), getattr(owner, name)
    setattr(owner, name, new)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def _install_intrinsics(target: Any) -> None:
    """Take in what Numba's intrinsics have registered since."""
    for registry in tuple(target._registries):
        target.install_registry(registry)


def _order_blocks(self: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
    """Compute the order of blocks, but not where each variable is used last, since no references are counted."""
    code = self.func_ir
    code.blocks = canonicalize_cfg(code.blocks)
    code.variable_lifetime, code.generator_info = VariableLifetime(code.blocks), None


def _nothing(*arguments: Any, **named: Any) -> None:
    """Do nothing."""


def _no_context(*arguments: Any, **named: Any) -> contextlib.nullcontext[None]:
    return contextlib.nullcontext()


class _NoLogger:
    debug = info = staticmethod(_nothing)
    isEnabledFor = staticmethod(lambda level: False)  # noqa: N815


def _typed_once(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Remember the types of calls, but for those of compiled functions, which keep their own list."""
    known: dict[Any, Any] = {}

    def resolve_once(function: Any, arguments: Any, named: Any) -> Any:
        if isinstance(function, str) or (isinstance(function, types.Type) and not isinstance(function, types.Function)):
            return resolve(function, arguments, named)
        key = function, tuple(arguments), tuple(named.items() if named else ())
        found = known.get(key)
        if found is None:
            found = resolve(function, arguments, named)
            if found is not None:
                known[key] = found
        return found

    return resolve_once
