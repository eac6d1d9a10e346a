"""The command line ``aa-ref``. It needs the extra ``cli``; the rest of the package does not.

Nothing here imports that extra before `main` has seen that it is installed.
"""

import errno
import io
import os
import sys
from contextlib import suppress
from importlib.util import find_spec

__all__ = ["main"]

_NEEDED = ("typer", "rich", "pyvips", "tifffile")


def main() -> None:
    """Run ``aa-ref`` with the arguments of this process.

    Ctrl-C ends it without a traceback from here on. Before, while Python imports `aa_ref` and
    NumPy to get here, nothing of this package can catch it, and Python shows its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may hold any bytes
    try:
        status = _status_of_command()
    except KeyboardInterrupt:  # while importing; commands have ends of their own
        status = 130
    except OSError as error:  # while showing help; commands have ends of their own
        status = _lost_output(error)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()  # here, since Python would show a traceback when it does
    except OSError as error:
        status = status or _lost_output(error)
        _give_up_stdout()
    raise SystemExit(status)


def _status_of_command() -> int:
    if any(find_spec(name) is None for name in _NEEDED):
        print("aa-ref needs the extra 'cli': pip install 'aa-ref[cli]'", file=sys.stderr)
        return 2
    try:
        from .app import app
    except OSError as error:  # pyvips is there, the library that it binds is not
        print(f"aa-ref: {error}; pip install 'pyvips[binary]' brings libvips", file=sys.stderr)
        return 2
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _lost_output(error: OSError) -> int:
    if error.errno != errno.EPIPE:  # a reader that left has seen enough
        with suppress(OSError):
            print(f"aa-ref: cannot write to stdout: {error.strerror}", file=sys.stderr)
    return 1


def _give_up_stdout() -> None:
    """Let what is still buffered go nowhere, so that the end of Python does not try again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
