"""How a command ends: with a result, or with one line on stderr and an exit status. No traceback.

======  ==================================================================
status  meaning
======  ==================================================================
0       done
1       a file could not be read or written, backends disagree, or a check fails
2       the arguments do not fit together, or do not fit the input
3       a check has no verdict, since its bound says nothing
130     interrupted by Ctrl-C
143     ended by SIGTERM
======  ==================================================================
"""

import errno
import functools
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec

import typer

from ..errors import AaRefError
from .wording import for_command_line, shown

__all__ = [
    "FileError",
    "NoSpaceError",
    "Stopped",
    "UsageError",
    "collecting_notes",
    "ends_cleanly",
    "give_up_if_stopped",
    "note",
    "reason_of",
    "stopped_by",
    "stopping",
    "tell",
]

P = ParamSpec("P")
stopping = threading.Event()
"""Set while a run is ended before its time: what takes long, in whatever thread, then gives up."""

_collected: ContextVar[list[str] | None] = ContextVar("the notes of one file", default=None)


_is_stopped: ContextVar[Callable[[], bool]] = ContextVar("the task was", default=stopping.is_set)


class Stopped(Exception):
    """What takes long has given up, since nobody waits for it any more."""


def give_up_if_stopped() -> None:
    """See, between two steps of what takes long, whether the run is ended before its time.

    Raises
    ------
    Stopped
    """
    if _is_stopped.get()():
        raise Stopped


@contextmanager
def stopped_by(is_stopped: Callable[[], bool]) -> Iterator[None]:
    """Let ``is_stopped`` say, to what is called inside, whether the run is ended."""
    token = _is_stopped.set(is_stopped)
    try:
        yield
    finally:
        _is_stopped.reset(token)


class FileError(Exception):
    """A file that cannot be read or written."""


class NoSpaceError(FileError):
    """A file that cannot be written, since the disk or a quota is full."""


class UsageError(Exception):
    """Arguments that do not fit together, or do not fit the input."""


def tell(line: str, *, err: bool = False) -> None:
    """Show one line, whatever the names of files in it hold."""
    typer.echo(shown(line), err=err)


def note(message: str) -> None:
    """Tell, on stderr, what the result does not show; or keep it inside `collecting_notes`."""
    notes = _collected.get()
    if notes is None:
        tell(f"note: {message}", err=True)
    else:
        notes.append(shown(message))


@contextmanager
def collecting_notes() -> Iterator[list[str]]:
    """Collect the notes of this thread in place of showing them."""
    notes = list[str]()
    token = _collected.set(notes)
    try:
        yield notes
    finally:
        _collected.reset(token)


def reason_of(error: Exception) -> str:
    """Return what went wrong in one line, in the command line's language."""
    if isinstance(error, AaRefError):
        return _one_line(for_command_line(str(error)))
    if isinstance(error, MemoryError):
        return shown(f"not enough memory: {error}") if str(error) else "not enough memory"
    if isinstance(error, FileError | UsageError | OSError):
        return shown(str(error))
    return _one_line(f"{type(error).__name__}: {error}")


def ends_cleanly(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that it ends as the table above says."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with warnings.catch_warnings(), _terminated_in_order():
                _show_warnings_as_notes()
                command(*args, **kwargs)
        except (AaRefError, UsageError) as error:
            _fail(reason_of(error), 2)
        except (FileError, MemoryError) as error:
            _fail(reason_of(error), 1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the reader of stdout has left, which typer ends quietly
            if error.errno == errno.ENOSPC and error.filename is None:  # files' errors are worded
                _fail(f"cannot write standard output: {error.strerror}", 1)
            _fail(reason_of(error), 1)
        except KeyboardInterrupt:
            _fail("interrupted", 130)
        except _Terminated:
            _fail("terminated", 143)

    return wrapped


class _Terminated(BaseException):
    """SIGTERM has come."""


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that temporary files go."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where Python takes no signals
        return

    def end(*_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(message: str, status: int) -> None:
    tell(f"aa-ref: {message}", err=True)
    raise typer.Exit(status) from None


def _one_line(message: str) -> str:
    """Join the lines of a message that may be another package's."""
    return shown(" ".join(message.split()))


def _show_warnings_as_notes() -> None:
    """Show what is meant for users, and once; drop what is meant for developers."""
    shown = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = str(message)
        if issubclass(category, UserWarning) and text not in shown:
            shown.add(text)
            note(for_command_line(_one_line(text)))

    warnings.simplefilter("always")
    warnings.showwarning = show
