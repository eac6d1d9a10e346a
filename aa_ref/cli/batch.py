"""Many inputs into a folder: what is missing there, several at a time."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from pathlib import Path
from typing import Literal, NamedTuple

import aa_ref

from .cluster import Computing
from .conversion import Request, convert, output_format, suffix_of, write_video
from .endings import FileError, NoSpaceError, collecting_notes, reason_of
from .images import in_own_words
from .inputs import Input, open_input
from .output import Draft, FolderDraft, worded
from .record import Entry, Fingerprint, Record, State, digest, fingerprint
from .selection import Item, gives_frames
from .stores import convert_store, two_stores
from .videos import is_video

__all__ = ["Batch", "Made", "Outcome", "make"]


class Outcome(NamedTuple):
    """What became of one input.

    Attributes
    ----------
    input, output : str
        As paths from where the command runs; no output where it has no place.
    status : {"done", "kept", "failed"}
    reason : str or None
        Why it failed.
    said : str
        A line on what was done.
    notes : list of str
    """

    input: str
    output: str
    status: Literal["done", "kept", "failed"]
    reason: str | None = None
    said: str = ""
    notes: Iterable[str] = ()


class Made(NamedTuple):
    """A result under a temporary name, its bytes and SHA-256, and what is to be said of it."""

    draft: Draft
    size: int
    sha256: str
    said: str
    notes: list[str]


def make(source: str, draft: Draft, request: Request, threads: int) -> Made:
    """Convert one input into a temporary file: in any thread, or in a worker elsewhere.

    Raises
    ------
    AaRefError, FileError, UsageError, MemoryError
    """
    draft = draft.anew()  # a worker may have died while it wrote the file
    target = str(draft.path)
    format_name = output_format(target, request.format)
    request.check_quality(target, format_name)
    origin = open_input(source)
    if isinstance(draft, FolderDraft) and not is_video(origin):
        raise FileError(f"cannot read {source}: it is no video, whatever its name says")
    if is_video(origin):
        return _make_video(origin, draft, format_name, request, threads)

    def work() -> tuple[list[bytes | memoryview], str, list[str]]:
        with collecting_notes() as notes:
            made = convert(origin, target, format_name, request, alone=False)
        return made.parts, made.said, notes

    with aa_ref.limit_threads(threads):
        parts, said, notes = in_own_words(work)
    checksum, size = hashlib.sha256(), 0
    for part in parts:
        checksum.update(part)
        size += len(part)
    try:
        draft.write(parts, durably=False)
    except BaseException:
        draft.discard()
        raise
    return Made(draft, size, checksum.hexdigest(), said, notes)


def _make_video(
    origin: Input, draft: Draft, format_name: str, request: Request, threads: int
) -> Made:
    try:
        with aa_ref.limit_threads(threads), collecting_notes() as notes:
            said = write_video(origin, draft, format_name, request, durably=False)
        return Made(draft, *digest(draft.temporary), said, notes)
    except BaseException:
        draft.discard()
        raise


class Batch:
    """Conversions of many inputs by one request.

    Parameters
    ----------
    record : Record
        Opened.
    request : Request
    computing : Computing
    overwrite : bool
        Whether results may replace what others made.
    """

    def __init__(
        self, record: Record, request: Request, computing: Computing, overwrite: bool
    ) -> None:
        self.record, self.request, self.overwrite = record, request, overwrite
        self.computing = computing
        self.parameters = request.parameters()
        self.root = record.out.resolve()
        self.is_full = False

    def outcomes(
        self, items: Iterable[Item], pool: Executor, ahead: int, threads: int
    ) -> Iterator[Outcome]:
        """Have ``pool`` convert ``items``, and give what became of each as it ends.

        Parameters
        ----------
        items : iterable of Item
        pool : concurrent.futures.Executor
        ahead : int
            How many are handed to it before the first has ended.
        threads : int
            For each.
        """
        running = dict[Future[Made], tuple[Item, Fingerprint]]()
        for item in items:
            try:
                outcome = self._begin(item, pool, threads, running)
            except Exception as error:  # one file's fault is not another's
                outcome = self._failed(item, error)
            if outcome is not None:
                yield outcome
            while len(running) >= ahead:
                yield from self._ended(running)
        while running:
            yield from self._ended(running)

    def _begin(
        self,
        item: Item,
        pool: Executor,
        threads: int,
        running: dict[Future[Made], tuple[Item, Fingerprint]],
    ) -> Outcome | None:
        """Hand one input to the pool, unless that has an outcome already."""
        target = self.record.out / item.place
        found = self._found(item)
        state = self._state_of(item, found)
        if state == "kept":
            said = f"{item.source}: {target} is up to date"
            return Outcome(item.source, str(target), "kept", None, said)
        replaces = state != "missing"
        if two_stores(item.source, item.place, self.request):
            return self._convert_store(item, found, replaces)
        kind = FolderDraft if self._gives_frames(item) else Draft
        draft = kind(target, replaces, self.record.folder)
        source = item.source
        if self.computing.client is not None:  # whose workers run in other folders
            source = os.path.abspath(source)  # noqa: PTH100 (keeps links)
        running[pool.submit(make, source, draft, self.request, threads)] = (item, found)
        return None

    def _found(self, item: Item) -> Fingerprint:
        if self.is_full:
            raise FileError("not begun, since no space is left on the disk")
        try:
            return fingerprint(Path(item.source))
        except OSError as error:
            raise FileError(f"cannot read {item.source}: {error.strerror or error}") from None

    def _state_of(self, item: Item, found: Fingerprint) -> State:
        """See whether there is anything to be made, and whether it may be written."""
        source, target = Path(item.source), self.record.out / item.place
        with worded(target):
            state = self.record.state_of(item.place, source, found, self.parameters)
            if state == "foreign" and target.is_dir() and self._gives_frames(item):
                raise FileError(
                    f"{target} is a folder that no earlier run made as it is; rename or remove it"
                )
            if state == "foreign" and not self.overwrite:
                raise FileError(
                    f"{target} exists and is not what an earlier run made there; add --overwrite "
                    "to replace it, or name another folder"
                )
            if state != "kept":
                self._prepare_folder(target)
        return state

    def _gives_frames(self, item: Item) -> bool:
        if self.request.format is None:
            return False
        return gives_frames(item.source, suffix_of(output_format(item.place, self.request.format)))

    def _prepare_folder(self, target: Path) -> None:
        """Make the folder of a result, which lies in OUT whatever links are there."""
        if target.is_symlink():
            raise FileError(f"{target} is a link, and results are no links; remove it")
        above = target.parent
        while not os.path.lexists(above):
            above = above.parent
        if not above.resolve().is_relative_to(self.root):
            raise FileError(f"{above} leads out of {self.record.out} by a link; remove the link")
        if not above.is_dir():
            raise FileError(f"{above} is no folder, and {target} would lie in it; rename one")
        if above != target.parent:
            target.parent.mkdir(parents=True, exist_ok=True)

    def _ended(self, running: dict[Future[Made], tuple[Item, Fingerprint]]) -> Iterator[Outcome]:
        """Wait for the next results, and give them their names."""
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            item, found = running.pop(future)
            try:
                made = future.result()
                self._publish(item, found, made)
            except Exception as error:  # one file's fault is not another's
                yield self._failed(item, error)
            else:
                target = str(made.draft.path)
                yield Outcome(item.source, target, "done", None, made.said, made.notes)

    def _publish(self, item: Item, found: Fingerprint, made: Made) -> None:
        entry = self._entry(item, found, made.size, made.sha256)
        published = False
        try:
            self.record.announce(entry)
            made.draft.publish()
            published = True
        finally:
            self.record.settle(entry, published)
            made.draft.discard()

    def _entry(self, item: Item, found: Fingerprint, size: int, checksum: str) -> Entry:
        source = os.path.abspath(item.source)  # noqa: PTH100 (keeps links)
        return Entry(item.place, source, *found, self.parameters, size, checksum)

    def _convert_store(self, item: Item, found: Fingerprint, replaces: bool) -> Outcome:
        """Convert an array on disk, whose blocks are computed side by side."""
        target, announced = self.record.out / item.place, list[Entry]()

        def announce(path: Path) -> None:
            announced.append(self._entry(item, found, *digest(path)))
            self.record.announce(announced[0])

        done = False
        try:
            with collecting_notes() as notes:
                said = convert_store(
                    item.source, target, self.request, self.computing, replaces,
                    announce=announce,
                )  # fmt: skip
            done = True
        finally:
            for entry in announced:
                self.record.settle(entry, done)
        return Outcome(item.source, str(target), "done", None, said, notes)

    def _failed(self, item: Item, error: Exception) -> Outcome:
        self.is_full |= isinstance(error, NoSpaceError)
        if isinstance(error, CancelledError):
            error = FileError("not done, since the cluster has ended")
        elif type(error).__name__ == "KilledWorker":  # of distributed, which need not be there
            error = FileError("worker after worker ended while it was worked on; see their logs")
        target = self.record.out / item.place
        return Outcome(item.source, str(target), "failed", reason_of(error))
