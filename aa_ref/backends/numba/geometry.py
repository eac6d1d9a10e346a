"""What the compiled functions need to know of shapes and strides, worked out once a plan.

An operation filters one or two axes at a time. Whatever the array's layout, it is seen as::

    outer dimensions  ×  rows  ×  columns  ×  neighbours

*Rows* and *columns* are the filtered axes, in dimension order; either may be missing. *Neighbours*
are samples that differ in no filtered axis and lie closer together in memory than columns do: the
channels of H×W×C. *Outer* dimensions are all others, and only looped over. Columns and neighbours
are cut into *blocks*, so that a line and its companions fit a cache and the scratch stays small.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...boundary import BOUNDARIES
from ...dtypes import STORAGE
from ...plans import AxisPlan
from .convert import KINDS

__all__ = [
    "AT_ONCE",
    "GEOMETRY",
    "REFLECT",
    "REPLICATE",
    "STREAM",
    "ZEROS",
    "Geometry",
    "Operand",
    "make_geometry",
]

ZEROS, REPLICATE, REFLECT = map(BOUNDARIES.index, ("zeros", "replicate", "reflect"))

AXIS = np.dtype(
    [
        ("length", "i8"),  # of the downsample's input
        ("outputs", "i8"),
        ("radius", "i8"),
        ("spacing", "i8"),  # of centres; 0 where they are uneven, then `step` is multiplied
        ("step", "f4"),
        ("boundary", "i4"),
        ("filtered", "i8"),
        ("x_stride", "i8"),  # in samples: x is the downsample's input side, y its output side
        ("y_stride", "i8"),
        ("block", "i8"),  # columns: positions of the result in one block
        ("blocks", "i8"),
    ],
    align=True,
)
GEOMETRY = np.dtype(
    [
        ("rows", AXIS),
        ("columns", AXIS),
        ("neighbours", AXIS),  # never filtered
        ("x_kind", "i8"),
        ("y_kind", "i8"),
        ("x_start", "i8"),  # the first sample's place in memory
        ("y_start", "i8"),
        ("x_direct", "i8"),  # whether lines lie in memory as in scratch: type, order, no gaps
        ("y_direct", "i8"),
        ("stream", "i8"),  # whether to write the result past the caches
        # Scratch, in samples: one region after the other. What is in them differs between the
        # directions.
        ("slots", "i8"),  # how many lines are kept; forward: of converted rows
        ("span", "i8"),  # apart
        ("loads", "i8"),  # forward: lines converted
        ("line", "i8"),  # forward: the line that is summed; adjoint: the line of `g`
        ("split", "i8"),  # a line by phases
        ("room", "i8"),  # each phase
        ("total", "i8"),  # the result, before it is rounded
        ("folded", "i8"),  # adjoint: what the boundary folds onto it
        ("weights", "i8"),  # adjoint: taps in the order of the terms
    ],
    align=True,
)

_SCRATCH = 900 << 10  # bytes, for all lines of one thread
AT_ONCE = 4  # rows converted, and then summed, at a time
_BLOCK = 1024  # samples in a line, forward: with its phases it stays in the first-level cache
_SPARE = 48  # samples in a line of sums: it begins at a whole vector and ends with two
STREAM = 1 << 22  # bytes of a result; a smaller one may well be read from a cache next
_SPAN = 1 << 14  # samples in a line of which several are kept
_APART = 256  # columns in a line where rows lie closer: as many pages of memory are read at a time


class Operand(NamedTuple):
    """An array as its memory: kind of samples, strides in samples, the first sample's place."""

    kind: str
    strides: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Geometry:
    """One compiled call's arguments, as far as they follow from shapes and strides.

    Attributes
    ----------
    record : ndarray of shape (1,), of type GEOMETRY
    outer : ndarray of shape (n, 3)
        Size, stride in x and stride in y of each outer dimension, slowest first.
    rows, columns : AxisPlan or None
    units : int
        Of work: lines of the result, blocks counted apart.
    scratch, indices : int
        Samples of scratch and whole numbers that one thread needs besides.
    """

    record: NDArray[Any]
    outer: NDArray[np.int64]
    rows: AxisPlan | None
    columns: AxisPlan | None
    units: int
    scratch: int
    indices: int


class _Dimension(NamedTuple):
    size: int
    x_stride: int
    y_stride: int


