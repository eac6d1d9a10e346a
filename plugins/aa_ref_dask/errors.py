"""What can be wrong with what a pyramid is made of."""

from aa_ref.errors import AaRefError

__all__ = ["SourceError"]


class SourceError(AaRefError, ValueError):
    """An input that cannot be read as an array with named axes."""
