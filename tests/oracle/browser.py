"""A headless Chromium that opens pages, and tells what they asked for and complained of."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


class Visit(NamedTuple):
    """``requests`` are those of the page, not the browser's own; ``complaints`` its console's."""

    dom: str
    picture: Path
    requests: list[str]
    complaints: list[str]


def browser() -> str:
    """Its path; skips where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no {', '.join(NAMES)} on this machine; .ci/run installs one where it can")
    return found


def visit(page: Path, folder: Path, width: int, height: int) -> Visit:
    """Open a file in a window of that size. No host name is found meanwhile."""
    folder.mkdir()
    log, picture = folder / "requests.json", folder / "screen.png"
    common = [
        browser(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--hide-scrollbars", f"--user-data-dir={folder}/profile",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0",
        f"--window-size={width},{height}",
    ]  # fmt: skip
    seen = _run([*common, f"--log-net-log={log}", "--dump-dom", page.as_uri()])
    drawn = _run([*common, f"--screenshot={picture}", page.as_uri()])
    said = (seen.stderr + drawn.stderr).splitlines()
    return Visit(
        seen.stdout, picture, _requests(log), [line for line in said if ":CONSOLE:" in line]
    )


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True
    )


def _requests(log: Path) -> list[str]:
    parameters = [event.get("params", {}) for event in json.loads(log.read_text("utf-8"))["events"]]
    return [
        p["url"] for p in parameters
        if not p.get("url", "file:").startswith(("file:", "data:"))
        and p.get("initiator", "not an origin") != "not an origin"
    ]  # fmt: skip
