"""Every kernel shipped, as machine code for four architectures. It needs no GPU.

That the numbers are right is for the simulator to show. This suite shows what that cannot: that
nothing is fused, spilled, left in local memory or moved in smaller pieces than meant.
"""

import re
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

import kernel_code as kc
from numba import types
from numba.cuda import libdevice

from aa_ref.backends.cuda.kernels import Kernel, function_of, shipped, signature_of
from aa_ref.backends.cuda.toolkit import cuda
from aa_ref.dtypes import NAMES, compute_type

try:
    kc.tool("ptxas", "nvidia-cuda-nvcc")
except FileNotFoundError as missing:
    pytest.skip(str(missing), allow_module_level=True)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "cuda-kernels.md").read_text("utf-8")
SHIPPED = list(shipped())
NAMED = {kernel.name: kernel for kernel in SHIPPED}
CONVERSIONS = [
    Kernel("forward", kind, result, compute_type(kind).name, 0)
    for kind, result in permutations(NAMES, 2)
]
ALIGNED = NAMED["forward_float32_stride_2_planar_aligned"]
ADJOINT = NAMED["adjoint_float32_stride_2_planar_aligned"]
HALVES = NAMED["forward_float16_stride_4_planar_aligned"]
PYRAMID = NAMED["pyramid_uint8_planar_aligned"]
ELEMENTS = NAMED["forward_float32_axes_2"]

of_kernels = pytest.mark.parametrize("kernel", SHIPPED, ids=lambda kernel: kernel.name)
of_architectures = pytest.mark.parametrize("architecture", kc.ARCHITECTURES, ids="sm_{}".format)

Codes = dict[Kernel, Future[dict[int, kc.Code]]]


@pytest.fixture(scope="module")
def codes(request: pytest.FixtureRequest) -> Iterator[Codes]:
    """The code of the kernels that the tests chosen ask for, compiled on all cores meanwhile."""
    asked = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = {params["kernel"] for params in asked if isinstance(params.get("kernel"), Kernel)}
    with kc.compiling(k for k in (*SHIPPED, *CONVERSIONS) if k in wanted) as futures:
        yield futures


@of_architectures
@of_kernels
def test_code(codes: Codes, kernel: Kernel, architecture: int) -> None:
    code = codes[kernel].result()[architecture]
    assert kc.arithmetic_faults(code) == []
    assert kc.memory_faults(code) == []
    assert kc.launch_faults(kernel, code) == []
    assert kc.argument_faults(kernel, code) == []
    assert kc.width_faults(kernel, code) == []


ROUNDING = re.compile(r"cvt\.(?:rn\.f16|rni|rn\.f32\.f64)")


@pytest.mark.parametrize("kernel", CONVERSIONS, ids=lambda kernel: kernel.name)
def test_other_types_are_rounded_once(codes: Codes, kernel: Kernel) -> None:
    """By one kind of instruction: binary64 does not become a half by way of binary32, say."""
    for code in codes[kernel].result().values():
        assert kc.arithmetic_faults(code) == []
        assert kc.memory_faults(code) == []
        assert len([op for op in code.ptx if ROUNDING.match(op)]) <= 1


@pytest.mark.parametrize("kernel", [ALIGNED, ADJOINT, ELEMENTS], ids=lambda kernel: kernel.name)
@of_architectures
def test_one_compilation_for_all_gives_what_one_for_each_does(
    codes: Codes, kernel: Kernel, architecture: int
) -> None:
    arguments = signature_of(kernel).args
    ptx, _ = cuda.compile_ptx(function_of(kernel), arguments, cc=divmod(architecture, 10))
    assert codes[kernel].result()[architecture].ptx == kc.instructions_of(ptx)


def test_the_page_lists_the_kernels_shipped() -> None:
    assert list(kc.rows_of(PAGE)) == [kernel.name for kernel in SHIPPED]
    assert "nvidia-cuda-nvcc " in PAGE


@pytest.mark.skipif(
    kc.versions() not in PAGE,
    reason="not the numba-cuda, nvidia-nvvm, nvidia-cuda-nvcc that made docs/cuda-kernels.md",
)
@of_kernels
def test_the_page_has_the_kernels_as_they_are(codes: Codes, kernel: Kernel) -> None:
    code = codes[kernel].result()[90]
    cells = kc.rows_of(PAGE)[kernel.name].split(" | ")
    assert list(map(int, cells[1:3])) == [code.registers, code.shared], (
        "the command in docs/contributing.md makes the page anew"
    )


def test_other_pages_have_rows_of_the_page() -> None:
    rows = kc.rows_of((DOCS / "how-fast.md").read_text("utf-8"))
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


def test_a_sum_without_a_rounding_is_seen() -> None:
    def plain(x: Any) -> None:
        x[0] = x[1] + x[2]

    assert kc.arithmetic_faults(code_of(plain, types.float64[::1]))


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


@pytest.mark.parametrize(
    "kernel", [ALIGNED, ADJOINT, HALVES, PYRAMID], ids=lambda kernel: kernel.name
)
def test_moves_of_another_width_are_seen(codes: Codes, kernel: Kernel) -> None:
    code = codes[kernel].result()[90]
    assert kc.width_faults(kernel._replace(aligned=False), code)
    assert kc.width_faults(kernel._replace(kind="float64"), code)
    wide = re.compile(r"\.v4|\.u64$")
    one_by_one = {op: n for op, n in code.ptx.items() if not wide.search(op)}
    assert kc.width_faults(kernel, code._replace(ptx=kc.Counter(one_by_one)))


def test_a_load_that_is_not_for_read_only_memory_is_seen() -> None:
    def copy(x: Any) -> None:
        x[0] = x[1]

    assert kc.width_faults(ELEMENTS, code_of(copy, types.float32[::1]))


@pytest.mark.parametrize("kernel", [ALIGNED], ids=lambda kernel: kernel.name)
def test_what_no_device_can_launch_is_seen(codes: Codes, kernel: Kernel) -> None:
    code = codes[kernel].result()[75]
    assert kc.launch_faults(kernel, code._replace(shared=48 * 1024 + 1))
    assert kc.launch_faults(kernel, code._replace(registers=513))
    assert kc.launch_faults(kernel, code._replace(barriers=2))
    assert kc.launch_faults(ELEMENTS, code)


@pytest.mark.parametrize("kernel", [PYRAMID], ids=lambda kernel: kernel.name)
def test_other_arguments_are_seen(codes: Codes, kernel: Kernel) -> None:
    code = codes[kernel].result()[90]
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
