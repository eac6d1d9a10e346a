"""Which inputs are meant, and where under OUT each one's result goes."""

import glob
import itertools
import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .endings import FileError, UsageError
from .images import FORMATS
from .record import FOLDER, PARTIAL
from .stores import is_store
from .videos import CONTAINERS

__all__ = ["Item", "Selection", "gives_frames", "is_several", "select"]

_SUFFIXES = {
    # suffix: what an input with it is, in folders and patterns
    **{suffix: "picture" for known in FORMATS.values() for suffix in known.suffixes},
    **dict.fromkeys(CONTAINERS, "video"),
    ".heic": "picture",
    ".heif": "picture",
    ".npy": "array",
    ".zarr": "array",
}


class Item(NamedTuple):
    """One input, and the place of its result relative to OUT."""

    source: str
    place: str


class Selection(NamedTuple):
    """All inputs that are meant.

    Attributes
    ----------
    items : list of Item
        No two with the same place.
    failures : list of (source, reason)
        What cannot be read, and inputs whose results would have one place.
    passed_over : int
        Files in folders and patterns that are no pictures.
    notes : list of str
    """

    items: list[Item]
    failures: list[tuple[str, str]]
    passed_over: int
    notes: list[str]


def gives_frames(source: str, suffix: str | None) -> bool:
    """Tell whether an input is a video, by its name, whose results' suffix is one of pictures."""
    made = suffix is not None and _SUFFIXES.get(suffix) == "picture"
    return made and _SUFFIXES.get(Path(source).suffix.lower()) == "video"


def is_several(inputs: list[str], output: str, suffix: str | None = None) -> bool:
    """Tell whether OUT is a folder: for several inputs, a folder or a pattern, or by its name.

    So it is for a video, too, if the results' ``suffix`` is one of pictures.

    Raises
    ------
    UsageError
        If OUT would have to be a folder and is named like a file.
    """
    why = _why_several(inputs, suffix)
    suffix, exists = Path(output).suffix.lower(), Path(output).is_dir()
    named = output.endswith(("/", os.sep))
    if why is None:
        return suffix != ".zarr" and (named or (exists and suffix not in _SUFFIXES))
    if output == "-" or (suffix in _SUFFIXES and not named and not exists):
        raise UsageError(
            f"OUTPUT is {output}, but {why}, so the results go into a folder; name a folder"
            + (f", or write {output}/" if output != "-" else "")
        )
    return True


def _why_several(inputs: list[str], suffix: str | None) -> str | None:
    first = inputs[0]
    if len(inputs) > 1:
        return f"there are {len(inputs)} inputs"
    if _is_pattern(first):
        return f"{first} is a pattern"
    if _is_walked(Path(first)):
        return f"{first} is a folder"
    return f"{first} becomes a folder of pictures" if gives_frames(first, suffix) else None


def select(inputs: list[str], output: str, suffix: str | None) -> Selection:
    """Find all inputs, in the order of their places.

    Parameters
    ----------
    inputs : list of str
        Files, folders and patterns. The contents of a folder go below OUT as they lie in it, beside
        other inputs below OUT and the folder's name; those of a pattern as they lie below its part
        without wildcards.
    output : str
        OUT. Where it lies in a folder, it is not walked.
    suffix : str or None
        The results', in place of the inputs' own.

    Raises
    ------
    UsageError
        If OUT is the only input, or a pattern leads out of where it begins.
    """
    search = _Search(Path(output))
    for name in inputs:
        if _is_pattern(name):
            search.match(name)
        elif _is_walked(Path(name)):
            path = Path(name)
            if not search.is_out(name):
                search.walk(path, "" if len(inputs) == 1 else path.resolve().name)
            elif len(inputs) == 1:
                raise UsageError(f"OUTPUT is {output}, which is an INPUT; name another folder")
        elif name == "-":
            raise UsageError("INPUT is -, standard input, beside others; name it alone")
        else:
            search.take(name, Path(name).name)
    return _without_conflicts(search, suffix)


def _is_pattern(name: str) -> bool:
    return glob.has_magic(name) and not os.path.lexists(name)


def _is_walked(path: Path) -> bool:
    return path.is_dir() and not is_store(path)


