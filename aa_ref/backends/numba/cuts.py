"""What `levels` and `gradients` need to know of shapes and strides: blocks, groups, scratch.

The large side is seen as outer dimensions × rows × columns × neighbours, as in `geometry`. It is
fit for them if columns and neighbours lie in memory without gaps, if centres are even and filters
short and symmetric. Long lines are cut into blocks whose rows and sums a cache holds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...boundary import BOUNDARIES, fold
from ...dtypes import STORAGE
from ...plans import AxisPlan
from .columns import most_taps, side_by_side
from .convert import FLOAT32, FLOAT64, ITEMS, KINDS
from .geometry import STREAM, ZEROS, Operand
from .gradients import CHUNK
from .groups import Group, Level, plan_group
from .levels import PAGE, Fused
from .machine import second_level_cache
from .spreads import RowGroup, plan_rows, together
from .vectors import BYTES

__all__ = ["EACH", "INPUT", "Cut", "cut", "cut_adjoint"]

INPUT = np.dtype(
    [
        ("length", "i8"),  # rows
        ("boundary", "i8"),
        ("columns", "i8"),
        ("width", "i8"),  # neighbours
        ("x_start", "i8"),  # bytes, as all about x
        ("x_pitch", "i8"),
        ("ahead", "i8"),  # how far rows are asked for: those of a later group,
        ("within", "i8"),  # and the same rows
        ("groups", "i8"),  # of rows
        ("first_row", "i8"),
        ("before", "i8"),  # groups that the first one goes on with
        ("lowest", "i8"),  # the first group that has a row
        ("blocks", "i8"),
        ("cells", "i8"),  # columns between which a line may be cut
        ("cell", "i8"),
        ("reach", "i8"),  # of the longest filter along columns
        ("stream", "i8"),
        # Scratch, in samples.
        ("sums", "i8"),
        ("span", "i8"),
        ("nothing", "i8"),  # a row of zeros
        ("longest", "i8"),
        ("tails", "i8"),
        ("spare", "i8"),
        ("total", "i8"),
        # Of the adjoint alone, whose x is written: kind, place and so on of x, in samples.
        ("x_kind", "i8"),
        ("direct", "i8"),
        ("slots", "i8"),  # spread lines that are kept
        ("line", "i8"),
        ("folded", "i8"),
        ("stage", "i8"),  # rows that wait to be written
        ("apart", "i8"),
    ]
)
EACH = np.dtype(
    [
        ("rows", "i8"),
        ("columns", "i8"),
        ("y_start", "i8"),  # samples, as all about y
        ("y_pitch", "i8"),
        ("y_column", "i8"),
        ("y_inner", "i8"),
        ("y_kind", "i8"),
        ("direct", "i8"),
        ("stream", "i8"),
    ]
)

_MOST_ROWS = 20  # in a group
_MOST_LINES = 40
_MOST_NEIGHBOURS = 4  # that are sorted with their columns; of more, each column has vectors
_FEWEST_COLUMNS = 16  # where rows alone are filtered, and nothing else could be rows
# Where something else could: of fewer columns, each group of rows takes longer than sums along
# columns whose neighbours they are. Measured for 16 to 256 columns, strides 2, 4 and 8.
_WORTH_ROWS, _WORTH_ROWS_BY_STRIDE, _WORTH_ROWS_ADJOINT = 24, 160, 96
_MOST_VECTORS = 32  # that are sorted by phase at a time
_MOST_PUT_BACK = 24  # of which more sums are held
_MOST_SCRATCH = 1 << 20
_AHEAD = 1 << 15  # bytes of rows to be asked for ahead: what memory delivers while it answers


class _Filter(NamedTuple):
    """What happens along one axis; an axis without a pass has one tap, of 1."""

    length: int
    outputs: int
    stride: int
    centres: int  # in a stride
    taps: tuple[float, ...]
    boundary: str

    @property
    def radius(self) -> int:
        """How many samples a filter reaches to either side."""
        return len(self.taps) // 2

    @property
    def last(self) -> int:
        """The centre of the last output."""
        return (self.outputs - 1) * self.stride // self.centres


class _Part(NamedTuple):
    """One level: its rows' and columns' filters, and its result."""

    rows: _Filter
    columns: _Filter
    kind: str
    start: int
    pitch: int  # samples from row to row
    column: int
    inner: int
    outer: tuple[int, ...]


@dataclass(frozen=True)
class Cut:
    """The arguments of one call that follow from shapes and strides."""

    fused: Fused
    compute: type
    record: NDArray[Any]
    each: NDArray[Any]
    outer: NDArray[np.int64]
    folds: NDArray[np.int64]
    taps: NDArray[Any]
    units: int
    scratch: int
    indices: int

    @property
    def special(self) -> tuple[type, Fused]:
        """What it is compiled for: the compute type, and constants."""
        return self.compute, self.fused

    @property
    def rest(self) -> tuple[NDArray[Any], ...]:
        """What the function is given behind the memory of the input and of the results."""
        return self.taps, self.record, self.each, self.outer, self.folds


def cut(
    groups: Sequence[tuple[AxisPlan, ...]], shape: tuple[int, ...], x: Operand,
    ys: Sequence[Operand],
) -> Cut | None:  # fmt: skip
    """Arrange the passes of some levels over one input; None if `levels` is not made for them."""
    if not all(map(_fit, groups)):
        return None
    axes = sorted({a.axis for group in groups for a in group})
    if not 1 <= len(axes) <= 2:
        return None
    stride = min((_period(a) or (1, 1))[0] for group in groups for a in group)
    worth_rows = max(_WORTH_ROWS, _WORTH_ROWS_BY_STRIDE // stride)
    view = _View.of(axes, shape, x, ys, worth_rows)
    if view is None:
        return None
    parts = view.parts(groups, ys)
    ends, folded = _boundary([p.rows for p in parts]), _boundary([p.columns for p in parts])
    if ends is None or folded is None:
        return None
    levels = [_level(p) for p in parts]
    if not _may_be_grouped(levels):
        return None
    width = view.width if view.width <= _MOST_NEIGHBOURS else 0
    fused = Fused(tuple(levels), width, KINDS[x.kind])
    group = plan_group(levels)
    if (
        group.lines > _MOST_LINES
        or any(level.column_stride * width > _MOST_VECTORS for level in levels)
        or any(width and level.column_taps > most_taps(level.column_stride) for level in levels)
    ):
        return None
    item = ITEMS[fused.kind]
    record = np.zeros(1, INPUT)
    g = record[0]
    g["length"], g["columns"] = parts[0].rows.length, parts[0].columns.length
    g["width"] = view.width
    g["boundary"] = BOUNDARIES.index(ends)
    g["x_start"], g["x_pitch"] = x.start * item, view.pitch * item
    _group_rows(g, parts, group, item * int(g["columns"]) * view.width)
    _cut_columns(g, parts, fused, group.rows + group.lines)
    if g["blocks"] > 1 and folded == "circular":
        return None
    count = math.prod(size for size, *_ in view.outer)
    each = np.zeros(len(parts), EACH)
    for own, p in zip(each, parts, strict=True):
        _fill(own, p, count, view.width, fused)
    g["stream"] = each["stream"].any()
    scratch = _scratch(g, parts, group, fused)
    if scratch * (8 if fused.kind == FLOAT64 else 4) > _MOST_SCRATCH:
        return None
    table = [
        [size, stride * item, *(p.outer[n] for p in parts)]
        for n, (size, stride) in enumerate(view.outer)
    ]
    return _cut(fused, record, each, table, parts, folded, scratch, group.rows)


def cut_adjoint(
    group: tuple[AxisPlan, ...], shape: tuple[int, ...], x: Operand, y: Operand
) -> Cut | None:
    """Arrange an adjoint, from ``y`` to ``x``; None if `gradients` is not made for it."""
    axes = [a.axis for a in group]
    even = _fit(group) and all(a.spacing for a in group)
    view = None
    if even and len(axes) <= 2:
        view = _View.of(axes, shape, x, [y], _WORTH_ROWS_ADJOINT)
    if view is None:
        return None
    (p,) = parts = view.parts([group], [y])
    ends, folded = (str(_boundary([side])) for side in p[:2])
    level = _level(p)
    if not _may_be_grouped([level]):
        return None
    sample, item = 8 if y.kind == "float64" else 4, ITEMS[KINDS[y.kind]]
    lane, rows = BYTES // sample, plan_rows(level)
    # Of many channels, or a multiple of a vector's lanes, each position has vectors of its own.
    sorted_ = level.column_stride * together(view.width, lane)[1] <= _MOST_PUT_BACK
    width = view.width if sorted_ and view.width % lane else 0
    fused = Fused((level,), width, KINDS[y.kind])
    reach = (level.column_taps - 1) // level.column_stride
    if rows.rows > _MOST_ROWS or rows.lines > _MOST_LINES or reach > _MOST_ROWS:
        return None
    record, each = np.zeros(1, INPUT), np.zeros(1, EACH)
    g, count = record[0], math.prod(size for size, *_ in view.outer)
    g["length"], g["columns"], g["width"] = p.rows.length, p.columns.length, view.width
    g["boundary"] = BOUNDARIES.index(ends)
    g["x_start"], g["x_pitch"], g["x_kind"] = x.start, view.pitch, KINDS[x.kind]
    first = p.rows.radius // p.rows.stride  # the stride whose rows begin with, or before, the first
    beyond = (p.rows.length - 1 + p.rows.radius) // p.rows.stride + 1
    g["first_row"], g["groups"] = first, -(-(beyond - first) // rows.strides)
    _fill(each[0], p, count, view.width, fused)
    g["slots"] = rows.lines * (1 if ends == "zeros" else 2)
    _cut_columns(g, parts, fused, rows.lines)
    if g["blocks"] > 1 and folded == "circular":
        return None
    g["ahead"] = rows.strides - 1 - (-_AHEAD // (p.columns.outputs * view.width * item))
    g["direct"] = g["x_kind"] == (FLOAT64 if sample == 8 else FLOAT32)
    samples = count * p.rows.length * p.columns.length * view.width
    g["stream"] = g["direct"] and samples * sample >= STREAM
    scratch = _scratch_adjoint(g, level, rows, fused)
    # Of a line in scratch there are more than a group needs: where others are folded onto it.
    if scratch * sample > max(_MOST_SCRATCH, 4 * second_level_cache()):
        return None
    table = [[*dimension, p.outer[n]] for n, dimension in enumerate(view.outer)]
    indices = int(g["slots"]) + rows.lines
    return _cut(fused, record, each, table, parts, folded, scratch, indices)


def _cut(
    fused: Fused, record: NDArray[Any], each: NDArray[Any], table: list[list[int]],
    parts: Sequence[_Part], boundary: str, scratch: int, indices: int,
) -> Cut:  # fmt: skip
    """Put together what both directions have."""
    g = record[0]
    compute = np.float64 if fused.kind == FLOAT64 else np.float32
    reach = np.arange(int(g["reach"]))
    beyond = np.concatenate([reach - len(reach), reach + int(g["columns"])])
    units = int(g["groups"] * g["blocks"]) * math.prod(size for size, *_ in table)
    return Cut(
        fused, compute, record, each, np.array(table, np.int64).reshape(-1, 2 + len(parts)),
        fold(beyond, int(g["columns"]), boundary),
        np.array([t for p in parts for f in (p.rows, p.columns) for t in f.taps], compute), units,
        scratch, indices,
    )  # fmt: skip


def _boundary(filters: Sequence["_Filter"]) -> str | None:
    """The boundary of all that reach beyond the ends; None if they differ."""
    found = {f.boundary for f in filters if len(f.taps) > 1} or {"zeros"}
    return found.pop() if len(found) == 1 else None


def _fit(group: tuple[AxisPlan, ...]) -> bool:
    """Whether centres come again, and filters are the same in both directions."""
    return bool(group) and all(_period(a) and np.array_equal(a.taps, a.taps[::-1]) for a in group)


@lru_cache(maxsize=512)
def _period(a: AxisPlan) -> tuple[int, int] | None:
    """A stride and the centres that lie in it, if they come again in the next; otherwise None."""
    if a.spacing:
        return a.spacing, 1
    scale = Fraction(a.scale).limit_denominator(_MOST_ROWS)
    stride, centres = scale.denominator, scale.numerator
    if centres and np.array_equal(a.centres, np.arange(a.out_length) * stride // centres):
        return stride, centres
    return None


def _level(p: "_Part") -> Level:
    rows, columns = p.rows, p.columns
    return Level(
        rows.stride, len(rows.taps), columns.stride, len(columns.taps), rows.centres,
        columns.centres,
    )  # fmt: skip


def _may_be_grouped(levels: Sequence[Level]) -> bool:
    """Whether a group may be small enough; that is listed row by row, and a stride may be 2**40."""
    rows = math.lcm(*(level.row_stride for level in levels))
    return rows <= _MOST_ROWS and all(p.row_taps <= _MOST_ROWS * _MOST_LINES for p in levels)


class _View(NamedTuple):
    """An array as outer dimensions × rows × columns × neighbours; these by their numbers."""

    shape: tuple[int, ...]
    rows: int
    columns: tuple[int, ...]  # several only where none of them is filtered
    neighbours: tuple[int, ...]
    others: tuple[int, ...]
    pitch: int
    width: int
    outer: tuple[tuple[int, int], ...]  # size and stride of each

    @classmethod
    def of(
        cls, axes: Sequence[int], shape: tuple[int, ...], x: Operand, ys: Sequence[Operand],
        worth_rows: int,
    ) -> "_View | None":  # fmt: skip
        """See the array so; None if what should follow on one another in memory does not.

        One axis becomes rows if they have at least ``worth_rows`` columns, or if nothing else could
        be rows and they have some; else columns.
        """
        stride = x.strides
        if any(stride[d] <= 0 and shape[d] > 1 for d in range(len(shape))):
            return None
        fast = sorted((d for d in range(len(shape)) if shape[d] > 1), key=lambda d: stride[d])
        last = axes[-1]
        inner = [d for d in fast if d not in axes and stride[d] < stride[last]]
        rest = [d for d in fast if d != last and d not in inner]
        together = math.prod(shape[d] for d in inner)
        if len(axes) == 2:
            rows, columns, neighbours = axes[0], [last], inner
        elif rest and together < worth_rows:
            rows = max(rest, key=lambda d: min(shape[d], _MOST_ROWS))  # a group is done whole
            columns, neighbours = [last], inner
        elif together >= _FEWEST_COLUMNS:
            rows, columns, neighbours = last, inner, []
        else:
            return None
        together = 1
        for d in (*neighbours, *columns):
            if shape[d] > 1 and stride[d] != together:
                return None
            together *= shape[d]
        width = math.prod(shape[d] for d in neighbours)
        for y in ys:
            steps = [*pairwise(columns), *pairwise(neighbours)]
            if any(y.strides[b] != y.strides[a] * shape[a] for a, b in steps):
                return None
        others = tuple(d for d in reversed(fast) if d != rows and d not in (*columns, *neighbours))
        return cls(
            shape, rows, tuple(columns), tuple(neighbours), others, stride[rows], width,
            tuple((shape[d], stride[d]) for d in others),
        )  # fmt: skip

    def parts(
        self, groups: Sequence[tuple[AxisPlan, ...]], ys: Sequence[Operand]
    ) -> tuple[_Part, ...]:
        """Each level's filters and strides."""
        parts = []
        for group, y in zip(groups, ys, strict=True):
            filters = {a.axis: _filter(a) for a in group}
            rows, columns = (
                filters.get(run[0]) or _as_it_is(math.prod(self.shape[d] for d in run))
                for run in ((self.rows,), self.columns)
            )
            inner = y.strides[self.neighbours[0]] if self.neighbours else 1
            outer = tuple(y.strides[d] for d in self.others)
            place = y.start, y.strides[self.rows], y.strides[self.columns[0]], inner
            parts.append(_Part(rows, columns, y.kind, *place, outer))
        return tuple(parts)


