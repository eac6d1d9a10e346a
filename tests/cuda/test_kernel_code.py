"""Every kernel shipped, as machine code. It needs no GPU.

That the numbers are right is for the simulator to show. This suite shows what that cannot: that
nothing is fused, spilled, left in local memory or moved in smaller pieces than meant.

The command that makes docs/cuda-kernels.md looks at each kernel for four architectures, and writes
down what it was made from. As long as neither the sources nor the compilers have changed since,
four architectures are looked at here for one kernel of each family and class of types, and sm_90
alone for the others. After a change, or with ``AA_REF_FULL=1``, it is four for all.
"""

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

import kernel_code as kc
from numba import types
from numba.cuda import libdevice

from aa_ref.backends.cuda.kernels import Kernel, bounds_of, function_of, shipped, signature_of
from aa_ref.backends.cuda.toolkit import cuda

try:
    kc.tool("ptxas", "nvidia-cuda-nvcc")
except FileNotFoundError as missing:
    pytest.skip(str(missing), allow_module_level=True)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "cuda-kernels.md").read_text("utf-8")
SHIPPED = list(shipped())
NAMED = {kernel.name: kernel for kernel in SHIPPED}
CONVERSIONS = list(kc.conversions())

FULL = os.environ.get("AA_REF_FULL") == "1" or kc.made_from() not in PAGE
WIDEST = kc.widest([*SHIPPED, *CONVERSIONS], PAGE)
"""One kernel of each family and class of types, which is looked at for all architectures."""

ALIGNED = NAMED["forward_float32_stride_2_planar_aligned"]
ADJOINT = NAMED["adjoint_float32_stride_2_planar_aligned"]
HALVES = NAMED["forward_float16_stride_4_planar_aligned"]
PYRAMID = NAMED["pyramid_uint8_planar_aligned"]
ELEMENTS = NAMED["forward_float32_axes_2"]


def of_kernels(*kernels: Kernel) -> pytest.MarkDecorator:
    """The same test for each kernel, whose name says which tests share a worker."""
    return pytest.mark.parametrize("kernel", kernels, ids=[kernel.name for kernel in kernels])


@cache
def codes_of(kernel: Kernel) -> dict[int, kc.Code]:
    """A kernel's code for each architecture that it is looked at for."""
    all_four = FULL or kernel in WIDEST
    return kc.code_of(kernel, kc.ARCHITECTURES if all_four else (90,))


@of_kernels(*SHIPPED, *CONVERSIONS)
def test_code(kernel: Kernel) -> None:
    faults = {a: kc.faults_of(kernel, code) for a, code in codes_of(kernel).items()}
    assert not any(faults.values()), faults


def test_one_kernel_of_each_family_and_class_of_types_is_compiled_for_all() -> None:
    every, chosen = (
        [(kc.family_of(k), kc.class_of(k)) for k in kernels]
        for kernels in ([*SHIPPED, *CONVERSIONS], WIDEST)
    )
    assert set(chosen) == set(every)
    assert len(chosen) == len(set(chosen))
    assert len({family for family, _ in chosen}) == 8
    assert any(k.stride == 8 for k in WIDEST)
    assert all(len(codes_of(k)) == len(kc.ARCHITECTURES) for k in COMPARED)


COMPARED = [
    kernel for kernel in WIDEST
    if kernel.kind == kernel.result == "float32" and (kernel.stride or kernel.name == ELEMENTS.name)
]  # fmt: skip


LINKED = (
    SHIPPED if os.environ.get("AA_REF_FULL") == "1"
    else WIDEST if FULL
    else list({kc.family_of(kernel): kernel for kernel in WIDEST}.values())
)  # fmt: skip
"""Those looked at as nvJitLink links them."""

with_nvjitlink = pytest.mark.skipif(
    not kc.LINKED, reason="nvJitLink is not installed, so nothing is optimised when it is linked"
)


@with_nvjitlink
@of_kernels(*LINKED)
def test_code_as_it_is_linked(kernel: Kernel) -> None:
    """Where nvJitLink is, it optimises what it links, for sm_90a, say: that is what runs."""
    codes = kc.linked_code_of(kernel)
    assert set(codes) == set(kc.LINKED)
    faults = {a: kc.faults_of(kernel, code) for a, code in codes.items()}
    assert not any(faults.values()), faults


