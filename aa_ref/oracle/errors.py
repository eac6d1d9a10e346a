"""What can go wrong in asking the oracle, apart from what the library itself refuses."""

from ..errors import AaRefError

__all__ = ["LayoutError", "OracleError", "VectorsError"]


class OracleError(AaRefError, ValueError):
    """A question to the oracle that it cannot take: an unknown precision, form, probe or name."""


class LayoutError(OracleError):
    """A layout that does not say which dimensions are filtered."""


class VectorsError(OracleError):
    """Vectors that cannot be written or read, were changed, or have no results to judge."""
