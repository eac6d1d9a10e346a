"""What can go wrong in a benchmark, apart from what the library itself refuses."""

from ..errors import AaRefError

__all__ = ["BenchError", "NotOfferedError"]


class BenchError(AaRefError, ValueError):
    """Something that cannot be measured, read or drawn as asked."""


class NotOfferedError(Exception):
    """A contender that has nothing for a case; the message says why, for the reader of results."""