def make_geometry(
    group: tuple[AxisPlan, ...], shape: tuple[int, ...], x: Operand, y: Operand, *, forward: bool
) -> Geometry:
    """See arrays of this shape (x's) as outer × rows × columns × neighbours.

    ``group`` has the filtered axes, at most two, in dimension order.
    """
    dimensions = [_Dimension(*d) for d in zip(shape, x.strides, y.strides, strict=True)]
    filtered = [a.axis for a in group]
    free = [d for i, d in enumerate(dimensions) if i not in filtered and d.size > 1]
    rows, columns = _roles(group, dimensions, free)
    limit = abs(dimensions[columns.axis].x_stride) if columns else None
    neighbours, outer = _split(free, limit)

    record = np.zeros(1, GEOMETRY)
    g = record[0]
    _fill(g["rows"], rows, dimensions, forward)
    _fill(g["columns"], columns, dimensions, forward)
    g["neighbours"]["length"] = neighbours.size
    g["neighbours"]["x_stride"], g["neighbours"]["y_stride"] = neighbours[1:]
    g["x_kind"], g["y_kind"] = KINDS[x.kind], KINDS[y.kind]
    g["x_start"], g["y_start"] = x.start, y.start
    itemsize = 8 if "float64" in (x.kind if forward else y.kind) else 4
    for side, operand in (("x", x), ("y", y)):
        g[side + "_direct"] = _is_direct(g, side, operand, itemsize)
    most, scratch = _SCRATCH // itemsize, 0
    regions = _cut_forward(g, most) if forward else _cut_adjoint(g, most)
    for region, samples in regions.items():
        if region != "ring":  # which begins at 0
            g[region] = scratch
        scratch += _whole_vectors(samples)
    scratch += 16  # to begin at a whole vector
    lengths = {a.axis: a.out_length for a in group} if forward else {}
    count = math.prod(lengths.get(i, d.size) for i, d in enumerate(dimensions))
    g["stream"] = g["y_direct" if forward else "x_direct"] and count * itemsize >= STREAM
    blocks = int(g["columns"]["blocks"] * g["neighbours"]["blocks"])
    lines = int(g["rows"]["outputs" if forward else "length"])
    return Geometry(
        record, np.array(outer, np.int64).reshape(-1, 3), rows, columns,
        lines * blocks * math.prod(d.size for d in outer), scratch, _indices(g, forward),
    )  # fmt: skip


def _roles(
    group: tuple[AxisPlan, ...], dimensions: list[_Dimension], free: list[_Dimension]
) -> tuple[AxisPlan | None, AxisPlan | None]:
    """Which axis is the rows and which the columns. One alone is the columns if it is fastest."""
    if len(group) == 2:
        return group[0], group[1]
    if not group:
        return None, None
    own = abs(dimensions[group[0].axis].x_stride)
    if any(0 < abs(d.x_stride) < own for d in free):
        return group[0], None
    return None, group[0]


def _split(free: list[_Dimension], limit: int | None) -> tuple[_Dimension, list[_Dimension]]:
    """Neighbours and outer dimensions, each merged where they follow on one another in memory."""
    ordered = sorted(free, key=lambda d: abs(d.x_stride))
    neighbours = _Dimension(1, 1, 1)
    while ordered and ordered[0].x_stride != 0:
        d = ordered[0]
        if limit is not None and abs(d.x_stride) >= limit:
            break
        if neighbours.size > 1 and not _follows(d, neighbours):
            break
        neighbours = d if neighbours.size == 1 else _merged(d, neighbours)
        ordered.pop(0)
    outer: list[_Dimension] = []
    for d in ordered:
        if outer and _follows(d, outer[0]):
            outer[0] = _merged(d, outer[0])
        else:
            outer.insert(0, d)
    return neighbours, outer


def _follows(slow: _Dimension, fast: _Dimension) -> bool:
    return slow.x_stride == fast.x_stride * fast.size and slow.y_stride == fast.y_stride * fast.size


def _merged(slow: _Dimension, fast: _Dimension) -> _Dimension:
    return fast._replace(size=slow.size * fast.size)


def _fill(axis: Any, a: AxisPlan | None, dimensions: list[_Dimension], forward: bool) -> None:
    """One row of the record. A missing axis has one position and no pass."""
    axis["length"] = axis["outputs"] = axis["spacing"] = axis["block"] = axis["blocks"] = 1
    if a is None:
        return
    axis["length"], axis["outputs"], axis["radius"] = a.length, a.out_length, a.radius
    if a.out_length > 1:
        axis["spacing"] = a.spacing or 0
    elif not forward:
        # With one output any spacing will do, and the true one may exceed 64 bits. Going forward, 1
        # needs no splitting; going back, this makes each position a phase of its own.
        axis["spacing"] = a.length + 2 * a.radius + 1
    axis["step"], axis["filtered"] = a.step, True
    axis["boundary"] = BOUNDARIES.index(a.boundary)
    axis["x_stride"] = dimensions[a.axis].x_stride
    axis["y_stride"] = dimensions[a.axis].y_stride


def _is_direct(g: Any, side: str, operand: Operand, itemsize: int) -> bool:
    """Whether lines lie in memory as they do in scratch: of one type, in order, without gaps."""
    columns, neighbours = g["columns"], g["neighbours"]
    size = STORAGE[operand.kind]
    apart = columns[side + "_stride"] == neighbours["length"]
    return bool(
        size.kind == "f"
        and size.itemsize == itemsize
        and (neighbours["length"] == 1 or neighbours[side + "_stride"] == 1)
        and (columns["length"] == 1 or apart)
    )


