"""Composes the picture of the demo: what is sliced beside what is filtered first."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

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
) -> NDArray[np.uint8]:
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

    Returns
    -------
    ndarray of shape (H, W, 3)
        Without words where the machine has no font.
    """
    height, width = size
    pair = 2 * width + _GAP
    columns = len(rows[0])
    total = 2 * _MARGIN + columns * pair + (columns - 1) * _PAIR_GAP
    below = len(rows) * height + (len(rows) - 1) * _ROW_GAP
    sheet = np.full((_HEADER + _LABEL_HEIGHT + below + _MARGIN, total, 3), _PAPER, np.uint8)
    _write(sheet, (_MARGIN, 24), title, _INK, _TITLE)
    for line, subtitle in enumerate(subtitles):
        _write(sheet, (_MARGIN, 80 + 32 * line), subtitle, _FAINT, _LABEL)
    for column, comparison in enumerate(rows[0]):
        x = _MARGIN + column * (pair + _PAIR_GAP)
        _write_heading(sheet, x, width, comparison)
        for row, comparisons in enumerate(rows):
            y = _HEADER + _LABEL_HEIGHT + row * (height + _ROW_GAP)
            _paste(sheet, (x, y), _enlarged(comparisons[column].sliced, size))
            _paste(sheet, (x + width + _GAP, y), _enlarged(comparisons[column].filtered, size))
    return sheet


def _write_heading(sheet: NDArray[np.uint8], x: int, width: int, comparison: Comparison) -> None:
    """Write the scale over the pair, and over each panel what it shows."""
    y, n = _HEADER - 38, comparison.stride
    sheet[y - 11 : y - 9, x : x + 2 * width + _GAP] = _INK
    _write(sheet, (x, y), f"scale {comparison.scale}", _INK, _HEADING)
    _write(sheet, (x, y + 40), f"every {n}{_ordinal(n)} sample", _BAD, _LABEL)
    text = f"low-pass, every {n}{_ordinal(n)}"
    _write(sheet, (x + width + _GAP, y + 40), text, _GOOD, _LABEL)


def _write(
    sheet: NDArray[np.uint8], place: tuple[int, int], text: str, ink: tuple[int, ...], size: int
) -> None:
    """Lay text of a height of ``size`` pixels over the sheet, its top left corner at (x, y)."""
    if not _has_font():
        return
    mask = pyvips.Image.text(text, font=f"sans {size}", dpi=64).numpy()
    x, y = place
    there = sheet[y : y + mask.shape[0], x : x + mask.shape[1]]
    opacity = mask[: there.shape[0], : there.shape[1], None] / 255
    there[:] = np.rint(there + opacity * (np.array(ink) - there))


@cache
def _has_font() -> bool:
    """See whether letters come out as such: without a font, all are the same box."""
    one, other = (pyvips.Image.text(letter, font="sans 24").numpy() for letter in "iW")
    return not np.array_equal(one, other)


def _paste(sheet: NDArray[np.uint8], place: tuple[int, int], panel: NDArray[np.uint8]) -> None:
    x, y = place
    sheet[y : y + panel.shape[0], x : x + panel.shape[1]] = panel


def _ordinal(n: int) -> str:
    return {2: "nd", 3: "rd"}.get(n, "th")


def _enlarged(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Show each pixel as a square, in RGB."""
    rgb = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, -1)
    rows, columns = (
        np.arange(n) * length // n for n, length in zip(size, pixels.shape, strict=False)
    )
    return rgb[np.ix_(rows, columns)]
