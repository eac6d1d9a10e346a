"""Where an input's bytes come from: a file, a pipe or standard input."""

import io
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .endings import FileError, UsageError

__all__ = ["STANDARD", "Input", "open_input"]

STANDARD = "-"
"""The name of standard input, and of standard output."""

_FEW = 1 << 24


@dataclass(frozen=True)
class Input:
    """Bytes that can be read from their beginning as often as wanted.

    Attributes
    ----------
    name : str
        As given, for messages.
    content : bytes or None
        All of them where they are few, or came through a pipe; None for a large file.
    """

    name: str
    content: bytes | None = None

    def open(self) -> IO[bytes]:
        """Give the bytes as a file that can be sought."""
        return Path(self.name).open("rb") if self.content is None else io.BytesIO(self.content)


def open_input(name: str) -> Input:
    """See what ``name`` stands for, and read it where it is small or can be read only once.

    Raises
    ------
    FileError
        If it cannot be read, or is empty.
    UsageError
        If it is standard input and nothing but a terminal stands behind that.
    """
    try:
        if name == STANDARD:
            found = Input("standard input", _read_standard_input())
        else:
            status = os.stat(name)  # noqa: PTH116 (once a file, and quicker)
            is_large = stat.S_ISREG(status.st_mode) and status.st_size > _FEW
            found = Input(name, None if is_large else Path(name).read_bytes())
        if found.content == b"":
            raise FileError(f"cannot read {found.name}: it is empty")
    except FileNotFoundError:
        raise FileError(f"cannot read {name}: there is no such file") from None
    except IsADirectoryError:
        raise FileError(f"cannot read {name}: it is a folder; name a file in it") from None
    except OSError as error:
        raise FileError(f"cannot read {name}: {error.strerror or error}") from None
    return found


def _read_standard_input() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("INPUT is -, standard input, but no file comes through it; name a file")
    return sys.stdin.buffer.read()
