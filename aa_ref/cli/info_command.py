"""``aa-ref info``: what is installed, and what it can use here."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import pyvips
import typer
from rich.console import Console
from rich.table import Table

import aa_ref
from aa_ref.backends import default_backend, get_backend

from .endings import ends_cleanly

__all__ = ["info"]


@ends_cleanly
def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Tell versions, backends, threads and where compiled code is kept: what to put in a report."""
    facts = _facts()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        _show(facts)


def _facts() -> dict[str, Any]:
    return {
        "versions": {
            "aa_ref": aa_ref.__version__,
            "Python": platform.python_version(),
            "NumPy": _version_of("numpy"),
            "Numba": _version_of("numba"),
            "pyvips": _version_of("pyvips"),
            "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
            "tifffile": _version_of("tifffile"),
            "PyAV": _version_of("av"),
            "typer": _version_of("typer"),
            "rich": _version_of("rich"),
        },
        "machine": {"platform": platform.platform(), "CPU": _cpu_name()},
        "threads": _threads(),
        "default_backend": default_backend().name,
        "backends": [_backend(entry) for entry in aa_ref.list_backends()],
    }


def _backend(entry: Any) -> dict[str, Any]:
    try:
        details = get_backend(entry.name).details() if entry.available else {}
    except aa_ref.AaRefError as error:
        details = {"error": str(error)}
    return {
        "name": entry.name,
        "available": entry.available,
        "reason": entry.reason,
        "devices": list(entry.devices),
        "dtypes": list(entry.dtypes),
        "details": details,
    }


def _threads() -> dict[str, Any]:
    """The thread count and where it came from, or what is wrong with it."""
    variable = "AA_REF_NUM_THREADS"
    source = variable if variable in os.environ else "processors this process may use"
    try:
        return {"count": aa_ref.get_num_threads(), "from": source}
    except aa_ref.errors.ThreadsError as error:
        return {"count": None, "from": variable, "error": str(error)}


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu_name() -> str:
    """The processor's name; Python knows only its family on Linux."""
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _show(facts: dict[str, Any]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    pairs = [*facts["versions"].items(), *facts["machine"].items()]
    threads = facts["threads"]
    pairs.append(("threads", threads.get("error") or f"{threads['count']}, from {threads['from']}"))
    width = max(len(heading) for heading, _ in pairs)
    for heading, text in pairs:
        console.print(f"{heading:<{width}}  {text}", markup=False)
    console.print()
    console.print(_backend_table(facts["backends"], facts["default_backend"]))
    for backend in facts["backends"]:
        if not backend["available"]:
            console.print(f"{backend['name']}: not here: {backend['reason']}", markup=False)
        for heading, text in backend["details"].items():
            console.print(f"{backend['name']}: {heading}: {text}", markup=False)


def _backend_table(backends: list[dict[str, Any]], default: str) -> Table:
    table = Table("backend", "runs here", "devices", "types")
    for b in backends:
        name = f"{b['name']} (default)" if b["name"] == default else b["name"]
        table.add_row(
            name, "yes" if b["available"] else "no", ", ".join(b["devices"]), ", ".join(b["dtypes"])
        )
    return table