@with_nvjitlink
@of_kernels(ELEMENTS, NAMED["adjoint_float32_stride_4_planar_aligned"])
def test_what_is_linked_here_is_what_numba_links(kernel: Kernel) -> None:
    arguments, function, bounds = signature_of(kernel).args, function_of(kernel), bounds_of(kernel)
    ours = kc.linked_ptx_of(function, arguments, (90,), bounds)[90]
    numbas = kc.linked_ptx_for(function, arguments, 90, bounds)
    assert kc.instructions_of(numbas) == kc.instructions_of(ours)
    assert kc.parameters_of(numbas) == kc.parameters_of(ours)
    assert ".target sm_90a" in ours


@of_kernels(*COMPARED)
def test_one_compilation_for_all_gives_what_one_for_each_does(kernel: Kernel) -> None:
    arguments = signature_of(kernel).args
    for architecture in kc.ARCHITECTURES:
        ptx = kc.ptx_for(function_of(kernel), arguments, architecture, bounds_of(kernel))
        assert codes_of(kernel)[architecture].ptx == kc.instructions_of(ptx)


def test_the_page_lists_the_kernels_shipped() -> None:
    assert list(kc.rows_of(PAGE)) == [kernel.name for kernel in SHIPPED]
    assert "nvidia-cuda-nvcc " in PAGE


@pytest.mark.skipif(
    kc.versions() not in PAGE,
    reason="not the numba-cuda, nvidia-nvvm, nvidia-cuda-nvcc that made docs/cuda-kernels.md",
)
@of_kernels(*SHIPPED)
def test_the_page_has_the_kernels_as_they_are(kernel: Kernel) -> None:
    code = codes_of(kernel)[90]
    cells = kc.rows_of(PAGE)[kernel.name].split(" | ")
    assert list(map(int, cells[1:3])) == [code.registers, code.shared], (
        "the command in docs/contributing.md makes the page anew"
    )


def test_other_pages_have_rows_of_the_page() -> None:
    rows = kc.rows_of((DOCS / "how-fast-gpu.md").read_text("utf-8"))
    assert rows
    for kernel, row in rows.items():
        assert row == kc.rows_of(PAGE)[kernel]


# What follows shows that each check can fail.


def code_of(function: Any, *arguments: Any, options: tuple[str, ...] = ()) -> kc.Code:
    """A function's code for sm_90."""
    return kc.assembled(kc.ptx_of(function, arguments, (90,))[90], 90, options=options)


def test_a_product_and_a_sum_are_seen_fused() -> None:
    def plain(x: Any) -> None:
        x[0] = x[1] * x[2] + x[3]

    assert "1 fma.rn.f32" in kc.arithmetic_faults(code_of(plain, types.float32[::1]))


@with_nvjitlink
def test_a_product_and_a_sum_are_seen_fused_by_nvjitlink() -> None:
    def plain(x: Any) -> None:
        x[0] = x[1] * x[2] + x[3]

    ptx = kc.linked_ptx_of(plain, (types.float32[::1],), (90,))[90]
    assert "1 fma.rn.f32" in kc.arithmetic_faults(kc.assembled(ptx, "90a"))


def test_a_sum_without_a_rounding_is_seen() -> None:
    def plain(x: Any) -> None:
        x[0] = x[1] + x[2]

    assert kc.arithmetic_faults(code_of(plain, types.float64[::1]))


@of_kernels(ELEMENTS)
def test_two_roundings_are_seen(kernel: Kernel) -> None:
    code = codes_of(kernel)[90]
    twice = kc.Counter({"cvt.rn.f32.f64": 1, "cvt.rn.f16.f32": 2})
    assert kc.rounding_faults(code._replace(ptx=code.ptx + twice))


def test_an_approximation_is_seen() -> None:
    def quick(x: Any) -> None:
        x[0] = libdevice.fast_fdividef(x[1], x[2])

    assert kc.arithmetic_faults(code_of(quick, types.float32[::1]))


def test_an_array_in_local_memory_is_seen() -> None:
    def indexed(x: Any, n: int) -> None:
        values = cuda.local.array(64, types.float32)
        for i in range(64):
            values[i] = x[i]
        for i in range(n):
            values[i * n & 63] = values[i * i & 63]
        x[0] = values[n & 63]

    faults = " ".join(kc.memory_faults(code_of(indexed, types.float32[::1], types.int64)))
    assert "1 .local" in faults
    assert "st.local" in faults
    assert "bytes of stack frame" in faults


