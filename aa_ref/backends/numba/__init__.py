"""The fused CPU backend: one pass over the input, no full-resolution intermediate.

============  ==============================================================================
`compiling`   how functions are compiled: nothing fused, nothing reordered
`pipelines`   how little is done for a helper, so that compiling takes seconds
`vectors`     vectors of 64 bytes: loads, stores past the caches, permutations
`convert`     the six types from and to the compute type, on bits
`axes`        positions along an axis: centres, boundary, who reaches what
`lines`       lines of samples out of memory and into it, converted
`sums`        the one sum: taps times lines
`groups`      a group of rows added to all sums at once
`columns`     the sum along a line of sums, with phases in registers
`levels`      the compiled forward operation for even strides: any levels in one pass
`spreads`     a line of the gradient spread along its columns, rows summed from such lines
`gradients`   the compiled adjoint for even strides
`footprints`  the sum over rows, for any plan
`phases`      lines sorted by phase, and put back
`forward`     the compiled forward operation for any plan
`adjoint`     the compiled adjoint for any plan
`variants`    when a function compiled for what is asked for is worth its time
`geometry`    shapes and strides as `forward` and `adjoint` see them
`cuts`        shapes and strides as `levels` and `gradients` see them
`machine`     what the processor says of itself
`caching`     compiles once, keeps the code on disk, tied to the sources it came from
`ahead`       functions made ready beside the caller, by another process
`threads`     how many threads
`crew`        how work is split among them
`steps`       a plan as steps: the compiled calls that carry it out
`slabs`       several steps done piece by piece, so that a cache holds what is between
`launch`      the backend: carries out steps, and cuts their work into pieces
============  ==============================================================================

Nothing here imports Numba until the backend is asked for.
"""

from typing import Any

__all__ = ["NumbaBackend"]


def __getattr__(name: str) -> Any:
    if name == "NumbaBackend":
        from .launch import NumbaBackend

        return NumbaBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
