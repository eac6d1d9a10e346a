"""The speeds that this project wants of a GPU; `aa_ref.bench.targets` has the processor's."""

from collections.abc import Iterator
from itertools import product

from ...dtypes import FLOATING
from ..cases import scale_text, size_text
from ..results import Block, Results
from ..targets import Blocks, Outcome
from .host_calls import HOST_CALL
from .issue import instructions, issue_rate
from .peer_contenders import IN_GRAPH
from .selections import BATCH, HUNDREDS, OCTAVES, SMALL, TINY, large
from .tensors import ON_TENSORS

__all__ = ["outcomes_of"]

_LAYOUTS = ("CHW", "HWC")
_LARGE = [
    (BATCH, "CHW", "float32"),
    *((large(layout, dtype), layout, dtype) for dtype, layout in product(HUNDREDS, _LAYOUTS)),
]
_LAYER, _STRIDED = "original torch layer", "torch strided conv2d"
_CUPY = "CuPy correlate1d + slice"
_TENSORS = f"cuda {ON_TENSORS}"


def outcomes_of(results: Results) -> list[Outcome]:
    """All targets, in the order in which they were set."""
    blocks = Blocks(results.blocks)
    rate = issue_rate(results.machine["gpu"])
    return [
        *_against_the_floor(blocks, rate),
        *_pyramids(blocks),
        *_peers(blocks),
        *_host_calls(blocks),
        *_first_calls(results.machine["gpu"].get("first_calls", {})),
    ]


def _quotient(block: Block | None, name: str, by: str) -> float | None:
    """How many times the time of ``by`` something took."""
    rows = [block.find(n) if block else None for n in (name, by)]
    return rows[0].median / rows[1].median if rows[0] and rows[1] else None


def _against_the_floor(blocks: Blocks, rate: float) -> Iterator[Outcome]:
    for (direction, wanted), (size, layout, dtype), scale in product(
        (("forward", 0.85), ("adjoint", 0.85)), _LARGE, OCTAVES
    ):
        if direction == "adjoint" and dtype not in FLOATING:
            continue
        block = blocks.get(direction, size, layout, (scale,), dtype)
        least = block.floor(1) if block else None
        issue = instructions(block.case.plans[0]) / rate if block and dtype == "uint8" else 0.0
        ours = block.ours(1) if block else None
        yield Outcome(
            f"{direction} {size_text(size)} {layout} {dtype} at {scale_text(scale)}: floor / ours",
            wanted,
            max(least, issue) / ours.median if least and ours else None,
            note="of instructions" if least and issue > least else "",
        )


def _pyramids(blocks: Blocks) -> Iterator[Outcome]:
    for layout in _LAYOUTS:
        size = large(layout, "float32")
        block = blocks.get("pyramid", size, layout, OCTAVES)
        yield Outcome(
            f"pyramid {size_text(size)} {layout}: all three / its first level",
            1.3,
            _quotient(block, "cuda", "cuda, largest level alone"),
            at_most=True,
        )


def _peers(blocks: Blocks) -> Iterator[Outcome]:
    rows = [
        *(
            (size, peer, "cuda", wanted)
            for size in (BATCH, large("CHW", "float32"))
            for peer, wanted in ((_LAYER, 10.0), (_STRIDED, 3.0), (_CUPY, 3.0))
        ),
        (SMALL, _LAYER + IN_GRAPH, _TENSORS + IN_GRAPH, 3.0),
        (SMALL, _LAYER, _TENSORS, 1.0),
    ]
    for (size, peer, ours, wanted), scale in product(rows, OCTAVES):
        block = blocks.get("forward", size, "CHW", (scale,))
        yield Outcome(
            f"{size_text(size)} at {scale_text(scale)}: {peer} / ours",
            wanted,
            _quotient(block, peer, ours),
        )


def _host_calls(blocks: Blocks) -> Iterator[Outcome]:
    block = blocks.get("forward", TINY, "CHW", (0.5,))
    for name in (HOST_CALL, f"{HOST_CALL} {ON_TENSORS}"):
        row = block.find(name) if block else None
        yield Outcome(
            f"{size_text(TINY)}: {name}, ready plan",
            8.0,
            1e6 * row.median if row else None,
            at_most=True,
            unit="µs",
        )


def _first_calls(seconds: dict[str, float]) -> Iterator[Outcome]:
    """Of a new process, each of several kernels: the slowest."""
    for found, wanted in (("nothing compiled", 4.0), ("cached on disk", 1.0)):
        times = [s for name, s in seconds.items() if found in name]
        yield Outcome(f"first call, {found}", wanted, max(times, default=None), True, "s")
