"""What can go wrong with vectors on disk."""

from ..errors import OracleError

__all__ = ["VectorsError"]


class VectorsError(OracleError):
    """Vectors that cannot be written or read, were changed, or have no results to judge."""
