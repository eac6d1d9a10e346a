"""What libraries say while they decode, which they write to file descriptor 2 past Python."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..endings import FileError, note

__all__ = ["decoding"]

_LONGEST = 200


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Keep what is said off stderr: it goes into the error if there is one, else into a note.

    Raises
    ------
    FileError
        For whatever goes wrong inside, except where memory runs out.
    """
    with tempfile.TemporaryFile() as heard:
        try:
            with _stderr_into(heard):
                yield
        except (FileError, MemoryError):
            raise
        except Exception as error:
            said = _said(heard)
            because = f"{error or type(error).__name__}{said and f' ({said})'}"
            raise FileError(f"cannot read {path}: {because}") from None
        if said := _said(heard):
            note(f"{path} may be damaged; while it was read: {said}")


@contextmanager
def _stderr_into(file: IO[bytes]) -> Iterator[None]:
    if sys.__stderr__ is None:  # closed when Python started, so 2 may be any file
        yield
        return
    sys.__stderr__.flush()
    kept = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _said(heard: IO[bytes]) -> str:
    """Each line once, without the name that Pillow gives every file."""
    heard.seek(0)
    text = heard.read(1 << 16).decode(errors="replace")
    lines = (line.removeprefix("tempfile.tif: ").strip() for line in text.splitlines())
    said = "; ".join(dict.fromkeys(line.rstrip(".") for line in lines if line))
    return said if len(said) <= _LONGEST else said[:_LONGEST] + "..."
