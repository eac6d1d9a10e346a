"""What a run on a GPU found, a line of JSON each, on disk as soon as it is known.

``AA_REF_RECORDS`` names the file, ``AA_REF_STAGE`` the stage that records are of. A line is written
at once and whole, also where several processes write, so that whatever ends a run loses nothing.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["put", "read"]


def put(what: str, **found: Any) -> None:
    """Write one record, where records are wanted."""
    file = os.environ.get("AA_REF_RECORDS")
    if not file:
        return
    record = {"stage": os.environ.get("AA_REF_STAGE", ""), "what": what, **found}
    line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def read(file: Path) -> Iterator[dict[str, Any]]:
    """All records of a file, but for a last one that was cut off."""
    for line in file.read_bytes().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