def _filter(a: AxisPlan) -> _Filter:
    stride, centres = _period(a) or (0, 0)
    return _Filter(a.length, a.out_length, stride, centres, tuple(a.taps.tolist()), a.boundary)


def _as_it_is(length: int) -> _Filter:
    return _Filter(length, length, 1, 1, (1.0,), "zeros")


def _group_rows(g: Any, parts: Sequence[_Part], group: Group, line: int) -> None:
    first = group.first_row
    least = min(p.rows.radius for p in parts)  # the row that completes an output first
    first += (least - first) // group.rows * group.rows
    last = max(p.rows.last + p.rows.radius for p in parts)
    g["first_row"], g["groups"] = first, (last - first) // group.rows + 1
    g["before"] = -(-(max(len(p.rows.taps) for p in parts) - 1) // group.rows)
    g["lowest"] = -int(g["before"])
    if g["boundary"] == ZEROS:
        g["lowest"] = -((first + group.rows - 1) // group.rows)
    g["within"] = _whole(_AHEAD // group.rows, BYTES)
    groups = -(-_AHEAD // (group.rows * line))
    g["ahead"] = groups * group.rows * int(g["x_pitch"])


def _cut_columns(g: Any, parts: Sequence[_Part], fused: Fused, lines: int) -> None:
    """Cut lines into blocks, so many of which a cache holds."""
    sample = 8 if fused.kind == FLOAT64 else 4
    columns, width = int(g["columns"]), int(g["width"])
    g["reach"] = reach = max(p.columns.radius for p in parts)
    g["cell"] = cell = math.lcm(*(p.columns.stride for p in parts))
    g["cells"] = cells = -(-columns // cell)
    most = second_level_cache() // 2 // (sample * width * lines)
    g["blocks"] = blocks = min(cells, -(-columns // max(most, 8 * reach, 64)))
    g["longest"] = width * min(columns, -(-cells // blocks) * cell + 2 * reach)


def _fill(own: Any, p: _Part, count: int, width: int, fused: Fused) -> None:
    """One level's record; there are so many planes, and neighbours."""
    own["rows"], own["columns"] = p.rows.outputs, p.columns.outputs
    own["y_start"], own["y_pitch"], own["y_column"] = p.start, p.pitch, p.column
    own["y_inner"], own["y_kind"] = p.inner, KINDS[p.kind]
    same = own["y_kind"] == (FLOAT64 if fused.kind == FLOAT64 else FLOAT32)
    own["direct"] = same and p.inner == 1 and (p.column == width or p.columns.outputs == 1)
    samples = count * p.rows.outputs * p.columns.outputs * width
    large = samples * STORAGE[p.kind].itemsize >= STREAM
    own["stream"] = own["direct"] and large


def _scratch(g: Any, parts: Sequence[_Part], group: Group, fused: Fused) -> int:
    """Choose the regions of scratch; returns how many samples there are in all."""
    sample = 8 if fused.kind == FLOAT64 else 4
    lane, width = BYTES // sample, int(g["width"])
    longest = _whole(int(g["longest"]), lane)
    beyond = _whole(int(g["reach"]) * width, lane)
    # Beyond a line's end, as many outputs as fill a vector, or are summed side by side.
    further = 2 * lane * fused.width
    if not fused.width:
        further = width * max(side_by_side(p.columns.centres) for p in parts)
    margin = further * max(p.columns.stride for p in parts) + lane + beyond
    g["span"] = longest + 2 * beyond
    if g["span"] % 256 == 0:  # or lines would share the same places of a cache
        g["span"] += lane
    g["longest"] = longest
    at = margin
    most = lane * max(fused.width * p.columns.centres for p in parts) or lane
    for region, samples in (
        ("sums", group.lines * int(g["span"]) + margin),
        ("nothing", longest),
        ("tails", group.rows * lane),
        ("spare", most),
        ("total", longest + further + lane),
    ):
        g[region] = at
        at += _whole(samples, lane)
    return at + lane + PAGE // sample


def _scratch_adjoint(g: Any, level: Level, rows: RowGroup, fused: Fused) -> int:
    """The same for the adjoint."""
    lane, width = BYTES // (8 if fused.kind == FLOAT64 else 4), int(g["width"])
    longest = g["longest"] = int(g["longest"]) + lane  # where a block ends, more goes with it
    radius, stride = level.column_taps // 2, level.column_stride
    reach = (level.column_taps - 1) // stride
    positions = (longest // width + 2 * radius) // stride + 1
    positions += 2 * lane  # as many as fill a vector
    g["span"] = _whole(positions * stride * width, lane) + 3 * lane
    if g["span"] % 256 == 0:  # as in `_scratch`
        g["span"] += lane
    g["apart"] = CHUNK // rows.rows // lane * lane + 2 * lane
    g["longest"] += 2 * (radius * width + lane)
    at = lane
    for region, samples in (
        ("sums", int(g["slots"] * g["span"])),
        ("nothing", int(g["longest"])),
        ("line", (reach + positions) * width),
        ("total", longest),
        ("folded", longest),
        ("stage", int(rows.rows * g["apart"])),
    ):
        g[region] = at
        at += _whole(samples + lane, lane)
    return at + lane


def _whole(samples: int, lane: int) -> int:
    return -(-samples // lane) * lane
