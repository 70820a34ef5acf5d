"""Numba without what it does for others, while kernels are compiled.

Half of the time that Numba's Python code takes is spent on telling listeners of every step, on looking again and again for
extensions that may have been imported since, and on working out the types of the same sums. This reaches into Numba; where
its inner parts have changed, kernels are compiled as always, which only takes longer.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any

from numba.core import base, byteflow, codegen, errors, event, interpreter, ssa, typeinfer, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.postproc import PostProcessor, VariableLifetime
from numba.core.registry import cpu_target
from numba.core.transforms import canonicalize_cfg

from stn_numba.kernels.compiler.llvm_passes import optimize, pass_builder

__all__ = ["left_out"]


@contextlib.contextmanager
def left_out() -> Iterator[None]:
    """Leave them out within a block, in which no other thread compiles."""
    with global_compiler_lock, contextlib.ExitStack() as stack:
        stack.enter_context(_without_collector())
        typing, target = cpu_target.typing_context, cpu_target.target_context
        target.refresh()  # once, with all that has been imported by now
        typing.refresh()
        if not any(event._registered.values()):
            for name in ("start_event", "end_event", "broadcast"):
                stack.enter_context(_instead(event, name, _nothing))
            for name in ("trigger_event", "install_timer"):
                stack.enter_context(_instead(event, name, _no_context))
        stack.enter_context(_instead(target, "refresh", lambda: _install_anew(target)))
        stack.enter_context(_instead(typing, "refresh", _nothing))
        stack.enter_context(_instead(target, "get_abi_sizeof", _remembered(target.get_abi_sizeof)))
        stack.enter_context(_instead(typing, "resolve_function_type", _typed_once(typing.resolve_function_type)))
        stack.enter_context(_instead(base, "_has_loc", _remembered(base._has_loc)))
        stack.enter_context(_instead(errors.WarningsFixer, "catch_warnings", _no_context))
        stack.enter_context(_instead(typeinfer, "new_error_context", _no_context))
        for module in (ssa, byteflow, interpreter):  # each instruction is noted for debuggers of Numba
            stack.enter_context(_instead(module, "_logger", _NO_LOGGER))
        for name in ("peep_hole_delete_with_exit", "peep_hole_fuse_dict_add_updates"):  # kernels have none of either
            stack.enter_context(_instead(interpreter, name, lambda code: code))
        stack.enter_context(_instead(PostProcessor, "run", _order_blocks))
        stack.enter_context(_instead(codegen, "create_pass_builder", pass_builder))
        stack.enter_context(_instead(codegen.CPUCodeLibrary, "_optimize_final_module", optimize))
        yield


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Compilers make millions of objects that stay: looking through them again and again takes a tenth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextlib.contextmanager
def _instead(owner: Any, name: str, new: Any) -> Iterator[None]:
    """Give an object or a module another attribute for a while; nothing, where there is none of this name."""
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


def _install_anew(target: Any) -> None:
    """Take in what intrinsics have registered since."""
    for registry in tuple(target._registries):
        target.install_registry(registry)


def _order_blocks(self: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
    """Work out which block follows which, but not where each variable is used last, since nothing is counted."""
    code = self.func_ir
    code.blocks = canonicalize_cfg(code.blocks)
    code.variable_lifetime, code.generator_info = VariableLifetime(code.blocks), None


def _nothing(*arguments: Any, **named: Any) -> None:
    """Do nothing."""


def _no_context(*arguments: Any, **named: Any) -> contextlib.nullcontext[None]:
    """Return a context in which nothing is different."""
    return contextlib.nullcontext()


class _NoLogger:
    """In the place of a logger."""

    debug = info = staticmethod(_nothing)
    isEnabledFor = staticmethod(lambda level: False)  # noqa: N815


_NO_LOGGER = _NoLogger()


def _remembered(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that works out each answer once."""
    known: dict[Any, Any] = {}

    def remembered(question: Any) -> Any:
        if question not in known:
            known[question] = function(question)
        return known[question]

    return remembered


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
