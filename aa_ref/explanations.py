"""What is told of a plan: all of it by ``print``, and by a warning where sizes may surprise."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from .filters import Number

__all__ = ["explain", "note_of_sizes"]


def explain(p: Any) -> str:
    """Write a plan out: a line on the arrays, a row for each axis, notes, the taps, the cost."""
    rows: list[tuple[str, ...]] = [
        ("axis", "length", "scale", "stride", "sigma", "radius", "taps", "sampling", "boundary",
         "outputs", "output i reads")
    ]  # fmt: skip
    for a in p.axes:
        if not a.has_pass:
            rows.append((str(a.axis), str(a.length), "1", *["-"] * 6, str(a.length), "input i"))
            continue
        centre = "c" if a.spacing is None else f"{a.spacing}i" if a.spacing > 1 else "i"
        reads = f"{centre}-{a.radius} .. {centre}+{a.radius}" if a.radius else f"input {centre}"
        if a.spacing is None:
            reads += f", c = min(floor(f32({a.step!r} i)), {a.length - 1})"
        rows.append(
            (str(a.axis), str(a.length), _number(a.scale), str(a.stride), _number(a.sigma),
             str(a.radius), str(len(a.taps)), a.sampling, a.boundary, str(a.out_length), reads)
        )  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{p.input_dtype} {p.shape} -> {p.dtype} {p.out_shape}, computed in {p.compute_dtype}"]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    note = note_of_sizes([p])
    if note:
        lines.append(f"mind: {note}")
    filters: dict[Number, list[Any]] = {}
    for a in p.passes:
        filters.setdefault(a.sigma, []).append(a)
    for same in filters.values():
        half = same[0].taps[same[0].radius :]
        shown = ", ".join(f"{t:.4g}" for t in half[:8]) + (", ..." if len(half) > 8 else "")
        named = "axis " if len(same) == 1 else "axes "
        named += " and ".join(str(a.axis) for a in same)
        lines.append(f"taps of {named}, from the middle out: {shown}")
    ratio = p.full_multiplications / max(p.multiplications, 1)
    side = "×".join(str(len(a.taps)) for a in p.passes)
    lines.append(
        f"{p.multiplications:,} multiplications"
        + (
            f"; the full-resolution way ({side} taps at every input sample) takes "
            f"{p.full_multiplications:,}, {ratio:.3g} times as many"
            if p.passes
            else ": no axis is filtered, only the type is converted"
        )
    )
    return "\n".join(lines)


def note_of_sizes(plans: Iterable[Any]) -> str:
    """Say which axes come out larger than their scales say; nothing where none does."""
    plans = list(plans)
    kept: dict[int, Any] = {}
    missed: dict[tuple[Any, int], list[Any]] = {}
    for p in plans:
        for a in p.keeps_all:
            kept.setdefault(a.axis, a)
        for a in p.misses_scale:
            missed.setdefault((a.scale, a.stride), []).append(a)
    notes = [_note_of_kept(kept)] if kept else []
    notes += [_note_of_missed(same) for same in missed.values()]
    if not notes:
        return ""
    advice = "sampling='nearest' gives floor(n * scale) samples"
    if missed and len(plans) == 1:  # a pyramid's sigma is that of all levels
        advice += f"; {_same_as_now(missed, plans[0])} gives the same as now and is not warned of"
    return "; ".join([*notes, advice])


def _note_of_kept(kept: dict[int, Any]) -> str:
    one = len(kept) == 1
    names = " and ".join(map(str, sorted(kept)))
    scales = " and ".join(dict.fromkeys(str(a.scale) for a in kept.values()))
    blurred = any(a.radius for a in kept.values())
    return (
        f"scale {scales} has stride int(1/scale) = 1, so "
        + (f"axis {names} keeps all its samples" if one else f"axes {names} keep all their samples")
        + (", only blurred" if blurred else ", unchanged")
    )


def _note_of_missed(same: list[Any]) -> str:
    a = same[0]
    axes = sorted({b.axis for b in same})
    one = len(axes) == 1
    names = " and ".join(map(str, axes))
    asked = f"{a.scale} = {float(a.scale):.4g}" if isinstance(a.scale, Fraction) else str(a.scale)
    return (
        f"scale {a.scale} has stride int(1/scale) = {a.stride}, so "
        + (f"axis {names} comes" if one else f"axes {names} come")
        + f" out at 1/{a.stride} = {1 / a.stride:.4g} of the length, not at {asked}"
    )


def _same_as_now(missed: dict[tuple[Any, int], list[Any]], p: Any) -> str:
    """Say how to ask for a size that comes out; along which axes, where others differ."""
    first = next(iter(missed.values()))
    if len(missed) == 1 and p.axes == p.misses_scale and len({a.sigma for a in first}) == 1:
        return f"scale=Fraction(1, {first[0].stride}), sigma={first[0].sigma!r}"
    return ", ".join(
        f"along axis {a.axis} scale Fraction(1, {a.stride}) with sigma {a.sigma!r}"
        for same in missed.values()
        for a in same
    )


def _number(value: Number) -> str:
    return str(value) if isinstance(value, Fraction) else f"{value:.6g}"
