"""How little is done for a helper: its LLVM code is made, and put into the function that calls it.

Numba would optimise each helper and make machine code of it, though only the outer function is ever
called, and its code is optimised with all that it calls in it. That takes two thirds of the time.

This reaches into parts of Numba that are not public. So it is done with the versions that it was
tried with; others compile in Numba's own way, which takes longer and gives the same bits.
"""

from typing import Any

import numba
from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.typed_passes import NopythonTypeInference

__all__ = ["TRIED", "HelperCompiler", "InlinedCompiler", "OuterCompiler", "OutlinedCompiler"]

TRIED = (0, 62) <= numba.version_info.short < (0, 69)
"""Whether this Numba is one that these were tried with."""

# Passes for closures, `with`, array expressions and the like, which functions here have none of.
_UNUSED = {
    "WithLifting", "InlineClosureLikes", "RewriteSemanticConstants", "DeadBranchPrune",
    "RewriteDynamicRaises", "MakeFunctionToJitFunction", "InlineInlinables", "FindLiterallyCalls",
    "LiteralUnroll", "LiteralPropagationSubPipelinePass", "InlineOverloads", "NopythonRewrites",
    "AnnotateTypes_", "DumpParforDiagnostics",
}  # fmt: skip


class _NoEnvironments:
    """Stands for the codegen where Numba enters a function's environment: helpers have none."""

    def set_env(self, name: str, env: Any) -> None:
        pass


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """Lists all that is to be linked, callees before their callers."""

    _linking_libraries: list[Any]
    _shared_module: Any

    def add_linking_library(self, library: Any) -> None:
        library._ensure_finalized()
        own = library._linking_libraries if isinstance(library, _HelperLibrary) else ()
        for each in (*own, library):
            if each not in self._linking_libraries:
                self._linking_libraries.append(each)


class _HelperLibrary(_Library):
    """Code that is linked into its callers as it is, and never run by itself."""

    inlining = ""
    codegen = _NoEnvironments()

    def add_ir_module(self, module: Any) -> None:
        for function in module.functions:
            if self.inlining and not function.is_declaration:
                function.attributes.add(self.inlining)
        super().add_ir_module(module)

    def add_llvm_module(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout
        self._final_module.link_in(module)

    def finalize(self) -> None:
        self._raise_if_finalized()
        for function in self.get_defined_functions():
            function.linkage = Linkage.linkonce_odr
        self._finalize_dynamic_globals()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """With all that it calls: for functions that are compiled in Numba's own way."""
        if self._shared_module is None:
            self._ensure_finalized()
            self._shared_module = self._final_module.clone()
            _link(self._shared_module, self._linking_libraries)
        return self._shared_module

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0


def _link(module: Any, libraries: list[Any]) -> None:
    # LLVM leaves out what may be left out and is not called by then: so callers come first.
    for library in reversed(libraries):
        helper = isinstance(library, _HelperLibrary)
        linked = library._final_module if helper else library._get_module_for_linking()
        module.link_in(linked, preserve=True)


class _InlinedLibrary(_HelperLibrary):
    inlining = "alwaysinline"


class _OutlinedLibrary(_HelperLibrary):
    inlining = "noinline"


class _OuterLibrary(_Library):
    """A function with all its helpers, which nothing else can call."""

    def finalize(self) -> None:
        self._own = {f.name for f in self._final_module.functions if not f.is_declaration}
        _link(self._final_module, self._linking_libraries)
        self._linking_libraries = []
        super().finalize()

    def _optimize_final_module(self) -> None:
        for function in self.get_defined_functions():
            if function.name not in self._own:
                # Names count up in each process, so code from the cache has the same ones;
                # private ones are in no table of symbols.
                function.linkage = Linkage.private
        # Numba goes over it twice, for the sake of counts of references.
        manager, builder = self._codegen._module_pass_manager()
        with self._recorded_timings.record("Module passes", builder):
            manager.run(self._final_module, builder)

    def _verify_declare_only_symbols(self) -> None:
        for function in self._final_module.functions:
            if function.is_declaration and function.name.startswith("_ZN"):
                raise AssertionError(f"{function.name} is not linked")


def _compiler(library: type) -> type:
    @register_pass(mutates_CFG=False, analysis_only=True)
    class MakeLibrary(FunctionPass):  # type: ignore[misc]
        _name = f"make{library.__name__}"

        def __init__(self) -> None:
            super().__init__()

        def run_pass(self, state: Any) -> bool:
            state.library = library(state.targetctx.codegen(), state.func_id.func_qualname)
            state.library.enable_object_caching()
            state.targetctx.enable_nrt = False  # all arrays are borrowed: none has to be counted
            return False

    class Compiler(CompilerBase):  # type: ignore[misc]
        def define_pipelines(self) -> Any:
            manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
            manager.passes = [p for p in manager.passes if p[0].__name__ not in _UNUSED]
            manager.add_pass_after(MakeLibrary, NopythonTypeInference)
            manager.finalize()
            return [manager]

    return Compiler


HelperCompiler, InlinedCompiler, OutlinedCompiler, OuterCompiler = map(
    _compiler, (_HelperLibrary, _InlinedLibrary, _OutlinedLibrary, _OuterLibrary)
)
