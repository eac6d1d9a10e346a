"""The record in OUT of what was made there, from what and how; `docs/folders.md` describes it.

A line is appended before a result gets its name. So whatever ends a run at whatever moment, each
result that is there has a line, and a line without its result is noticed.
"""

import hashlib
import json
import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

from .endings import FileError
from .output import remove, worded, write_file

__all__ = ["FOLDER", "PARTIAL", "Entry", "Fingerprint", "Record", "State", "digest", "fingerprint"]

FOLDER = ".aa_ref"
"""The folder in OUT that holds the record and temporary files."""

PARTIAL = ".aa_ref-partial"
"""How names of arrays end that are not complete."""

_NAME, _LOCK = "record.jsonl", "lock"
State = Literal["missing", "kept", "ours", "foreign"]
"""Of a result: not there; there and up to date; there and to be replaced; made by others."""

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # on Windows, where two runs at once are not noticed
    fcntl = None


class Fingerprint(NamedTuple):
    """How an input is recognised: bytes, and when they were last changed, in nanoseconds."""

    size: int
    mtime_ns: int


def fingerprint(path: Path) -> Fingerprint:
    """Look at a file, or at all files of a folder.

    Raises
    ------
    OSError
        If it is not there, or cannot be looked at.
    FileError
        If it is a pipe or a device, which nobody may be writing into.
    """
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        if not stat.S_ISREG(status.st_mode):
            raise FileError(
                f"cannot read {path}: it is a pipe or a device, and those are taken alone, into a "
                f"file; write aa-ref run {path} -o NAME"
            )
        return Fingerprint(status.st_size, status.st_mtime_ns)
    found = [file.stat() for file in _files_in(path)]
    newest = max((inner.st_mtime_ns for inner in found), default=status.st_mtime_ns)
    return Fingerprint(sum(inner.st_size for inner in found), newest)


def digest(path: Path) -> tuple[int, str]:
    """Return a file's bytes and SHA-256; of a folder, the bytes in it and a hash of its listing."""
    if not path.is_dir():
        with path.open("rb") as file:
            return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
    listing = [(file.relative_to(path).as_posix(), file.stat().st_size) for file in _files_in(path)]
    text = json.dumps(sorted(listing))
    return sum(size for _, size in listing), hashlib.sha256(text.encode()).hexdigest()


def _files_in(folder: Path) -> Iterator[Path]:
    for above, _, names in os.walk(folder):
        for name in names:
            yield Path(above, name)


class Entry(NamedTuple):
    """A line of the record.

    Attributes
    ----------
    output : str
        Relative to OUT, with slashes.
    input : str
        Absolute.
    size, mtime_ns : int
        The input's `Fingerprint`.
    parameters : dict
        What else the bytes depend on.
    bytes : int
    sha256 : str
        The output's `digest`.
    """

    output: str
    input: str
    size: int
    mtime_ns: int
    parameters: dict[str, Any]
    bytes: int
    sha256: str

    def is_of(self, source: Path, found: Fingerprint, parameters: dict[str, Any]) -> bool:
        """Tell whether the result of this input and these parameters is what the entry says."""
        given = (os.path.abspath(source), *found, parameters)  # noqa: PTH100 (keeps links)
        return given == (self.input, self.size, self.mtime_ns, self.parameters)


class Record:
    """What was made in a folder, known to the next run.

    Parameters
    ----------
    out : Path
    """

    def __init__(self, out: Path) -> None:
        self.out, self.folder = out, out / FOLDER
        self._path = self.folder / _NAME
        self._entries: dict[str, list[Entry]] = defaultdict(list)
        self._changed = False

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Read the record and keep other runs out; at the end, sort it.

        Raises
        ------
        FileError
            If another run works in the folder, or it cannot be written to.
        """
        with ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context((self.folder / _LOCK).open("wb"))
                self._claim(lock.fileno())
                self._remove_drafts()  # of a run that was killed
                self._read()
                self._file = stack.enter_context(self._path.open("ab", buffering=0))
            except OSError as error:
                raise FileError(f"cannot write in {self.out}: {error.strerror or error}") from None
            try:
                yield
            finally:
                self._remove_drafts()  # of workers that were
                self._tidy()

    def _remove_drafts(self) -> None:
        for left in self.folder.glob(".aa_ref-*.tmp"):
            remove(left)

    def _claim(self, lock: int) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileError(
                f"another aa-ref works in {self.out}; wait for its end, or name another folder"
            ) from None

    def _read(self) -> None:
        if not self._path.exists():
            return
        data = self._path.read_bytes()
        for line in data.splitlines():
            with suppress(ValueError, TypeError):  # a line that was broken off says nothing
                fields = json.loads(line)
                entry = Entry(**fields)
                self._entries[entry.output].append(entry)
        if data and not data.endswith(b"\n"):
            with self._path.open("ab") as file:
                file.write(b"\n")

    def state_of(
        self, place: str, source: Path, found: Fingerprint, parameters: dict[str, Any]
    ) -> State:
        """Judge what is at a place in OUT.

        Parameters
        ----------
        place : str
        source : Path
            What would be made into a result there.
        found : Fingerprint
            The source's.
        parameters : dict

        Raises
        ------
        OSError
        """
        path = self.out / place
        if not os.path.lexists(path):
            return "missing"
        entries = self._entries.get(place, [])
        if path.is_symlink() or not entries:
            return "foreign"
        if not path.is_dir() and path.stat().st_size == 0:
            return "ours"  # after a power cut a file may lack its bytes
        (*others, last) = entries
        if not others and last.is_of(source, found, parameters) and self._has_size(path, last):
            return "kept"
        there = digest(path)
        made = [entry for entry in entries if (entry.bytes, entry.sha256) == there]
        if not made:
            return "foreign"
        return "kept" if made[-1].is_of(source, found, parameters) else "ours"

    def _has_size(self, path: Path, entry: Entry) -> bool:
        return path.is_dir() or path.stat().st_size == entry.bytes

    def announce(self, entry: Entry) -> None:
        """Note what is about to get its name.

        Raises
        ------
        FileError
            If it cannot be written down.
        """
        line = json.dumps(entry._asdict()).encode() + b"\n"
        self._entries[entry.output].append(entry)
        self._changed = True
        with worded(self._path):
            while line:
                line = line[self._file.write(line) :]

    def settle(self, entry: Entry, published: bool) -> None:
        """Note that a result has got its name, in place of others there, or did not get it."""
        entries = self._entries[entry.output]
        if published:
            entries[:] = [entry]
        else:
            entries.remove(entry)

    def _tidy(self) -> None:
        """Write the record anew, one line a result, in their order."""
        if not self._changed:
            return
        lines = (
            json.dumps(entry._asdict()).encode() + b"\n"
            for _, entries in sorted(self._entries.items())
            for entry in entries
        )
        with suppress(FileError):  # on a full disk the lines stay as they were appended
            write_file(self._path, lines, overwrite=True)
