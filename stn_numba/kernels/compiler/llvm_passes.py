"""LLVM's passes for kernels: those that Numba asks for, once, and without unrolling of loops.

Unrolling takes half of the time that LLVM takes for a kernel, most of it for loops of a few iterations. Where it makes a loop
faster, the iterations are written out. Numba runs its passes twice, to find more reference counts that it can leave out.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm

__all__ = ["optimize", "pass_builder"]


def pass_builder(machine: Any, opt: int = 2, loop_vectorize: bool = False, slp_vectorize: bool = False) -> Any:
    """Return LLVM's pass builder for a machine, in the place of Numba's ``create_pass_builder``."""
    options = llvm.create_pipeline_tuning_options(opt)
    options.loop_vectorization, options.slp_vectorization = loop_vectorize, slp_vectorize
    options.loop_unrolling = False
    return llvm.create_pass_builder(machine, options)


def optimize(library: Any) -> None:
    """Optimize a library of Numba's, in the place of its ``_optimize_final_module``."""
    manager, builder = library._codegen._module_pass_manager()
    manager.run(library._final_module, builder)
