"""Folders that are there whole or not at all.

What is written goes to a hidden folder beside, which then gets the name in one step. Whatever goes
wrong, or Ctrl-C, leaves what was there before.
"""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["check_folder", "new_folder"]

_ZARR = ("zarr.json", ".zgroup", ".zarray")
_PATIENCE = 10.0


def check_folder(path: Path, overwrite: bool) -> None:
    """See, before any work is done, whether a folder of that name may be made.

    Raises
    ------
    FileExistsError
        If there is something of that name which may not be replaced: anything without
        ``overwrite``, and whatever is no Zarr with it.
    FileNotFoundError
        If there is no folder to make it in.
    """
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.absolute().parent}")
    if path.is_symlink() or path.exists():
        if not overwrite:
            raise FileExistsError(
                f"{path} exists; pass overwrite=True to replace it, or name another"
            )
        if path.is_symlink() or not any((path / name).is_file() for name in _ZARR):
            raise FileExistsError(
                f"{path} exists and is no folder of Zarr, so it is not replaced; name another, or "
                "remove it first"
            )


@contextmanager
def new_folder(path: Path, overwrite: bool) -> Iterator[Path]:
    """Give a folder to fill, which has its name once the block has been left without an error."""
    check_folder(path, overwrite)
    path = path.absolute()
    temporary = path.with_name(f".aa_ref-{secrets.token_hex(8)}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        _give_name(temporary, path, overwrite)
    finally:
        _remove(temporary)


def _give_name(temporary: Path, path: Path, overwrite: bool) -> None:
    check_folder(path, overwrite)  # which may have been made meanwhile
    if not path.exists():
        temporary.rename(path)
        return
    replaced = path.with_name(f".aa_ref-{secrets.token_hex(8)}.old")
    path.rename(replaced)
    try:
        temporary.rename(path)
    except BaseException:
        replaced.rename(path)
        raise
    _remove(replaced)


def _remove(folder: Path) -> None:
    """Remove a folder, also where a task that was begun still writes into it."""
    until = time.monotonic() + _PATIENCE
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(0.05)
