"""Files that are there whole or not at all.

Bytes go to a temporary file beside the destination, which then gets the destination's name in one
step. Whatever goes wrong, or Ctrl-C, leaves what was there before.
"""

import copy
import errno
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .endings import FileError, NoSpaceError, UsageError

__all__ = [
    "Draft",
    "FolderDraft",
    "begins_with",
    "check_destination",
    "check_standard_output",
    "remove",
    "worded",
    "write_file",
    "write_standard_output",
]


def check_destination(path: Path, overwrite: bool) -> None:
    """See, before any work is done, whether a file may be written there.

    Raises
    ------
    FileError
        If it exists and may not be replaced, is no plain file, or has no folder to be in.
    """
    if os.path.lexists(path):
        _check_what_is_there(path, overwrite)
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(f"cannot write {path}: no permission to write in {folder}")


def _check_what_is_there(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise FileError(f"cannot write {path}: it is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise FileError(f"cannot write {path}: it is not a plain file; - is standard output")
    if not overwrite:
        raise _exists(path)
    if path.exists() and not path.stat().st_mode & 0o222:
        mode = stat.S_IMODE(path.stat().st_mode)
        raise FileError(
            f"cannot write {path}: it is protected against that (mode {mode:03o}); let it be "
            "written with chmod u+w, or name another file"
        )


def begins_with(path: Path, line: str) -> bool:
    """Whether it is a text with this first line, as generated files that may be replaced are."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().strip() == line
    except (OSError, ValueError):
        return False


class Draft:
    """A file under a temporary name, which gets its own in one step.

    Parameters
    ----------
    path : Path
        Its own name. A link is followed, as opening it would.
    overwrite : bool
        Whether it may replace a file, whose permissions and, where that is allowed, owner and group
        it then gets.
    folder : Path or None
        Where the temporary file lies: None is beside ``path``.
    """

    def __init__(self, path: Path, overwrite: bool, folder: Path | None = None) -> None:
        check_destination(path, overwrite)
        self.path, self.overwrite, self.target = path, overwrite, path.resolve()
        self.temporary = _new_name_in(folder.absolute() if folder else self.target.parent)

    def anew(self) -> "Draft":
        """Return a draft for the same file under another temporary name."""
        other = copy.copy(self)
        other.temporary = _new_name_in(self.temporary.parent)
        return other

    def write(self, parts: Iterable[bytes | memoryview], *, durably: bool = True) -> None:
        """Write ``parts``, one after the other, and have them on the disk if ``durably``.

        Raises
        ------
        FileError
            If that cannot be done; the message says why.
        """
        with self.opened(durably=durably) as file:
            for part in parts:
                file.write(part)

    @contextmanager
    def opened(self, *, durably: bool = True) -> Iterator[IO[bytes]]:
        """Open the temporary file, to be written inside and complete at the end; see `write`."""
        with worded(self.path):
            replaced = self.target.stat() if self.overwrite and self.target.exists() else None
            with open(self.temporary, "xb", opener=replaced and _open_for_me) as file:
                yield file
                file.flush()
                if replaced is not None:
                    _hand_on_permissions(replaced, file.fileno())
                if durably:
                    os.fsync(file.fileno())

    def publish(self) -> None:
        """Give the file its own name.

        Raises
        ------
        FileError
            If that cannot be done, or the name has been taken meanwhile.
        """
        with worded(self.path):
            if self.overwrite:
                self.temporary.replace(self.target)
            else:
                _give_new_name(self.temporary, self.target)

    def discard(self) -> None:
        """Take the temporary file away, if there is one."""
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)


class FolderDraft(Draft):
    """A folder under a temporary name, which gets its own in one step.

    Parameters
    ----------
    path : Path
        Its own name.
    overwrite : bool
        Whether it may replace what is there.
    folder : Path
        Where it lies meanwhile, on the same disk.
    """

    def __init__(self, path: Path, overwrite: bool, folder: Path) -> None:
        self.path, self.overwrite, self.target = path, overwrite, path.absolute()
        self.temporary = _new_name_in(folder.resolve())

    def publish(self) -> None:
        """Give the folder its own name; see `Draft.publish`."""
        before = _new_name_in(self.temporary.parent)
        with worded(self.path):
            if os.path.lexists(self.target):
                if not self.overwrite:
                    raise _exists(self.path)
                self.target.rename(before)
            self.temporary.rename(self.target)
        remove(before)

    def discard(self) -> None:
        """Take the temporary folder away, if there is one."""
        remove(self.temporary)


def remove(path: Path) -> None:
    """Take a file, or a folder and what is in it, away, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def write_file(path: Path, parts: Iterable[bytes | memoryview], overwrite: bool) -> None:
    """Write ``parts``, one after the other, as the file ``path``: whole or not at all.

    Raises
    ------
    FileError
        If that cannot be done; the message says why. Nothing is then left behind.
    """
    draft = Draft(path, overwrite)
    try:
        draft.write(parts)
        draft.publish()
    finally:
        draft.discard()


@contextmanager
def worded(path: Path) -> Iterator[None]:
    """Turn an `OSError` into a `FileError` about writing ``path``."""
    try:
        yield
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        worded = NoSpaceError if error.errno in (errno.ENOSPC, errno.EDQUOT) else FileError
        raise worded(f"cannot write {path}: {error.strerror or error}") from None


def check_standard_output() -> None:
    """See that bytes may go to standard output.

    Raises
    ------
    UsageError
        If it is a terminal or closed.
    """
    if sys.stdout is None or sys.stdout.isatty():
        raise UsageError("OUTPUT is -, standard output, but nothing takes a file from it; name one")


def write_standard_output(parts: Iterable[bytes | memoryview]) -> None:
    """Write ``parts`` to standard output.

    Raises
    ------
    FileError
        If that cannot be done, except that a reader that has left raises `BrokenPipeError`.
    """
    try:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FileError(f"cannot write standard output: {error.strerror or error}") from None


def _new_name_in(folder: Path) -> Path:
    return folder / f".aa_ref-{secrets.token_hex(8)}.tmp"


def _open_for_me(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _hand_on_permissions(replaced: os.stat_result, file: int) -> None:
    if not hasattr(os, "fchown"):
        return
    mode = stat.S_IMODE(replaced.st_mode)
    with suppress(OSError):
        os.fchown(file, replaced.st_uid, -1)
    try:
        os.fchown(file, -1, replaced.st_gid)
    except OSError:  # what its group may was not meant for this one
        mode = mode & ~0o070 | (mode & 0o007) << 3
    os.fchmod(file, mode)


def _give_new_name(temporary: Path, target: Path) -> None:
    """Rename, but fail with FileExistsError where the name has been taken meanwhile."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        _reserve_and_replace(temporary, target)  # a file system without hard links


def _reserve_and_replace(temporary: Path, target: Path) -> None:
    target.touch(exist_ok=False)
    try:
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            target.unlink()
        raise


def _exists(path: Path) -> FileError:
    return FileError(f"{path} exists; add --overwrite to replace it, or name another file")
