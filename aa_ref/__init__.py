"""Anti-aliased downsampling, done once: a Gaussian low-pass, then every stride-th sample.

The operation of the layer ``AntiAliasInterpolation2d``, with one result to the bit from every
backend. Start with `downsample`; ``print(plan(shape, scale))`` tells what it will do.
"""

from . import errors
from .api import downsample, downsample_adjoint, pyramid
from .backends import list_backends
from .backends.numba.threads import (
    get_num_threads,
    limit_threads,
    set_num_threads,
    warn_of_environment,
)
from .errors import AaRefError
from .normalised import downsample_masked
from .plans import Part, Plan, plan

__all__ = [
    "AaRefError",
    "Part",
    "Plan",
    "downsample",
    "downsample_adjoint",
    "downsample_masked",
    "errors",
    "get_num_threads",
    "limit_threads",
    "list_backends",
    "plan",
    "pyramid",
    "set_num_threads",
]

__version__ = "0.1.0"

warn_of_environment()
del warn_of_environment