def test_spills_are_seen() -> None:
    arguments = signature_of(ALIGNED).args
    code = code_of(function_of(ALIGNED), *arguments, options=("-maxrregcount=32",))
    faults = " ".join(kc.memory_faults(code))
    assert "bytes of spill stores" in faults
    assert "bytes of spill loads" in faults


@of_kernels(ALIGNED, ADJOINT, HALVES, PYRAMID)
def test_moves_of_another_width_are_seen(kernel: Kernel) -> None:
    code = codes_of(kernel)[90]
    assert kc.width_faults(kernel._replace(aligned=False), code)
    assert kc.width_faults(kernel._replace(kind="float64"), code)
    wide = re.compile(r"\.v4|\.u64$")
    one_by_one = {op: n for op, n in code.ptx.items() if not wide.search(op)}
    assert kc.width_faults(kernel, code._replace(ptx=kc.Counter(one_by_one)))


def test_a_load_that_is_not_for_read_only_memory_is_seen() -> None:
    def copy(x: Any) -> None:
        x[0] = x[1]

    assert kc.width_faults(ELEMENTS, code_of(copy, types.float32[::1]))


@of_kernels(ALIGNED)
def test_what_no_device_can_launch_is_seen(kernel: Kernel) -> None:
    code = codes_of(kernel)[90]
    assert kc.launch_faults(kernel, code._replace(shared=48 * 1024 + 1))
    assert kc.launch_faults(kernel, code._replace(registers=513))
    assert kc.launch_faults(kernel, code._replace(barriers=2))
    assert kc.launch_faults(ELEMENTS, code)


@of_kernels(PYRAMID)
def test_other_arguments_are_seen(kernel: Kernel) -> None:
    code = codes_of(kernel)[90]
    assert len(code.parameters) == 4 + 2 * 3 + 6 + 3 * (2 + 2 * 9)
    assert code.parameters.count(4) == 6
    assert kc.argument_faults(ALIGNED, code)
    assert kc.argument_faults(kernel, code._replace(parameters=code.parameters[::-1]))


def test_a_program_that_is_missing_is_named_with_its_package() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-package, which has ptxas"):
        kc.tool("ptxas", "no-such-package")
    with pytest.raises(FileNotFoundError, match="numpy, which has ptxas"):
        kc.tool("ptxas", "numpy")


SASS = """
        /*0000*/                   MOV R0, 0x1 ;
.L_x_0:
        /*0010*/              @!P0 BRA `(.L_x_1) ;
        /*0020*/                   LDG.E.128.CONSTANT R4, desc[UR4][R2.64] ;
        /*0030*/                   BRA `(.L_x_2) ;
.L_x_1:
        /*0040*/                   LDG.E.CONSTANT R4, desc[UR4][R2.64] ;
        /*0050*/                   NOP ;
        /*0060*/                   LDG.E.CONSTANT R5, desc[UR4][R2.64] ;
.L_x_2:
        /*0070*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0080*/                   STG.E desc[UR4][R8.64], R4 ;
        /*0090*/               @P1 BRA `(.L_x_0) ;
        /*00a0*/                   EXIT ;
"""


@pytest.mark.parametrize(
    ("loads", "stores", "count"),
    [(0, 0, 6), (1, 1, 6), (4, 1, 6), (5, 1, 12), (0, 2, 12)],
)
def test_the_shortest_way_that_moves_enough(loads: int, stores: int, count: int) -> None:
    listing = kc.Listing(SASS)
    (barrier,) = listing.find("BAR")
    assert listing.shortest(barrier, loads, stores, 4) == count


def test_there_may_be_no_way() -> None:
    listing = kc.Listing(SASS)
    assert listing.shortest(0, 0, 0, 4) is None
    assert listing.shortest(listing.find("STG")[0], 0, 0, 4, listing.find("BAR")) is None


@pytest.mark.parametrize(
    ("registers", "shared", "blocks"),
    [(32, 0, 16), (64, 4352, 8), (71, 4352, 7), (72, 4352, 7), (128, 0, 4), (32, 48 * 1024, 4)],
)
def test_blocks_that_fit(registers: int, shared: int, blocks: int) -> None:
    """As the table of NVIDIA's occupancy calculator has it, for 128 threads."""
    code = kc.Code(kc.Counter(), (), registers, shared, 0, 0, 0, 1)
    assert kc.blocks_that_fit(ALIGNED, code) == blocks