def _cut_forward(g: Any, most: int) -> dict[str, int]:
    """Choose blocks of the output's columns; returns the regions of scratch and their samples."""
    rows, columns, neighbours = g["rows"], g["columns"], g["neighbours"]
    taps = 2 * int(columns["radius"]) + 1
    step, slack = int(columns["spacing"]), 0
    if step == 0:
        # Two binary32 roundings move a centre by at most length / 2**23.
        step, slack = math.ceil(columns["step"]), 2 + (int(columns["length"]) >> 22)
    outputs = int(columns["outputs"])
    whole = (outputs - 1) * step + taps + slack  # positions that the line of all outputs has
    least = min(whole, 4 * taps + slack)  # below that, blocks would read too much twice
    slots = 0 if g["x_direct"] or not rows["filtered"] else 2 * int(rows["radius"]) + 1
    longest = _APART
    if not _rows_are_closer(g):
        longest = max(_BLOCK, 16 * taps * int(neighbours["length"]))
        longest = min(longest, _SPAN) + taps * int(neighbours["length"])
    loads = 0 if g["x_direct"] else max(slots, AT_ONCE)
    if (loads + 4) * least > most:
        slots, loads = 0, min(loads, AT_ONCE)
    longest = min(longest, most // (loads + 4))
    direct = g["x_direct"]
    width = _cut_neighbours(g, longest // least)
    if direct and not g["x_direct"]:
        return _cut_forward(g, most)  # for lines that are to be loaded
    positions = max(longest // width, least)
    block = _cut(columns, outputs, (positions - taps - slack) // step + 1)
    positions = (block - 1) * step + taps + slack
    g["room"] = -(-positions // step) * width
    g["span"] = span = _whole_vectors(positions * width) + _SPARE
    g["slots"] = slots
    loads *= span
    split = min(step, taps) * int(g["room"])
    return {"line": span, "split": split, "total": block * width, "loads": loads}


def _cut_neighbours(g: Any, most: int) -> int:
    """Cut the neighbours; then there are gaps between those of one column and the next."""
    width = _cut(g["neighbours"], int(g["neighbours"]["length"]), most)
    if g["neighbours"]["blocks"] > 1 and g["columns"]["length"] > 1:
        g["x_direct"] = g["y_direct"] = False
    return width


def _cut_adjoint(g: Any, most: int) -> dict[str, int]:
    """Choose blocks of the result's columns; returns the regions of scratch and their samples."""
    rows, columns = g["rows"], g["columns"]
    step = int(rows["spacing"]) or int(rows["step"])
    slots = max(4, min(2 * int(rows["radius"]) // step + 2, int(rows["outputs"])))
    step = int(columns["spacing"]) or int(columns["step"])
    reach = 2 * int(columns["radius"]) // step
    length = int(columns["length"])

    def regions(block: int, width: int) -> dict[str, int]:
        g["room"] = -(-block // step) * width
        g["span"] = _whole_vectors(block * width)
        return {
            "ring": slots * int(g["span"]),
            "total": block * width,
            "folded": block * width,
            "line": (block // step + reach + 4) * width,
            "split": min(step, block) * int(g["room"]),
            "weights": max(slots, reach + 1),
        }

    span = _APART if _rows_are_closer(g) else _SPAN
    least = min(length, 64)
    fit = most // sum(regions(least, 1).values())
    width = _cut_neighbours(g, min(span // least, fit))
    block = min(length, max(span // width, 1))
    while block > 16 and sum(regions(block, width).values()) > most:
        block -= block // 8 + 1
    block = _cut(columns, length, block)
    chosen = regions(block, width)
    g["slots"] = slots
    return chosen


def _whole_vectors(samples: int) -> int:
    return -(-samples // 16) * 16


def _rows_are_closer(g: Any) -> bool:
    return bool(0 < abs(g["rows"]["x_stride"]) < abs(g["columns"]["x_stride"]))


def _indices(g: Any, forward: bool) -> int:
    """How many offsets one sum needs, one a term; and numbers, one an output or a kept line."""
    rows, columns = (2 * int(g[axis]["radius"]) + 1 for axis in ("rows", "columns"))
    kept = int(g["columns"]["block"] if forward else g["slots"])
    return kept + max(rows, columns, AT_ONCE, 0 if forward else kept)


def _cut(axis: Any, length: int, most: int) -> int:
    """Cut into blocks of at most ``most``, all about equal; returns their size."""
    axis["blocks"] = -(-length // max(1, min(length, most)))
    axis["block"] = -(-length // int(axis["blocks"]))
    axis["blocks"] = -(-length // int(axis["block"]))
    return int(axis["block"])
