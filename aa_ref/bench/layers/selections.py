"""Which cases of torch's layers a run takes."""

from ..cases import Case, Scale

__all__ = ["of_targets", "quick"]

_PICTURE, _BATCH, _LARGE_BATCH = (3, 256, 256), (24, 256, 256), (24, 1024, 1024)
_QUARTER: tuple[Scale, ...] = (0.25,)
_LEVELS: tuple[Scale, ...] = (1.0, 0.5, 0.25, 0.125)
"""Of the perceptual loss; the first is the picture itself."""


def of_targets(threads: tuple[int, ...]) -> list[Case]:
    """What the targets are about."""
    return [
        Case(direction, size, "CHW", "float32", scales, threads)
        for direction, size, scales in (
            ("layer", _PICTURE, _QUARTER),
            ("layer-training", _BATCH, _QUARTER),
            ("layer-training", _LARGE_BATCH, _QUARTER),
            ("pyramid-training", _BATCH, _LEVELS),
        )
    ]


def quick(threads: tuple[int, ...]) -> list[Case]:
    """One small picture, with each direction that has one scale."""
    return [
        Case(direction, _PICTURE, "CHW", "float32", _QUARTER, threads)
        for direction in ("layer", "layer-training")
    ]
