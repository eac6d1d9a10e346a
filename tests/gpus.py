"""Whether tests that need a GPU are run, skipped or failed."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

HIDDEN = {"", "-1", "none", "void", "NoDevFiles"}  # what hides all devices from CUDA's programs


def shown(
    environment: Mapping[str, str] = os.environ,
    dev: Path = Path("/dev"),
    ask: Callable[..., "subprocess.CompletedProcess[str]"] = subprocess.run,
) -> str:
    """What shows a device that is not hidden on purpose; nothing if none is seen."""
    if environment.get("CUDA_VISIBLE_DEVICES", "all") in HIDDEN:
        return ""
    for path in sorted(dev.glob("nvidia[0-9]*")):
        return str(path)
    try:
        answer = ask(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = answer.stdout.splitlines() if answer.returncode == 0 else []
    return next((f"nvidia-smi ({line})" for line in lines if line.startswith("GPU ")), "")


def verdict(runs_on: str, unavailable: str, shown_by: str) -> tuple[str, str]:
    """Return "run", "skip" or "fail", and why, from where the backend runs and what shows a device.

    A device that the backend cannot use is a failure: if all tests were skipped, the run would be
    green without having seen anything.
    """
    if runs_on == "simulator":
        return "skip", "there is no GPU: the simulator is none"
    if not unavailable:
        return "run", ""
    if shown_by:
        return "fail", f"{shown_by} shows a GPU, which the CUDA backend cannot use: {unavailable}"
    return "skip", f"there is no GPU: {unavailable}"
