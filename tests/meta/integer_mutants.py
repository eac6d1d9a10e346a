"""Implementations for integers with one thing wrong, and some with two."""

from collections.abc import Callable
from typing import Any

import numpy as np
from layer import Layer, every_stride, same
from mutants import (
    RIGHT,
    Mutant,
    bfloat16,
    but,
    clip,
    half_way,
    largest_of_nine,
    neighbour,
    one_axis,
    reflect,
    same_padding,
    scaled,
    symmetric,
    valid,
    wrap,
)

Function = Callable[[Any], Any]


def whole(
    layer: Layer = RIGHT,
    rounding: Function = np.rint,
    between: Function = same,
    clipped: Function | None = None,
) -> Function:
    """The layer in binary32, rounded once at the end and kept within the type's range."""
    inner = layer.but(between=between)

    def function(x: Any) -> Any:
        y = rounding(inner(x.astype(np.float32)))
        y = np.clip(y, 0, np.iinfo(x.dtype).max) if clipped is None else clipped(y)
        return y.astype(np.int64).astype(x.dtype)

    return function


def half_up(y: Any) -> Any:
    return np.floor(y + np.float32(0.5))


def on_answers(change: Function, layer: Layer = RIGHT) -> Function:
    return lambda x: change(whole(layer)(x))


def fixed_point(bits: int) -> Function:
    return lambda t: np.rint(t * 2**bits) / np.float32(2**bits)


def transposed(y: Any) -> Any:
    return np.ascontiguousarray(y.swapaxes(-1, -2))


def no_subsampling_of_odd(x: Any) -> Any:
    if x.shape[-1] % 2:
        raise ValueError("odd widths are not supported")
    return whole()(x)


def writes(x: Any) -> Any:
    y = whole()(x)
    x += 1
    return y


def signed(y: Any) -> Any:
    return y.astype(np.int8).clip(0).astype(y.dtype)


def largest(x: Any) -> Any:
    y = largest_of_nine(x.astype(np.float32))
    return np.maximum(y, 0).astype(x.dtype)


def last_weaker(y: Any) -> Any:
    if y.shape[1] > 1:
        y[:, -1] //= 2
    return y


def mutant(name: str, function: Function, codes: str, **options: Any) -> Mutant:
    dtype = options.setdefault("dtype", "uint8")
    return Mutant(f"{dtype}: {name}", function, frozenset(codes.split()), {"scale": 0.25} | options)


def wide(name: str, function: Function, codes: str, **options: Any) -> Mutant:
    return mutant(name, function, codes, dtype="uint16", **options)


