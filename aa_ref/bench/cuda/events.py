"""A clock that the device reads: its hands are seen by events between pieces of work.

Reading it takes no time: an event goes into the queue behind the work asked for so far, and the
device notes the time when it gets there. Only the difference of two readings waits for it.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["EventClock", "Moment"]


class Moment:
    """A recorded event. ``later - earlier`` waits for the later one and is in seconds."""

    def __init__(self, event: Any) -> None:
        self._event = event
        event.record()

    def __sub__(self, earlier: "Moment") -> float:
        self._event.synchronize()
        return 1e-3 * float(earlier._event.elapsed_time(self._event))


class EventClock:
    """Calls give `Moment`. ``make`` makes an event, with methods as Numba's and torch's have."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __call__(self) -> Moment:
        """Record an event."""
        return Moment(self._make())