class _Search:
    """Collects items, failures and what is passed over."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.items: list[Item] = []
        self.failures: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.passed_over = 0
        self._compared: dict[str, bool] = {}

    def take(self, source: str, place: str) -> None:
        """Take one input."""
        self.items.append(Item(source, place))

    def look_at(self, source: str, place: str) -> None:
        """Take what is a picture or an array by its suffix, or a folder of Zarr."""
        if Path(source).suffix.lower() in _SUFFIXES or is_store(Path(source)):
            self.take(source, place)
        else:
            self.passed_over += 1

    def is_out(self, path: str) -> bool:
        """Tell whether something is OUT, and note it then."""
        if path not in self._compared:
            self._compared[path] = False
            with suppress(OSError):  # of what is not there, and of links to that
                self._compared[path] = self.out.samefile(path)
            if self._compared[path]:
                self.notes.append(f"{path} is OUTPUT, so it is not taken as input")
        return self._compared[path]

    def _is_in_out(self, start: str, place: str) -> bool:
        """Tell whether OUT lies behind a pattern's beginning, and a match in it."""
        steps = itertools.accumulate(Path(place).parts, os.path.join, initial=start)
        return any(self.is_out(step) for step in itertools.islice(steps, 1, None))

    def match(self, pattern: str) -> None:
        """Take what a pattern matches, but for what is in OUT."""
        start = _without_wildcards(pattern)
        if ".." in Path(pattern[len(start) :]).parts:
            raise UsageError(f"INPUT is {pattern}, with .. behind a wildcard; begin with it")
        found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (keeps ./ and //)
        if not found:
            raise FileError(f"cannot read {pattern}: nothing matches it")
        for name in found:
            place = os.path.relpath(name, start or os.curdir)
            if self._is_in_out(start, place):
                continue
            if not _is_walked(Path(name)):
                self.look_at(name, place)
            elif "**" not in pattern:  # which has matched all that is in it
                self.walk(Path(name), place)

    def walk(self, folder: Path, place: str, above: tuple[tuple[int, int], ...] = ()) -> None:
        """Take what lies in a folder and in those below. Links are followed, but never round."""
        try:
            status = folder.stat()
            here = (status.st_dev, status.st_ino)
            if here in above:
                self.failures.append((str(folder), "it is a link to a folder that it lies in"))
                return
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self.failures.append((str(folder), f"cannot read it: {error.strerror or error}"))
            return
        for entry in entries:
            inner = f"{place}/{entry.name}" if place else entry.name
            if entry.name == FOLDER or entry.name.endswith(PARTIAL):
                continue
            try:
                walked = entry.is_dir() and not is_store(Path(entry.path))
            except OSError as error:
                self.failures.append((entry.path, f"cannot read it: {error.strerror or error}"))
                continue
            if not walked:
                self.look_at(entry.path, inner)
            elif not self.is_out(entry.path):
                self.walk(Path(entry.path), inner, (*above, here))


def _without_wildcards(pattern: str) -> str:
    """Return the leading folders of a pattern that have no wildcards, as written."""
    kept: list[str] = []
    for part in pattern.split("/")[:-1]:
        if glob.has_magic(part):
            break
        kept.append(part)
    return "/".join(kept) + "/" if kept else ""


def _without_conflicts(search: _Search, suffix: str | None) -> Selection:
    """Leave out inputs whose results would have one place, or would replace an input."""
    by_place: dict[str, dict[str, str]] = defaultdict(dict)
    for item in search.items:
        place = item.place
        if suffix is not None:
            ending = "" if gives_frames(item.source, suffix) else suffix
            place = str(Path(place).with_suffix(ending))
        place = os.path.normcase(Path(place).as_posix())
        by_place[place].setdefault(os.path.realpath(item.source), item.source)
    sources = {real for found in by_place.values() for real in found}
    above = {folder.as_posix(): place for place in by_place for folder in Path(place).parents}
    out, items, failures = os.path.realpath(search.out), [], search.failures
    for place, found in sorted(by_place.items()):
        if len(found) > 1:
            failures += [(name, _conflict(place, name, found)) for name in found.values()]
        elif place in above:
            reason = f"its frames would go into {place}, as {above[place]} does; rename one"
            failures += [(name, reason) for name in found.values()]
        elif os.path.join(out, place) in sources:  # noqa: PTH118
            (name,) = found.values()
            failures.append((name, f"its result {search.out / place} would replace an input"))
        else:
            items.append(Item(next(iter(found.values())), place))
    return Selection(items, failures, search.passed_over, search.notes)


def _conflict(place: str, name: str, found: dict[str, str]) -> str:
    others = [other for other in found.values() if other != name]
    return f"its result would be {place}, as that of {others[0]}; give each a name of its own"