louder = but(after=lambda y: y * 1.02)
late = but(centres=lambda n, q: every_stride(n, q) + 1)
floors = but(centres=lambda n, q: every_stride(n, q)[: max(n // q, 1)])
flat = but(weights=lambda i, s: np.ones_like(i))
slow = but(sigma=scaled(1.1), radius=lambda g: 6)

INTEGERS = [
    # rounding
    mutant("truncated", whole(rounding=np.floor), "precision"),
    mutant("rounded up", whole(rounding=np.ceil), "precision"),
    mutant("rounded between the passes", whole(between=np.rint), "precision"),
    mutant("rounded half up between the passes", whole(between=half_up), "precision"),
    mutant("truncated twice", whole(rounding=np.floor, between=np.floor), "precision"),
    mutant("truncated between the passes", whole(between=np.floor), "precision"),
    mutant("taps of 8 bits", whole(but(rounded_taps=fixed_point(8))), "precision"),
    mutant("taps of 6 bits", whole(but(rounded_taps=fixed_point(6))), "precision"),
    mutant("bfloat16 taps", whole(but(rounded_taps=bfloat16)), "precision"),
    wide("taps of 12 bits", whole(but(rounded_taps=fixed_point(12))), "precision"),
    # range
    mutant("wraps round", whole(louder, clipped=same), "values normalisation"),
    mutant("signed bytes", on_answers(signed), "values"),
    mutant("at most 235", on_answers(lambda y: np.minimum(y, 235)), "values"),
    wide("at most 255", on_answers(lambda y: np.minimum(y, 255)), "values"),
    mutant("3 added", whole(but(after=lambda y: y + 3)), "values"),
    mutant("largest of nine", largest, "values"),
    # gain
    mutant("gain 1.02", whole(louder), "normalisation"),
    mutant("gain 0.99", whole(but(after=lambda y: y * 0.99)), "normalisation"),
    mutant("not normalised", whole(but(normalised=same)), "normalisation"),
    mutant("divided by 255", whole(but(after=lambda y: y / 255)), "normalisation"),
    wide("gain 0.999", whole(but(after=lambda y: y * 0.999)), "normalisation"),
    # order
    mutant("upside down", on_answers(lambda y: y[..., ::-1, :]), "flip"),
    mutant("mirrored", on_answers(lambda y: y[..., ::-1]), "flip"),
    mutant("transposed", on_answers(transposed), "axes"),
    mutant("height alone filtered", whole(one_axis(-1, sigma=lambda s: 0.0)), "axes"),
    mutant("channels in reverse", on_answers(lambda y: y[:, ::-1]), "channels"),
    mutant("a trace of the next channel", whole(but(after=neighbour)), "channels"),
    mutant("last channel weaker", on_answers(last_weaker), "channels"),
    mutant("batch in reverse", on_answers(lambda y: y[::-1]), "channels"),
    # places
    mutant("one sample late", whole(late), "phase"),
    mutant("half a stride late", whole(but(centres=half_way)), "phase"),
    mutant("TensorFlow's same padding", whole(but(centres=same_padding)), "phase"),
    mutant("rolled result", on_answers(lambda y: np.roll(y, 1, -1)), "phase"),
    mutant("stride 3", whole(but(stride=lambda s: 3)), "stride"),
    mutant("no subsampling", whole(but(stride=lambda s: 1)), "stride"),
    mutant("floor for ceil", whole(floors), "size"),
    # filter
    mutant("sigma one per cent off", whole(but(sigma=scaled(1.01))), "sigma"),
    mutant("sigma 1/(2s)", whole(but(sigma=lambda s: 1 / s / 2)), "sigma"),
    mutant("no low-pass", whole(but(sigma=lambda s: 0.0)), "sigma"),
    mutant("a box", whole(flat), "sigma"),
    mutant("a triangle", whole(but(weights=lambda i, s: 7 - np.abs(i))), "sigma"),
    mutant("three sigma", whole(but(radius=lambda g: round(3 * g))), "radius"),
    mutant("a radius too few", whole(but(radius=lambda g: round(4 * g) - 1)), "radius"),
    wide("sigma a thousandth off", whole(but(sigma=scaled(1.001))), "sigma"),
    wide("a radius too few", whole(but(radius=lambda g: round(4 * g) - 1)), "radius"),
    # ends
    mutant("replicate", whole(but(fold=clip)), "boundary"),
    mutant("reflect", whole(but(fold=reflect)), "boundary"),
    mutant("symmetric", whole(but(fold=symmetric)), "boundary"),
    mutant("circular", whole(but(fold=wrap)), "boundary"),
    mutant("columns reflect", whole(one_axis(-1, fold=reflect)), "boundary"),
    mutant("padded with 255", whole(but(outside=255.0)), "boundary"),
    mutant("no padding", whole(but(centres=valid)), "boundary size"),
    wide("reflect", whole(but(fold=reflect)), "boundary"),
    # what surrounds the numbers
    mutant("binary32 result", lambda x: whole()(x).astype(np.float32), "dtype"),
    mutant("int64 result", lambda x: whole()(x).astype(np.int64), "dtype"),
    mutant("refuses odd widths", no_subsampling_of_odd, "error"),
    mutant("writes to its input", writes, "mutates"),
    # two at once
    mutant("truncated, reflect", whole(but(fold=reflect), rounding=np.floor), "precision boundary"),
    mutant("gain, phase", whole(late.but(after=lambda y: y * 0.9)), "normalisation phase"),
    mutant("sigma, boundary", whole(slow.but(fold=reflect)), "sigma boundary"),
    mutant("transposed, circular", on_answers(transposed, but(fold=wrap)), "axes boundary"),
    mutant("flip, radius", on_answers(lambda y: y[..., ::-1], but(radius=lambda g: 4)),
           "flip radius"),
    mutant("at most 235, replicate", on_answers(lambda y: np.minimum(y, 235), but(fold=clip)),
           "values boundary"),
    mutant("channels, sigma", on_answers(lambda y: y[:, ::-1], slow), "channels sigma"),
]  # fmt: skip
