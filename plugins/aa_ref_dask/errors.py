"""What can be wrong with arrays on disk, and with those who compute."""

from aa_ref.errors import AaRefError

__all__ = ["ClusterError", "SourceError"]


class SourceError(AaRefError, ValueError):
    """An input that cannot be read as an array, or whose axes are not known."""


class ClusterError(AaRefError, RuntimeError):
    """A cluster that has lost its scheduler, or worker after worker."""
