"""What libvips says: errors and warnings, each about the file that it belongs to.

libvips has one buffer of errors and one logger for all threads of a process. So while several files
are worked on, what is heard may be about another's; the file is then worked on again alone.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import pyvips

from ..endings import FileError

__all__ = ["in_one_line", "in_own_words", "listening"]

T = TypeVar("T")
_NOISE = re.compile(r"error in tile|read gave \d+ warnings|^$")
_LONGEST = 200
_heard: ContextVar[list[str] | None] = ContextVar("what libvips said meanwhile", default=None)
_logger = logging.getLogger("pyvips")
_logger.propagate = False  # listeners are where its messages go


class _Listener(logging.Handler):
    """Hands what libvips and the libraries behind it warn of to all who listen."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.listeners: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on one message: any thread may have said it, in whatever work."""
        said = record.getMessage().removeprefix("VIPS: ")
        for listener in list(self.listeners.values()):
            listener.append(said)


_listener = _Listener()
_logger.addHandler(_listener)


@contextmanager
def listening(failure: str) -> Iterator[list[str]]:
    """Turn libvips's errors into a `FileError` that begins so, and collect what it warns of."""
    heard, warned = list[str](), list[str]()
    _listener.listeners[id(heard)] = heard
    try:
        yield warned
    except pyvips.Error as error:
        said = in_one_line(f"{error.detail}\n" + "\n".join(heard)) or error.message
        _hear(said)
        if "out of memory" in said:
            raise MemoryError(said) from None
        raise FileError(f"{failure}; {said}") from None
    except UnicodeDecodeError as error:  # pyvips, of a message that quotes a damaged file
        pyvips.vips_lib.vips_error_clear()
        said = in_one_line(error.object.decode(errors="backslashreplace"))
        _hear(said)
        raise FileError(f"{failure}; {said}") from None
    finally:
        del _listener.listeners[id(heard)]
        if heard and (said := in_one_line("\n".join(heard))):
            _hear(said)
            warned.append(said)


def _hear(said: str) -> None:
    heard = _heard.get()
    if heard is not None:
        heard.append(said)


def in_one_line(text: str) -> str:
    """Say each thing once, without the names of libvips's own parts."""
    lines = (
        re.sub(r"^(\w*vips\w*): ", "", line.strip(), flags=re.I).rstrip(".")
        for line in text.splitlines()
    )
    said = "; ".join([*dict.fromkeys(line for line in lines if not _NOISE.search(line))][:3])
    return said if len(said) <= _LONGEST else said[:_LONGEST] + "..."


class _Gate:
    """Lets many threads in together, or one alone."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.inside = self.waiting = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Be inside beside others."""
        with self.changed:
            self.changed.wait_for(lambda: not self.waiting)
            self.inside += 1
        try:
            yield
        finally:
            with self.changed:
                self.inside -= 1
                self.changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be inside with nobody else; those who would come wait."""
        with self.changed:
            self.waiting += 1
            try:
                self.changed.wait_for(lambda: not self.inside)
                self.inside += 1
            except BaseException:
                self.waiting -= 1
                self.changed.notify_all()
                raise
        try:
            yield
        finally:
            with self.changed:
                self.inside -= 1
                self.waiting -= 1
                self.changed.notify_all()


_gate = _Gate()


def in_own_words(work: Callable[[], T]) -> T:
    """Do ``work`` beside other threads'; where libvips said anything meanwhile, once more alone.

    Parameters
    ----------
    work : callable
        Without effects that a second time would add to.
    """
    heard = list[str]()
    token = _heard.set(heard)
    try:
        with _gate.shared():
            try:
                result = work()
            except (FileError, MemoryError):
                if not heard:
                    raise
        if not heard:
            return result
    finally:
        _heard.reset(token)
    with _gate.alone():
        pyvips.vips_lib.vips_error_clear()
        return work()
