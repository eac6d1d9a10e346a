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
from typing import Any, ParamSpec

import typer

from ..errors import AaRefError
from .wording import for_command_line

__all__ = ["FileError", "UsageError", "ends_cleanly", "note"]

P = ParamSpec("P")


class FileError(Exception):
    """A file that cannot be read or written."""


class UsageError(Exception):
    """Arguments that do not fit together, or do not fit the input."""


def note(message: str) -> None:
    """Tell, on stderr, what the result does not show."""
    typer.echo(f"note: {_one_line(message)}", err=True)


def ends_cleanly(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that it ends as the table above says."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with warnings.catch_warnings(), _terminated_in_order():
                _show_warnings_as_notes()
                command(*args, **kwargs)
        except AaRefError as error:
            _fail(for_command_line(str(error)), 2)
        except UsageError as error:
            _fail(str(error), 2)
        except FileError as error:
            _fail(str(error), 1)
        except MemoryError as error:
            _fail(f"not enough memory: {error}" if str(error) else "not enough memory", 1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the reader of stdout has left, which typer ends quietly
            _fail(str(error), 1)
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
    typer.echo(f"aa-ref: {_one_line(message)}", err=True)
    raise typer.Exit(status) from None


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _show_warnings_as_notes() -> None:
    """Show what is meant for users, and once; drop what is meant for developers."""
    shown = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = str(message)
        if issubclass(category, UserWarning) and text not in shown:
            shown.add(text)
            note(for_command_line(text))

    warnings.simplefilter("always")
    warnings.showwarning = show
