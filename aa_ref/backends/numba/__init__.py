"""The fused CPU backend: one pass over the input, no full-resolution intermediate.

==============  ===========================================================================
`threads`       how many threads, and how work is split among them
`fingerprint`   ties the compiled code on disk to the sources it came from
`convert`       the six types from and to the compute type, on bits
`lines`         what both directions do to one line of samples: load, sweep, store
`forward`       the compiled forward operation
`adjoint`       the compiled adjoint
`geometry`      what they need to know of shapes and strides
`launch`        compiles, cuts work into pieces, calls
==============  ===========================================================================

Nothing here imports Numba until the backend is asked for.
"""

from typing import Any

__all__ = ["NumbaBackend"]


def __getattr__(name: str) -> Any:
    if name == "NumbaBackend":
        from .launch import NumbaBackend

        return NumbaBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
