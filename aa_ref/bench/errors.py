"""What can go wrong in a benchmark, apart from what the library itself refuses."""

from ..errors import AaRefError

__all__ = ["BenchError"]


class BenchError(AaRefError, ValueError):
    """Something that cannot be measured, read or drawn as asked."""
