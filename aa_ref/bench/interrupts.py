"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever it happens to be. In a weak reference's callback, of which
compilers have many, it is printed and forgotten; so whoever has pressed the keys would have to
press them again, minutes later.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["remembered_interrupts"]


@contextmanager
def remembered_interrupts() -> Iterator[Callable[[], None]]:
    """Within, Ctrl-C raises KeyboardInterrupt as ever, and is remembered.

    Yields a call that raises it if it came before. Where something else than Python's own handler
    is in place, or in other threads than the first, nothing is remembered.
    """
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        came.append(number)
        signal.default_int_handler(number, frame)

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    ours = before is signal.default_int_handler and _in_first_thread()
    if ours:
        signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)


def _in_first_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
