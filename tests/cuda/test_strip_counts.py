"""What a launch of a kernel for strips is counted to do. It needs no GPU."""

from collections import Counter

import pytest

pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")

import kernel_code as kc
import strip_counts

from aa_ref.backends.cuda.strips import filter_of

for program, package in (("ptxas", "nvidia-cuda-nvcc"), ("nvdisasm", "nvidia-cuda-nvdisasm")):
    try:
        kc.tool(program, package)
    except FileNotFoundError as missing:
        pytest.skip(str(missing), allow_module_level=True)

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
        loops = stride // code.ptx["st.global.v4.f32"]  # over rows, unless unrolled
        assert loops in (1, stride)
    fewer = 0 if forward else 4  # as some lanes of an adjoint have a tap less
    for machine, virtual, count in (("FADD", "add", sums), ("FMUL", "mul", products)):
        assert count - fewer <= found[machine] <= count
        assert code.ptx[f"{virtual}.rn.f32"] * loops >= count
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


def test_a_slower_memory_and_a_slower_clock_are_seen() -> None:
    case, gpu = CASES[0], strip_counts.H100
    count = strip_counts.count_of(case)
    memory = strip_counts.count_of(case, gpu._replace(copied=gpu.copied / 2))
    assert memory.memory - gpu.latency == pytest.approx(2 * (count.memory - gpu.latency))
    assert strip_counts.count_of(case, gpu._replace(clock=gpu.clock / 4)).share < count.share
    assert strip_counts.count_of(case, gpu._replace(latency=4e-6)).share < count.share
    assert strip_counts.count_of(case, gpu._replace(processors=66)).waves > count.waves
