"""``python -m report OUT DOCS``: a run's records as results of the benchmark, and the page anew.

Speeds are put together to one file in DOCS/results, beside them what became of each stage and how
long first calls took; then ``aa-ref bench`` makes DOCS/performance.md from all files there.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from records import read

from aa_ref.bench.results import Results

__all__ = ["main", "results_of"]


def results_of(records: Sequence[dict[str, Any]]) -> Results:
    """All cases that were measured, as one run.

    Raises
    ------
    SystemExit
        If none was.
    """
    speeds = [r for r in records if (r["stage"], r["what"]) == ("speeds", "test")]
    told = [r["found"]["results"] for r in speeds if "results" in r.get("found", ())]
    if not told:
        raise SystemExit("the records have no speeds, so there is nothing to report")
    runs = [Results.from_json(json.dumps(each), "a record") for each in told]
    blocks = tuple(block for run in runs for block in run.blocks)
    gpu = {
        **runs[0].machine["gpu"],
        "stages": [_stage(end, records) for end in _ends(records)],
        "first_calls": _first_calls(records),
    }
    machine = {**runs[0].machine, "gpu": gpu}
    cases = [r["tests"] for r in records if (r["stage"], r["what"]) == ("speeds", "collected")]
    planned = max(cases, default=len(speeds))
    return replace(runs[0], machine=machine, blocks=blocks, planned=planned)


def _ends(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How stages ended, in their order: the last one not at all, if the run was killed."""
    ends: dict[str, dict[str, Any]] = {}
    for r in records:
        cut_off = ends.setdefault(r["stage"], {**r, "end": "cut off", "seconds": 0.0})
        if r["what"] == "end":
            ends[r["stage"]] = r
        elif r["what"] == "test":
            cut_off["seconds"] += r.get("seconds") or 0.0  # a file that was not read has none
    return list(ends.values())


def _stage(end: dict[str, Any], records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What became of a stage, and of how many tests."""
    tests = [r for r in records if (r["stage"], r["what"]) == (end["stage"], "test")]
    counts = Counter(test["outcome"] for test in tests)
    return {
        "name": end["stage"], "end": end["end"], "seconds": end["seconds"],
        **{outcome: counts[outcome] for outcome in ("passed", "failed", "skipped")},
    }  # fmt: skip


def _first_calls(records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Seconds by what the tests are called by; of ready calls, too."""
    found = {}
    for record in records:
        name = re.search(r"test_(first|ready)_call(?:\[(.*)\])?$", str(record.get("name")))
        if name and "seconds" in record.get("found", ()):
            found[name[2] or "ready"] = record["found"]["seconds"]
    return found


def main(out: Path, docs: Path) -> None:
    """Write results and page.

    Raises
    ------
    SystemExit
        If there is nothing to report; with the status of ``aa-ref bench``.
    """
    file = out / "records.jsonl"
    if not file.exists():
        raise SystemExit(f"{out} has no records.jsonl; run .ci/gpu first, with the same OUT")
    records = list(read(file))
    if any(r["what"] == "small" for r in records):
        raise SystemExit(f"{file} is of small arrays; run .ci/gpu without AA_REF_GPU_SMALL")
    run = results_of(records)
    name = re.sub(r"[^a-z0-9]+", "-", run.measured_on.partition(",")[0].lower()).strip("-")
    file = docs / "results" / f"{run.date[:10]}-{name}.json"
    file.write_text(run.to_json(), "utf-8")
    print(f"wrote {file}")
    files = sorted((docs / "results").glob("*.json"))
    page = ["--page", docs / "performance.md", "--plot", docs / "performance.svg", "--overwrite"]
    command = [sys.executable, "-m", "aa_ref.cli", "bench", *page, *files]
    raise SystemExit(subprocess.run([str(word) for word in command]).returncode)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
