"""The fused CPU backend: one pass over the input, no full-resolution intermediate.

===========  ==============================================================================
`compiling`  how functions are compiled: nothing fused, nothing reordered
`convert`    the six types from and to the compute type, on bits
`axes`       positions along an axis: centres, boundary, who reaches what
`lines`      what both directions do to a line of samples: load, sum, split, store
`forward`    the compiled forward operation
`adjoint`    the compiled adjoint
`geometry`   shapes and strides as these see them
`caching`    compiles once, keeps the code on disk, tied to the sources it came from
`threads`    how many threads
`crew`       how work is split among them
`launch`     the backend: cuts a plan into steps and the work into pieces
===========  ==============================================================================

Nothing here imports Numba until the backend is asked for.
"""

from typing import Any

__all__ = ["NumbaBackend"]


def __getattr__(name: str) -> Any:
    if name == "NumbaBackend":
        from .launch import NumbaBackend

        return NumbaBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
