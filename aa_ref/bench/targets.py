"""The speeds that this project wants, and whether a run met them.

Each is a ratio of two medians of the same rounds (or, for the overhead, their difference). What a
run did not measure is not met and not missed: it says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from .cases import Case, Scale, scale_text, size_text
from .results import Block, Results
from .yardsticks import COMPILED, LOOPS

__all__ = ["Blocks", "Outcome", "outcomes_of"]

_OCTAVES = (0.5, 0.25, 0.125)
_BATCH, _PHOTO, _LARGE, _TILE = (24, 1024, 1024), (3, 2048, 2048), (3, 4096, 4096), (3, 256, 256)
_ODD = (24, 1000, 1000)
_OF_LIMIT = {"forward": (0.75, 0.8, 0.8), "adjoint": (0.75, 0.85, 0.85)}
_ORIGINAL = {0.5: 60.0, 0.25: 150.0, 0.125: 250.0}
_THREADS = 2


@dataclass(frozen=True)
class Outcome:
    """One target: what, how much is wanted, what a run gave (None where it was not measured)."""

    what: str
    wanted: float
    measured: float | None
    at_most: bool = False
    unit: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None where it was not measured."""
        if self.measured is None:
            return None
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted


def outcomes_of(results: Results) -> list[Outcome]:
    """All targets, in the order in which they were set."""
    blocks = Blocks(results.blocks)
    return [
        *_against_the_limit(blocks),
        *_pyramids(blocks),
        *_faster_than_others(blocks),
        *_same_result(blocks),
        *_original_layer(blocks),
        *_small_calls(blocks),
        *_threads(blocks),
    ]


class Blocks:
    """The blocks of a run by what they are about."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = {_key(b.case): b for b in blocks}

    def get(
        self,
        direction: str,
        size: tuple[int, int, int],
        layout: str,
        scales: tuple[Scale, ...],
        dtype: str = "float32",
    ) -> Block | None:
        """The one of that direction, size, layout, scales and type."""
        return self._blocks.get((direction, size, layout, dtype, tuple(map(float, scales))))


def _key(case: Case) -> tuple[object, ...]:
    return case.direction, case.size, case.layout, case.dtype, tuple(map(float, case.scales))


def _ratio(block: Block | None, seconds: float | None) -> float | None:
    """Something timed in the block, in units of our own time at two threads."""
    ours = None if block is None else block.ours(_THREADS)
    if ours is None or ours.threads != _THREADS or seconds is None:
        return None
    return seconds / ours.median


def _median(block: Block | None, name: str, threads: int = _THREADS) -> float | None:
    row = None if block is None else block.find(name, threads)
    return None if row is None else row.median


def _against_the_limit(blocks: Blocks) -> Iterator[Outcome]:
    for direction, wanted in _OF_LIMIT.items():
        for size, layout in product((_BATCH, _ODD, _LARGE), ("CHW", "HWC")):
            for scale, share in zip(_OCTAVES, wanted, strict=True):
                block = blocks.get(direction, size, layout, (scale,))
                yield Outcome(
                    f"{direction} {size_text(size)} {layout} at {scale_text(scale)}: limit / ours",
                    share,
                    _ratio(block, block.limit(_THREADS) if block else None),
                )


def _pyramids(blocks: Blocks) -> Iterator[Outcome]:
    for size, layout in product((_BATCH, _ODD, _LARGE), ("CHW", "HWC")):
        block = blocks.get("pyramid", size, layout, _OCTAVES)
        what = f"pyramid {size_text(size)} {layout}"
        limit = _ratio(block, block.limit(_THREADS) if block else None)
        yield Outcome(f"{what}: limit / ours", 0.5, limit)
        part = _ratio(block, _median(block, "numba, largest level alone"))
        yield Outcome(
            f"{what}: all three / its first level", 1.6, 1 / part if part else None, at_most=True
        )


def _faster_than_others(blocks: Blocks) -> Iterator[Outcome]:
    rows = [("OpenCV pyrDown", "float32", 0.5, 1.0), ("OpenCV pyrDown", "uint8", 0.5, 0.8)]
    rows += [("OpenCV INTER_AREA", "float32", s, 1.0) for s in _OCTAVES]
    for name, dtype, scale, wanted in rows:
        block = blocks.get("forward", _PHOTO, "HWC", (scale,), dtype)
        yield Outcome(
            f"2048×2048×3 {dtype} at {scale_text(scale)}: {name} / ours",
            wanted,
            _ratio(block, _median(block, name)),
        )


def _same_result(blocks: Blocks) -> Iterator[Outcome]:
    for layout in ("CHW", "HWC"):
        for scale in _OCTAVES:
            block = blocks.get("forward", _PHOTO, layout, (scale,))
            peers = [r for r in block.peers(_THREADS) if r.kind == "same result"] if block else []
            nearest = min(peers, key=lambda r: r.median, default=None)
            yield Outcome(
                f"{size_text(_PHOTO)} {layout} at {scale_text(scale)}: fastest peer with the same "
                "result / ours",
                2.0,
                _ratio(block, nearest.median if nearest else None),
                note=nearest.name if nearest else "",
            )


def _original_layer(blocks: Blocks) -> Iterator[Outcome]:
    for scale, wanted in _ORIGINAL.items():
        block = blocks.get("forward", _PHOTO, "CHW", (scale,))
        yield Outcome(
            f"{size_text(_PHOTO)} at {scale_text(scale)}: original torch layer / ours",
            wanted,
            _ratio(block, _median(block, "original torch layer")),
        )


def _small_calls(blocks: Blocks) -> Iterator[Outcome]:
    for size in (_TILE, (3, 512, 512)):
        block = blocks.get("forward", size, "CHW", (0.25,))
        name = f"{size_text(size)} at 0.25"
        ours, alone = _median(block, "numba"), _median(block, COMPILED, 1)
        overhead = 1e6 * (ours - alone) if ours and alone else None
        yield Outcome(f"{name}: a call beyond its compiled function", 8.0, overhead, True, "µs")
        if size == _TILE:
            loops = _ratio(block, _median(block, LOOPS, 1))
            yield Outcome(f"{name}: {LOOPS} / ours", 1.0, loops)
            yield Outcome(f"{name}: a call", 45.0, 1e6 * ours if ours else None, True, "µs")


def _threads(blocks: Blocks) -> Iterator[Outcome]:
    for scale in _OCTAVES:
        block = blocks.get("forward", _BATCH, "CHW", (scale,))
        faster = _ratio(block, _median(block, "numba", 1))
        limits = [block.limit(n) if block else None for n in (1, _THREADS)]
        yield Outcome(
            f"{size_text(_BATCH)} at {scale_text(scale)}: one thread / two, as a share of the "
            "limit's",
            0.9,
            faster * limits[1] / limits[0] if faster and limits[0] and limits[1] else None,
        )
