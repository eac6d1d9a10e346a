"""What can be wrong with arrays on disk, and with those who compute."""

from typing import Any

from aa_ref.errors import AaRefError

__all__ = ["ClusterError", "OtherTypeError", "SourceError"]


class SourceError(AaRefError, ValueError):
    """An input that cannot be read as an array, or whose axes are not known."""


class OtherTypeError(SourceError):
    """An array whose samples have a type that is not taken.

    Attributes
    ----------
    what : str
        The array and the types that are taken, without what to do.
    dtype : numpy.dtype
        Of its samples.
    """

    def __init__(self, what: str, dtype: Any) -> None:
        super().__init__(f"{what}; convert it first")
        self.what, self.dtype = what, dtype


class ClusterError(AaRefError, RuntimeError):
    """A cluster that has lost its scheduler, or worker after worker."""
