"""Decorators that compile kernels, with every Numba option of the project and its reason.

``kernel``
    a function that Python calls by its address (`runtime.calls`), once a call. It shares nothing, so callers on several Python
    threads run side by side.
``tasks``
    a kernel whose work is cut into tasks, which threads share. It takes ``first, stop`` before its other arguments, does the
    tasks in between, and returns whether it could allocate its memory.
``inline``
    a helper that kernels call; compiled with its caller, never cached by itself.
``apart``
    a loop that is not inlined: in the middle of a kernel, where much else is kept in registers, LLVM runs out of them.
``rare``
    the same for rare cases: not inlined by force, so that LLVM may keep its code out of the loops.
``choose``
    a function of the types of the arguments that returns the helper to call with them; others are not compiled.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any

import numba
from numba import types

from stn_numba.kernels.compiler.unpack import read_word, reader, write_word
from stn_numba.kernels.runtime.disk_cache import KernelCache
from stn_numba.kernels.signature import Signature

__all__ = ["Kernel", "apart", "choose", "inline", "kernel", "rare", "tasks"]

logger = logging.getLogger(__name__)

Function = Callable[..., Any]

# No fast-math at all: the bits of a result must not depend on the CPU a kernel is compiled for, nor on who compiles it. The
# kernels also rely on comparisons with NaN to keep every index inside the image.
_OPTIONS: dict[str, Any] = {
    "fastmath": False,
    "error_model": "numpy",  # a division by zero gives inf, without a branch in the loop
    "nogil": True,
    "no_cpython_wrapper": True,  # kernels are called by address
    "_nrt": False,  # kernels count no references, so Numba need not look for any
}


try:
    from stn_numba.kernels.compiler.inline_pipeline import HelperPipeline
    from stn_numba.kernels.compiler.numba_shortcuts import numba_shortcuts

    _HELPER: dict[str, Any] = {"pipeline_class": HelperPipeline}
except ImportError as error:  # a Numba whose internals have changed
    logger.info("helpers are compiled one by one, which takes longer: %s", error)
    _HELPER, numba_shortcuts = {}, contextlib.nullcontext


def inline(function: Function) -> Function:
    """Compile a helper that is inlined into kernels."""
    return _helper(function, forceinline=True)


def apart(function: Function) -> Function:
    """Compile a helper that kernels call, so that it has registers of its own."""
    function.apart = True  # type: ignore[attr-defined]
    return _helper(function)


def rare(function: Function) -> Function:
    """Compile a helper for rare cases, which LLVM may inline or call."""
    return _helper(function)


def choose(chooser: Function) -> Function:
    """Call one of several helpers, by the types of the arguments."""
    made = numba.njit(chooser)
    made.get_call_template = lambda arguments, named: chooser(*arguments).get_call_template(arguments, named)
    made.get_overload = lambda kinds: chooser(*kinds).get_overload(kinds)
    return made


def _helper(function: Function, **options: Any) -> Function:
    made = numba.njit(no_cfunc_wrapper=True, **options, **_HELPER, **_OPTIONS)(function)
    made.get_call_template = functools.partial(_plain_template, made)
    return made


def _plain_template(helper: Any, arguments: Any, named: Any) -> Any:
    """One version of a helper for all constants: LLVM, which inlines it, knows them."""
    return type(helper).get_call_template(helper, tuple(types.unliteral(kind) for kind in arguments), named)


class Kernel:
    """A kernel, and the entries made of it: machine code for one signature, which reads its arguments from memory."""

    def __init__(self, function: Function, in_tasks: bool) -> None:
        functools.update_wrapper(self, function)
        self.function, self.in_tasks = function, in_tasks
        self.helper = inline(function)

    def entry(self, signature: Signature) -> Any:
        """Return the function ``(tasks, counts, steps, job)`` of four addresses to compile, formed as a gufunc's loop."""
        function, read = self.helper, reader(signature)
        if self.in_tasks:

            def enter(tasks: int, counts: int, steps: int, job: int) -> None:
                first = read_word(tasks) - 1  # counted from 1, since threads do not move on from a null address
                if not function(first, first + read_word(counts), *read(job + 8)):
                    write_word(job, 1)
        else:

            def enter(tasks: int, counts: int, steps: int, job: int) -> None:
                function(*read(job + 8))

        return numba.njit(**_OPTIONS)(enter)

    def compile(self, signature: Signature) -> tuple[int, bool]:
        """Return (address, from_cache) of the machine code for a signature."""
        entry, known = self.entry(signature), False
        try:
            entry._cache = cache = KernelCache(self.function, repr(signature))
            known = cache.holds(ENTRY, entry.targetctx)
        except (AttributeError, TypeError, OSError) as error:  # a Numba whose internals have changed, or no source files
            logger.info("kernels are not cached on disk: %s", error)
        with contextlib.nullcontext() if known else numba_shortcuts():  # what is read from disk needs no compiler
            entry.compile(ENTRY)
        made = entry.overloads[ENTRY.args]
        _kept_alive.append(entry)
        return made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name), bool(entry.stats.cache_hits)


ENTRY = types.void(*(types.int64,) * 4)
_kept_alive: list[Any] = []  # machine code lives as long as its dispatcher


def kernel(function: Function) -> Kernel:
    """Make a kernel that runs once a call."""
    return Kernel(function, in_tasks=False)


def tasks(function: Function) -> Kernel:
    """Make a kernel whose tasks threads share."""
    return Kernel(function, in_tasks=True)
