"""What a run on a GPU found, a line of JSON each, on disk as soon as it is known.

``AA_REF_RECORDS`` names the file, ``AA_REF_STAGE`` the stage that records are of. A line is written
at once and whole, also where several processes write, so that whatever ends a run loses nothing.
What the disk has no room for goes to the file that ``AA_REF_OUTPUT`` names: the run's own output.
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["begun", "put", "read"]


def put(what: str, **found: Any) -> None:
    """Write one record, where records are wanted."""
    file = os.environ.get("AA_REF_RECORDS")
    if not file:
        return
    record = {"stage": os.environ.get("AA_REF_STAGE", ""), "what": what, **found}
    line = json.dumps(record, ensure_ascii=False) + "\n"
    try:
        _append(file, line.encode())
    except OSError as error:
        if what != "begun":  # which only matters while the run goes on
            _tell(f"{file}: {error.strerror}: {line}")


def _append(file: str, line: bytes) -> None:
    """Add a line to a file, and see it on disk."""
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # the one before was cut off
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _tell(text: str) -> None:
    file = Path(os.environ.get("AA_REF_OUTPUT", os.devnull))
    with suppress(OSError), file.open("ab", buffering=0) as output:
        output.write(text.encode())


def read(file: Path) -> Iterator[dict[str, Any]]:
    """All records of a file, but for those that were cut off."""
    for line in file.read_bytes().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def begun() -> set[str]:
    """Return the names of the tests that the present stage has begun, in whichever process."""
    file, stage = os.environ.get("AA_REF_RECORDS"), os.environ.get("AA_REF_STAGE", "")
    if not (file and Path(file).exists()):
        return set()
    return {r["name"] for r in read(Path(file)) if (r["stage"], r["what"]) == (stage, "begun")}
