"""Reads what a caller wrote: sizes, scales, numbers of threads, names."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeVar

from ..plans import plan
from .cases import Scale
from .errors import BenchError

__all__ = ["as_scale", "as_size", "as_threads", "each", "one_of"]

_MOST_THREADS = 1024

T = TypeVar("T")
_SIZE = re.compile(r"\d+([x×]\d+){0,2}", re.ASCII)


def each(text: str | None, read: Callable[[str], T]) -> list[T] | None:
    """What stands between commas, read one by one; None where nothing was said."""
    return None if text is None else [read(part.strip()) for part in text.split(",")]


def one_of(option: str, known: Sequence[str]) -> Callable[[str], str]:
    """A function that reads one of the known names, in upper or lower case.

    It raises `BenchError` where it is none of them.
    """

    def read(part: str) -> str:
        for name in known:
            if part.casefold() == name.casefold():
                return name
        raise BenchError(f"{option} is {part!r}; write one or more of {', '.join(known)}")

    return read


def as_size(part: str) -> tuple[int, int, int]:
    """Channels, height and width.

    Raises
    ------
    BenchError
        If it is no size.

    Examples
    --------
    >>> as_size("256"), as_size("24x1024"), as_size("4x30x20")
    ((3, 256, 256), (24, 1024, 1024), (4, 30, 20))
    """
    lengths = [int(n) for n in re.split("[x×]", part)] if _SIZE.fullmatch(part) else []
    if not lengths or min(lengths) < 1:
        raise BenchError(
            f"--size is {part!r}; write 512 for three channels of 512×512, 24x1024, or 3x480x640"
        )
    if len(lengths) == 1:
        return 3, lengths[0], lengths[0]
    return lengths[0], lengths[1], lengths[-1]


def as_scale(part: str) -> Scale:
    """A scale, exact where a fraction is written.

    Raises
    ------
    BenchError
        If it is no number.
    ScaleError
        If no plan can be made with it.
    """
    try:
        value = Fraction(part) if "/" in part else float(part)
    except (ValueError, ZeroDivisionError):
        raise BenchError(f"--scale is {part!r}; write a number like 1/4 or 0.25") from None
    plan((8,), value, axes=-1)
    return value


def as_threads(part: str) -> int:
    """A number of threads.

    Raises
    ------
    BenchError
        If it is no positive integer, or more than any machine has.
    """
    if not (part.isascii() and part.isdecimal()) or not 1 <= int(part) <= _MOST_THREADS:
        raise BenchError(
            f"--threads is {part!r}; write integers from 1 to {_MOST_THREADS:,}, like 1,2"
        )
    return int(part)
