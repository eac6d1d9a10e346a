"""The reference, as a backend among the others."""

from typing import Any

from numpy.typing import NDArray

from .. import reference
from ..plans import Plan
from .base import Backend

__all__ = ["ReferenceBackend"]


class ReferenceBackend(Backend):
    """Slow and plain: see `aa_ref.reference`."""

    name = "reference"

    def forward(self, plan: Plan, x: NDArray[Any], out: NDArray[Any]) -> None:
        """See `Backend.forward`."""
        out[...] = reference.forward(plan, x)

    def adjoint(self, plan: Plan, g: NDArray[Any], out: NDArray[Any]) -> None:
        """See `Backend.adjoint`."""
        out[...] = reference.adjoint(plan, g)
