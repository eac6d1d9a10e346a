"""Composes the picture of the demo: what is sliced beside what is filtered first."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Comparison", "compose"]

_GAP, _PAIR_GAP, _MARGIN = 8, 28, 28
_PAPER, _INK, _FAINT = (255, 255, 255), (24, 28, 36), (92, 100, 114)
_BAD, _GOOD = (186, 44, 32), (22, 116, 64)
_TITLE, _HEADING, _LABEL = 40, 30, 24
_HEADER, _LABEL_HEIGHT, _ROW_GAP = 214, 36, 20


class Comparison(NamedTuple):
    """One source at one scale: its samples alone, and its samples after the low-pass."""

    stride: int
    scale: str
    sliced: NDArray[np.uint8]
    filtered: NDArray[np.uint8]


def compose(
    rows: Sequence[Sequence[Comparison]],
    size: tuple[int, int],
    title: str,
    subtitles: Sequence[str],
) -> Image.Image:
    """Lay comparisons out: a row for each source, a pair of panels for each scale.

    Parameters
    ----------
    rows : sequence of sequences of Comparison
        The same scales in each row.
    size : (height, width)
        Of each panel. Pictures are enlarged to it by whole numbers, pixel by pixel.
    title : str
    subtitles : sequence of str
        The lines below it.
    """
    height, width = size
    pair = 2 * width + _GAP
    columns = len(rows[0])
    total = 2 * _MARGIN + columns * pair + (columns - 1) * _PAIR_GAP
    below = len(rows) * height + (len(rows) - 1) * _ROW_GAP
    sheet = Image.new("RGB", (total, _HEADER + _LABEL_HEIGHT + below + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, 24), title, _INK, ImageFont.load_default(_TITLE))
    for line, subtitle in enumerate(subtitles):
        draw.text((_MARGIN, 80 + 32 * line), subtitle, _FAINT, ImageFont.load_default(_LABEL))
    for column, comparison in enumerate(rows[0]):
        x = _MARGIN + column * (pair + _PAIR_GAP)
        _write_heading(draw, x, width, comparison)
        for row, comparisons in enumerate(rows):
            y = _HEADER + _LABEL_HEIGHT + row * (height + _ROW_GAP)
            sheet.paste(_enlarged(comparisons[column].sliced, size), (x, y))
            sheet.paste(_enlarged(comparisons[column].filtered, size), (x + width + _GAP, y))
    return sheet


def _write_heading(draw: Any, x: int, width: int, comparison: Comparison) -> None:
    """The scale over the pair, and over each panel what it shows."""
    heading, label = ImageFont.load_default(_HEADING), ImageFont.load_default(_LABEL)
    y, n = _HEADER - 38, comparison.stride
    draw.line([(x, y - 10), (x + 2 * width + _GAP, y - 10)], _INK, 2)
    draw.text((x, y), f"scale {comparison.scale}", _INK, heading)
    draw.text((x, y + 40), f"every {n}{_ordinal(n)} sample", _BAD, label)
    text = f"low-pass, every {n}{_ordinal(n)}"
    draw.text((x + width + _GAP, y + 40), text, _GOOD, label)


def _ordinal(n: int) -> str:
    return {2: "nd", 3: "rd"}.get(n, "th")


def _enlarged(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Each pixel as a square."""
    image = Image.fromarray(pixels).convert("RGB")
    return image.resize((size[1], size[0]), Image.Resampling.NEAREST)
