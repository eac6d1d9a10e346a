"""What a backend is: two operations on storage arrays, carried out to the bit of `docs/spec.md`.

To add one: a module with a subclass of `Backend`, a line in `aa_ref.backends`, and its name in
``BACKENDS`` of `tests/support.py`, whereupon all properties hold it against the reference.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

from numpy.typing import NDArray

from ..errors import StreamError
from ..plans import Direction, Plan

__all__ = ["Backend"]


class Backend(ABC):
    """Carries out plans. Arguments have been checked before; see `aa_ref.api`.

    Arrays are *storage* (see `aa_ref.dtypes`): native byte order, bfloat16 as its uint16 bits, any
    strides. ``out`` is writable, of the right shape and type, and shares no memory with the input.
    """

    name: str
    """What ``backend=`` calls it."""

    devices: tuple[str, ...] = ("cpu",)

    def details(self) -> dict[str, str]:
        """What ``aa-ref info`` tells of it besides, by heading."""
        return {}

    def at_hand(self, plans: Sequence[Plan], direction: Direction) -> "Backend | None":
        """The same backend, for callers who have not asked for it by name; None if not ready.

        What makes it ready then begins beside the caller.
        """
        return self

    def on_stream(self, handle: int) -> Self:
        """The same backend, with its work on a CUDA stream.

        Raises
        ------
        StreamError
            If it computes on the CPU.
        """
        raise StreamError(
            f"stream is given, but backend {self.name!r} computes on the CPU, where there is none; "
            "leave stream out, or ask for backend='cuda'"
        )

    @abstractmethod
    def forward(self, plan: Plan, x: NDArray[Any], out: NDArray[Any]) -> None:
        """Low-pass and subsample ``x`` into ``out``."""

    @abstractmethod
    def adjoint(self, plan: Plan, g: NDArray[Any], out: NDArray[Any]) -> None:
        """Apply the transpose to ``g``, into ``out``."""

    def ready(
        self, plan: Plan, direction: Direction, source: Any, result: Any
    ) -> Callable[[int, int, int], bool] | None:
        """Prepare a call on arrays of a GPU that lie like these, if it is a single launch.

        Returns
        -------
        callable or None
            Of a stream's handle, the source's address and the result's. It answers False, having
            done nothing, where the call has to be made step by step.
        """
        return None

    def ready_on_host(
        self,
        plan: Plan,
        direction: Direction,
        source: tuple[int, ...],
        result: tuple[int, ...],
    ) -> Callable[[NDArray[Any], NDArray[Any]], None] | None:
        """Prepare a call on arrays of these strides, in bytes, if nothing better is to come.

        Returns
        -------
        callable or None
            Of the input and ``out``. None where more than one step is needed, or a function that is
            not compiled yet.
        """
        return None

    def pyramid(self, plans: Sequence[Plan], x: NDArray[Any], outs: Sequence[NDArray[Any]]) -> None:
        """Low-pass and subsample ``x`` by each of ``plans`` into the ``outs`` in its place.

        The plans differ in scale alone. A backend for which reading ``x`` once pays does so here.
        """
        for plan, out in zip(plans, outs, strict=True):
            self.forward(plan, x, out)
