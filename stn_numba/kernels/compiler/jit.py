"""Every Numba option of the project, each with its reason; kernels use these five decorators only.

``kernel``
    a function that calls reach by its address (`runtime.calls`), once. It shares nothing, so callers on several Python threads
    run side by side.
``tasks``
    a kernel whose work is cut into tasks, which threads share. It takes ``first, stop`` before its other arguments, does the
    tasks in between, and returns whether there was memory enough.
``inline``
    a helper that kernels call; compiled with its caller, never cached on its own.
``noinline``
    the same for rare cases, and called instead of inlined: its code stays out of the loops, which LLVM then optimizes better.
``choose``
    in the place of a helper: a function of the types of the arguments that returns the helper to call with them.
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

__all__ = ["Kernel", "noinline", "choose", "inline", "kernel", "tasks"]

logger = logging.getLogger(__name__)

Function = Callable[..., Any]

# No fast-math at all: the bits of a result must not depend on the CPU a kernel is compiled for, nor on who compiles it. The
# kernels also rely on comparisons with NaN to keep every index inside the image.
_OPTIONS: dict[str, Any] = {
    "fastmath": False,
    "error_model": "numpy",  # a division by zero gives inf, without a branch in the loop
    "nogil": True,
    "no_cpython_wrapper": True,  # kernels are called by address
    "_nrt": False,  # nothing in kernels is reference-counted, so nothing is to be looked through for what is
}


try:
    from stn_numba.kernels.compiler.inline_pipeline import HelperPipeline
    from stn_numba.kernels.compiler.overheads import left_out

    _HELPER: dict[str, Any] = {"pipeline_class": HelperPipeline}
except ImportError as error:  # a Numba whose inner parts have changed
    logger.info("helpers are compiled one by one, which takes longer: %s", error)
    _HELPER, left_out = {}, contextlib.nullcontext


def inline(function: Function) -> Function:
    """Compile a helper that is called from kernels."""
    return _helper(function, forceinline=True)


def noinline(function: Function) -> Function:
    """Compile a helper for rare cases, which kernels call."""
    return _helper(function)


def choose(chooser: Function) -> Function:
    """Call one of several helpers, by the types of the arguments: the others are not compiled."""
    made = numba.njit(chooser)
    made.get_call_template = lambda arguments, named: chooser(*arguments).get_call_template(arguments, named)
    made.get_overload = lambda kinds: chooser(*kinds).get_overload(kinds)
    return made


def _helper(function: Function, **options: Any) -> Function:
    made = numba.njit(no_cfunc_wrapper=True, **options, **_HELPER, **_OPTIONS)(function)
    made.get_call_template = functools.partial(_plain_template, made)
    return made


def _plain_template(helper: Any, arguments: Any, named: Any) -> Any:
    """One version of a helper for all numbers that are known when it is compiled: LLVM, which inlines it, knows them."""
    plain = tuple(types.unliteral(kind) for kind in arguments)
    return type(helper).get_call_template(helper, plain, named)


class Kernel:
    """A kernel, and the entries made of it: machine code for one signature, which reads its arguments from memory."""

    def __init__(self, function: Function, in_tasks: bool) -> None:
        functools.update_wrapper(self, function)
        self.function, self.in_tasks = function, in_tasks
        self.helper = inline(function)

    def __call__(self, *arguments: Any) -> Any:
        """Run the Python function itself, for debugging; machine code is called through `kernels.runtime.calls`."""
        return self.function(*arguments)

    def entry(self, signature: Signature) -> Any:
        """Return the function ``(tasks, counts, steps, job)`` of four addresses to be compiled, formed as a gufunc's loop."""
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
        entry, kinds, known = self.entry(signature), ENTRY.args, False
        try:
            entry._cache = cache = KernelCache(self.function, repr(signature))
            known = cache.holds(ENTRY, entry.targetctx)
        except (AttributeError, TypeError, OSError) as error:  # a Numba whose inner parts have changed, or no source files
            logger.info("kernels are not cached on disk: %s", error)
        with contextlib.nullcontext() if known else left_out():  # what is read from disk needs nothing of the compiler
            entry.compile(ENTRY)
        made = entry.overloads[kinds]
        address = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
        _kept_alive.append(entry)
        return address, bool(entry.stats.cache_hits)


ENTRY = types.void(*(types.int64,) * 4)
_kept_alive: list[Any] = []  # machine code lives as long as its dispatcher


def kernel(function: Function) -> Kernel:
    """Make a kernel that runs once a call."""
    return Kernel(function, in_tasks=False)


def tasks(function: Function) -> Kernel:
    """Make a kernel whose tasks threads share."""
    return Kernel(function, in_tasks=True)
