"""The options that commands share: how they are declared, and how their text is read."""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from .endings import UsageError

__all__ = [
    "Axes",
    "Boundary",
    "Dtype",
    "Overwrite",
    "Sampling",
    "Scale",
    "Sigma",
    "parse_integers",
    "parse_numbers",
    "parse_path",
    "parse_words",
]

T = TypeVar("T")
Number = Fraction | float
_DECIMAL_COMMAS = r"\s*0,0*[1-9]\d*(,\s*0,0*[1-9]\d*)*\s*"

Scale = Annotated[
    str,
    typer.Option(
        "--scale",
        "-s",
        metavar="S[,S]",
        help="Output size over input size: 1/4 (exact) or 0.25; or one for each axis: 1/2,1/4.",
        show_default=False,
    ),
]
Sigma = Annotated[
    str | None,
    typer.Option(
        "--sigma",
        metavar="S[,S]",
        help="Standard deviation in input samples, instead of (1/scale - 1)/2; "
        "one for each axis may say 'none'.",
    ),
]
Boundary = Annotated[
    str,
    typer.Option(
        "--boundary",
        metavar="RULE[,RULE]",
        help="What stands beyond the ends: zeros, replicate, reflect or circular.",
    ),
]
Sampling = Annotated[
    str,
    typer.Option(
        "--sampling",
        metavar="RULE[,RULE]",
        help="slice (every stride-th sample) or nearest (floor(n * scale) samples).",
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        metavar="TYPE",
        help="Type of the result, by default the input's; values are never rescaled.",
    ),
]
Axes = Annotated[
    str | None,
    typer.Option("--axes", metavar="A[,A]", help="The filtered axes.", show_default="-2,-1"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]


def parse_numbers(text: str, option: str) -> Number | tuple[Number | None, ...] | None:
    """``1/4`` as a Fraction, ``0.25`` as a float; a tuple where there are commas.

    Raises
    ------
    UsageError
        If a part is no number.
    """
    if option.startswith("--scale") and re.fullmatch(_DECIMAL_COMMAS, text, re.ASCII):
        parts = re.findall(r"\b0,(\d+)", text)
        meant = ",".join(str(Fraction(f"0.{part}")) for part in parts)
        raise UsageError(
            f"{option} is {text!r}, and a comma stands between the scales of two axes; write "
            f"{meant}, or {','.join(f'0.{part}' for part in parts)}"
        )
    return _one_or_each(text, lambda part: _number(part, text, option))


def parse_path(text: str, option: str) -> Path:
    """A file's name.

    Raises
    ------
    UsageError
        If it is empty, which a `Path` would take for the current folder.
    """
    if not text:
        raise UsageError(f"{option} is empty; name a file")
    return Path(text)


def parse_words(text: str) -> str | tuple[str, ...]:
    """A word, or a tuple of words where there are commas."""
    return _one_or_each(text, str)


def parse_integers(text: str, option: str) -> tuple[int, ...]:
    """Integers separated by commas.

    Raises
    ------
    UsageError
        If a part is no integer.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[+-]?\d+", part, re.ASCII) for part in parts):
        raise UsageError(f"{option} is {text!r}; write integers with commas between, like 3,256")
    return tuple(map(int, parts))


def _one_or_each(text: str, read: Callable[[str], T]) -> T | tuple[T, ...]:
    values = tuple(read(part.strip()) for part in text.split(","))
    return values if len(values) > 1 else values[0]


def _number(part: str, text: str, option: str) -> Number | None:
    if option == "--sigma" and part.lower() == "none" and part != text:
        return None
    try:
        return Fraction(part.replace(" ", "")) if "/" in part else float(part)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"{option} is {text!r}; write a number like 1/4 or 0.25, or one for each axis with a "
            "comma between"
        ) from None
