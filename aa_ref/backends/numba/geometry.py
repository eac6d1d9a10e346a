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
from ...plans import AxisPlan
from .convert import KINDS

__all__ = ["GEOMETRY", "REFLECT", "REPLICATE", "ZEROS", "Geometry", "Operand", "make_geometry"]

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
        ("span", "i8"),  # the longest line, in samples
        ("ring", "i8"),  # adjoint: how many lines are kept
    ],
    align=True,
)

_SPAN = 1 << 14  # samples in a line: with its companions 0.4 MiB of scratch in binary32
_SCRATCH = 900 << 10  # bytes, for all lines of one thread
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
    lines : int
        Units of work: lines of the result, blocks counted apart.
    scratch, indices : int
        Samples of scratch and whole numbers that one thread needs besides.
    """

    record: NDArray[Any]
    outer: NDArray[np.int64]
    rows: AxisPlan | None
    columns: AxisPlan | None
    lines: int
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
    most = _SCRATCH // (8 if "float64" in (x.kind if forward else y.kind) else 4)
    scratch = _cut_forward(g, most) if forward else _cut_adjoint(g, most)
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


def _cut_forward(g: Any, most: int) -> int:
    """Choose blocks of the output's columns; returns the scratch a thread needs, in samples."""
    columns, neighbours = g["columns"], g["neighbours"]
    taps = 2 * int(columns["radius"]) + 1
    step, slack = int(columns["spacing"]), 0
    if step == 0:
        # Two binary32 roundings move a centre by at most length / 2**23.
        step, slack = math.ceil(columns["step"]), 2 + (int(columns["length"]) >> 22)
    outputs = int(columns["outputs"])
    whole = (outputs - 1) * step + taps + slack  # positions that the line of all outputs has
    least = min(whole, 4 * taps + slack)  # below that, blocks would read too much twice
    span = min(_longest_line(g), most // 8)
    width = _cut(neighbours, int(neighbours["length"]), span // least)
    positions = max(span // width, least)
    block = _cut(columns, outputs, (positions - taps - slack) // step + 1)
    positions = (block - 1) * step + taps + slack
    g["span"] = positions * width
    # Four lines loaded, one summed, one split by phases, one of outputs.
    return int((6 * positions + min(step, taps) + block) * width)


def _cut_adjoint(g: Any, most: int) -> int:
    """Choose blocks of the result's columns; returns the scratch a thread needs, in samples."""
    rows, columns, neighbours = g["rows"], g["columns"], g["neighbours"]
    step = int(rows["spacing"]) or int(rows["step"])
    g["ring"] = max(4, min(2 * int(rows["radius"]) // step + 2, int(rows["outputs"])))
    step = int(columns["spacing"]) or int(columns["step"])
    reach = 2 * int(columns["radius"]) // step

    def lines(block: int) -> int:
        """Samples for each neighbour: the ring, two sums; the outputs under a block, one phase."""
        return (int(g["ring"]) + 2) * block + 2 * (block // step) + reach + 8

    length = int(columns["length"])
    span = _longest_line(g)
    least = min(length, 64)
    width = _cut(neighbours, int(neighbours["length"]), min(span // least, most // lines(least)))
    block = min(length, max(span // width, 1))
    while block > 16 and lines(block) * width > most:
        block -= block // 8 + 1
    block = _cut(columns, length, block)
    g["span"] = block * width
    return int(lines(block) * width + reach + 1 + g["ring"])


def _longest_line(g: Any) -> int:
    """How many samples a line should have at most."""
    rows_are_closer = 0 < abs(g["rows"]["x_stride"]) < abs(g["columns"]["x_stride"])
    return _APART if rows_are_closer else _SPAN


def _indices(g: Any, forward: bool) -> int:
    """How many offsets one sum needs: one a term, or one an output; and the ring's line numbers."""
    rows, columns = (2 * int(g[axis]["radius"]) + 1 for axis in ("rows", "columns"))
    if forward:
        return max(rows, columns, int(g["columns"]["block"]))
    return int(g["ring"]) + max(int(g["ring"]), columns)


def _cut(axis: Any, length: int, most: int) -> int:
    """Cut into blocks of at most ``most``, all about equal; returns their size."""
    axis["blocks"] = -(-length // max(1, min(length, most)))
    axis["block"] = -(-length // int(axis["blocks"]))
    axis["blocks"] = -(-length // int(axis["block"]))
    return int(axis["block"])
