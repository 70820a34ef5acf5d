"""Compile helpers no further than they are needed.

Numba makes machine code of every function it compiles, and of all that a function calls once more within it. A helper that is
inlined by force is never called itself: its own machine code is made for nothing. Kernels here are made of a hundred
helpers, several deep; without this, ten times as much is optimised and generated as is ever run.

A helper's library therefore ends as LLVM's intermediate code, which kernels link and optimise as a whole. This reaches into
Numba; where its inner parts have changed, `jit.inline` leaves helpers to Numba's own way, which only takes longer.
"""

from __future__ import annotations

from typing import Any

from numba.core import typed_passes, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import NativeLowering

__all__ = ["HelperPipeline"]


class _HelperLibrary(JITCodeLibrary):
    """Code that is only ever linked into that of others."""

    def finalize(self) -> None:
        """Link what the helper calls, and leave it at that."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _HelperLowering(NativeLowering):
    """Numba's lowering, without the last step: an address to call the function at."""

    _name = "stn_numba_helper_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower a helper; compilations are behind Numba's global lock, so that no other one sees the context meanwhile."""
        context = state.targetctx
        state.library = _HelperLibrary(context.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        context.get_executable = _no_entry
        try:
            return bool(super().run_pass(state))
        finally:
            del context.get_executable


def _no_entry(library: Any, fndesc: Any, env: Any) -> Any:
    """A builtin function, as Numba's dispatchers ask for, in the place of the helper's own; another one for each helper."""
    return [fndesc.qualname].index


# What helpers need of Numba's passes: the others inline functions, look for parallel loops and lists, or unroll what none has.
_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.RewriteSemanticConstants,
    untyped_passes.DeadBranchPrune,
    untyped_passes.GenericRewrites,
    untyped_passes.ReconstructSSA,
    untyped_passes.DeadBranchPrune,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.AnnotateTypes,
    _HelperLowering,
    typed_passes.NoPythonBackend,
)


class HelperPipeline(Compiler):
    """Numba's compiler with fewer passes, and `_HelperLowering`."""

    def define_pipelines(self) -> Any:
        """Return the one list of passes."""
        manager = PassManager("stn_numba_helper")
        for step in _PASSES:
            manager.add_pass(step, step.__name__)
        manager.finalize()
        return [manager]
