"""scikit-image: a Gaussian of its own, then linear interpolation on another grid."""

from typing import Any

import numpy as np

from . import Function, each_plane

__all__ = ["pyramid_reduce", "rescale"]


def rescale(transform: Any, scale: Any) -> Function:
    """``rescale`` with ``anti_aliasing``."""
    factors = (1, 1, float(scale), float(scale))
    return lambda x: np.asarray(transform.rescale(x, factors, anti_aliasing=True))


def pyramid_reduce(transform: Any, scale: Any) -> Function:
    """``pyramid_reduce``: sigma a third of the factor."""
    return each_plane(
        lambda plane: transform.pyramid_reduce(
            plane, downscale=float(1 / scale), preserve_range=True
        )
    )  # fmt: skip
