"""Compile helpers that are inlined into kernels no further than to LLVM code.

Numba makes machine code of every function it compiles, and again within each function that calls it. A kernel here is made of
a hundred helpers, several deep, which are never called by themselves: ten times as much would be optimized and generated
as is ever run. So a helper's library ends as LLVM code, which kernels link and optimize as a whole.

This overrides internals of Numba. Where these have changed, `jit.inline` compiles helpers the usual way, which takes longer.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, typed_passes, untyped_passes
from numba.core.callconv import CPUCallConv
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager, _pass_registry, register_pass
from numba.core.cpu import CPUContext
from numba.core.lowering import Lower
from numba.core.postproc import PostProcessor
from numba.core.typed_passes import NativeLowering

__all__ = ["HelperPipeline"]

_helpers: set[str] = set()  # their names in LLVM code
_apart: set[str] = set()  # names of those that are not inlined, see `jit.apart`


class _HelperLibrary(JITCodeLibrary):
    """Code that is only ever linked into that of others, and optimized there."""

    def _optimize_functions(self, ll_module: Any) -> None:
        pass

    def finalize(self) -> None:
        """Link what the helper calls, and nothing more."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            if hasattr(self, "_reload_init"):  # since Numba 0.63
                self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()
        self._finalized = True


class _Calls(CPUCallConv):
    """The calling convention: helpers take their arguments, return their value, and raise nothing.

    Numba's own functions, which helpers may call as well, return a status and write their value to memory.
    """

    def get_arguments(self, func: Any) -> Any:
        return func.args if func.name in _helpers else super().get_arguments(func)

    def return_value(self, builder: Any, retval: Any) -> None:
        if builder.function.name in _helpers:
            builder.ret(retval)
        else:
            super().return_value(builder, retval)

    def return_native_none(self, builder: Any) -> None:
        if builder.function.name in _helpers:
            builder.ret(ir.Constant(builder.function.function_type.return_type, None))
        else:
            super().return_native_none(builder)

    def return_user_exc(self, builder: Any, *arguments: Any, **named: Any) -> None:
        if builder.function.name in _helpers:  # no index of theirs is out of range, and no step is zero
            builder.unreachable()
        else:
            super().return_user_exc(builder, *arguments, **named)

    def return_status_propagate(self, builder: Any, status: Any) -> None:
        if builder.function.name in _helpers:
            builder.unreachable()
        else:
            super().return_status_propagate(builder, status)


class _Context(CPUContext):
    """Numba's target context, for helpers."""

    @property
    def call_conv(self) -> Any:
        return _Calls(self)

    def declare_function(self, module: Any, fndesc: Any) -> Any:
        if fndesc.mangled_name not in _helpers:
            return super().declare_function(module, fndesc)
        packer = self.get_arg_packer(fndesc.argtypes)
        kind = ir.FunctionType(self.data_model_manager[fndesc.restype].get_return_type(), list(packer.argument_types))
        function = cgutils.get_or_insert_function(module, kind, fndesc.mangled_name)
        if fndesc.mangled_name in _apart:
            function.attributes.add("noinline")
        elif fndesc.inline:
            function.attributes.add("alwaysinline")
        return function

    def insert_user_function(self, func: Any, fndesc: Any, libs: Any = ()) -> None:
        """Remember how to call a helper."""
        packer = self.get_arg_packer(fndesc.argtypes)

        def call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            helper = self.declare_function(builder.module, fndesc)
            value = builder.call(helper, packer.as_arguments(builder, arguments))
            return self.data_model_manager[fndesc.restype].from_return(builder, value)

        call.signature, call.libs = fndesc.argtypes, tuple(libs)  # type: ignore[attr-defined]
        self._defns[func].append(call, fndesc.argtypes)

    def get_executable(self, library: Any, fndesc: Any, env: Any) -> Any:
        """Return some builtin function, another one for each helper: Numba's dispatchers want one, and never call it."""
        return [fndesc.qualname].index


class _Lower(Lower):
    """Numba's lowering without what is only for debuggers and for reference counts."""

    def lower(self) -> None:
        _helpers.add(self.fndesc.mangled_name)
        if getattr(self.func_ir.func_id.func, "apart", False):
            _apart.add(self.fndesc.mangled_name)
        super().lower()

    def lower_block(self, block: Any) -> None:
        self.pre_block(block)
        for instruction in block.body:
            self.loc = instruction.loc
            self.lower_inst(instruction)
        self.post_block(block)

    def alloca_lltype(self, name: str, lltype: Any, datamodel: Any = None) -> Any:
        return cgutils.alloca_once(self.builder, lltype, name=name, zfill=False)

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        if name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self._alloca_var(name, self.typeof(name))
            self.builder.store(value, self.getvar(name))

    def incref(self, typ: Any, val: Any) -> None:
        pass

    def decref(self, typ: Any, val: Any) -> None:
        pass


@register_pass(mutates_CFG=True, analysis_only=False)
class _HelperLowering(NativeLowering):
    """Numba's lowering, to a `_HelperLibrary`."""

    _name = "stn_numba_helper_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        return _Lower

    def run_pass(self, state: Any) -> bool:
        context = state.targetctx
        state.library = _HelperLibrary(context.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        context.__class__ = _Context  # it is a copy for this helper
        return bool(super().run_pass(state))


# What helpers need of Numba's passes: others inline functions, look for parallel loops and lists, or unroll loops over tuples.
_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.RewriteSemanticConstants,
    untyped_passes.DeadBranchPrune,
    untyped_passes.GenericRewrites,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    _HelperLowering,
    typed_passes.NoPythonBackend,
)


class _Passes(PassManager):
    """Passes that are run one after the other, without Numba's bookkeeping."""

    def run(self, state: Any) -> None:
        for step, _ in self.passes:
            done = _pass_registry.get(step).pass_inst
            done.analysis = self._analysis
            done.run_initialization(state)
            changed = done.run_pass(state)
            if changed and step is untyped_passes.DeadBranchPrune:  # other passes need the new order of blocks
                PostProcessor(state.func_ir).run()
            done.run_finalizer(state)


class HelperPipeline(Compiler):
    """Numba's compiler with fewer passes, and `_HelperLowering`."""

    def define_pipelines(self) -> Any:
        """Return the one list of passes."""
        manager = _Passes("stn_numba_helper")
        for step in _PASSES:
            manager.add_pass(step, step.__name__)
        manager.finalize()
        return [manager]
