"""What a launch of a kernel for strips is counted to do. It needs no GPU."""

from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

import kernel_code as kc
import numpy as np
import strip_counts

from aa_ref.backends.cuda import strip_cutting
from aa_ref.backends.cuda.kernels import Kernel, threads_of
from aa_ref.backends.cuda.positions import Axis
from aa_ref.backends.cuda.strip_cutting import WARPS
from aa_ref.backends.cuda.strips import filter_of, run_of

for program, package in (("ptxas", "nvidia-cuda-nvcc"), ("nvdisasm", "nvidia-cuda-nvdisasm")):
    try:
        kc.tool(program, package)
    except FileNotFoundError as missing:
        pytest.skip(str(missing), allow_module_level=True)

DOCS = Path(__file__).parents[2] / "docs"
PAGE, KERNELS_PAGE = (
    (DOCS / name).read_text("utf-8") for name in ("how-fast-gpu.md", "cuda-kernels.md")
)
CASES = strip_counts.CASES
KERNELS = {strip_counts.call_of(case).kernel: case for case in CASES}


def every_case(*cases: strip_counts.Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=str)


@every_case(*KERNELS.values())
def test_a_counted_step_is_a_whole_step(case: strip_counts.Case) -> None:
    """The way through the machine code has the arithmetic, moves and barrier of one step.

    And PTX has as much of them, apart from what is there twice for ends and unrolled loops.
    """
    kernel = strip_counts.call_of(case).kernel
    code, forward = strip_counts.code_of(kernel), kernel.direction == "forward"
    listing = kc.Listing(code.sass)
    way = kc.step_in(kernel, listing)
    found = Counter(listing.parts(n)[1].partition(".")[0] for n in way)
    stride, _, all_taps, slots = filter_of(kernel.stride, kernel.compute)
    if forward:  # four lanes; then an output. A sample meets equal taps once in a row.
        sums = 5 * len(all_taps)
        products = 4 * sum(len(set(all_taps[q::stride])) for q in range(stride)) + len(all_taps)
        assert (found["LDG"], found["STG"]) == (stride, 1)
        assert code.ptx["ld.global.nc.v4.f32"] == stride
        loops = 1
    else:  # four lanes: from a row of y, then from its last few
        sums = 4 * (slots + len(all_taps))
        each = range(0, len(all_taps), stride)
        products = 4 * (slots + sum(len(set(all_taps[k : k + stride])) for k in each))
        assert (found["LDG"], found["STG"]) == (1, stride)
        loops = stride // code.ptx["st.global.v4.f32"]  # over rows, where not all are unrolled
    fewer = 0 if forward else 4  # as some lanes of an adjoint have a tap less
    assert sums - fewer <= found["FADD"] <= sums
    assert products - fewer <= found["FMUL"] <= sums  # some of equal ones may be made again
    assert code.ptx["add.rn.f32"] * loops >= sums
    assert code.ptx["mul.rn.f32"] * loops >= products
    assert found["BAR"] == 1
    assert strip_counts.instructions_of(kernel).step == len(way)


@every_case(*CASES)
def test_blocks_move_each_sample_once_beside_what_is_read_again(case: strip_counts.Case) -> None:
    p, count = strip_counts.plan_of(case), strip_counts.count_of(case)
    least = 4 * sum(strip_counts._product(shape) for shape in (p.shape, p.out_shape))
    source = 4 * strip_counts._product(p.shape if case.direction == "forward" else p.out_shape)
    cached = least <= strip_counts.H100.cache
    assert count.again >= 1
    assert count.moved == least + (0 if cached else round((count.again - 1) * source))


@every_case(*(case for case in CASES if case.shape[0] > 1))
def test_large_batches_come_near_a_copy(case: strip_counts.Case) -> None:
    count = strip_counts.count_of(case)
    assert round(count.share, 2) >= 0.85
    assert count.waves <= 1
    assert count.issue < 0.8 * count.memory


@pytest.mark.parametrize(
    ("direction", "stride"), [(name, stride) for name in WARPS for stride in WARPS[name]]
)
def test_as_many_warps_fit_as_strips_are_cut_for(direction: str, stride: int) -> None:
    kernel = Kernel(direction, "float32", "float32", "float32", 2, stride, True, True)
    fit = 4 * kc.blocks_that_fit(kernel, strip_counts.code_of(kernel))
    assert fit == WARPS[direction][stride]


PICTURES = [  # planes, rows, columns
    (planes, rows, columns)
    for columns in (1, 33, 256, 640, 1021, 4096)
    for planes, rows in ((3, 17), (24, 1024), (7, 5001))
]


@pytest.mark.parametrize(
    ("direction", "stride"), [(name, stride) for name in WARPS for stride in WARPS[name]]
)
@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_strips_and_chunks_cover_all(
    channels: int, kind: str, direction: str, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strip_cutting, "multiprocessors", lambda: 132)
    forward = direction != "adjoint"
    kernel = Kernel(direction, kind, kind, kind, 2, stride, channels == 1, False)
    filter_, run = filter_of(stride, kind), run_of(kind)
    for planes, length, width in PICTURES:
        rows, columns = (
            Axis(n, -(-n // stride), filter_.radius, stride, np.float32(stride), 0, 0, 0, 0)
            for n in (length, width)
        )
        cut = strip_cutting.cut_into_strips(kernel, rows, columns, channels, planes)
        assert cut is not None
        assert cut.threads in range(32, threads_of(kernel) + 1, 32)
        down = rows.outputs if forward else (length - 1 + filter_.radius) // stride + 1
        assert (cut.chunks - 1) * cut.chunk < down <= cut.chunks * cut.chunk
        lanes = run * cut.threads
        if forward:
            assert (cut.strips - 1) * cut.block_columns < columns.outputs
            assert columns.outputs <= cut.strips * cut.block_columns
            footprints = (cut.block_columns - 1) * stride + len(filter_.taps)
            before = -filter_.radius * channels % run
            assert before + footprints * channels <= lanes
            assert cut.block_columns * stride * channels % run == 0
        else:
            assert (cut.strips - 1) * lanes < width * channels <= cut.strips * lanes


@pytest.mark.skipif(
    kc.versions() not in KERNELS_PAGE,
    reason="not the numba-cuda, nvidia-nvvm, nvidia-cuda-nvcc that made docs/cuda-kernels.md",
)
def test_the_page_has_the_counts_as_they_are() -> None:
    assert strip_counts.rows_of(PAGE) == [strip_counts.row_of(case) for case in CASES], (
        "the command in docs/contributing.md makes the rows anew"
    )


def test_a_slower_memory_and_a_slower_clock_are_seen() -> None:
    case, gpu = CASES[0], strip_counts.H100
    count = strip_counts.count_of(case)
    memory = strip_counts.count_of(case, gpu._replace(copied=gpu.copied / 2))
    assert memory.memory - gpu.latency == pytest.approx(2 * (count.memory - gpu.latency))
    assert strip_counts.count_of(case, gpu._replace(clock=gpu.clock / 4)).share < count.share
    assert strip_counts.count_of(case, gpu._replace(latency=4e-6)).share < count.share
    assert strip_counts.count_of(case, gpu._replace(processors=66)).blocks < count.blocks
