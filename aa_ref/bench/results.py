"""What was measured, as data: to JSON and back, with a version of the schema."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .cases import Case
from .errors import BenchError
from .floor import floor
from .timing import Timing

__all__ = ["SCHEMA", "Block", "Results", "Row", "repeated"]

SCHEMA = 1


@dataclass(frozen=True)
class Row:
    """One contender of one case. Times in seconds a call.

    ``difference`` and ``of_bound`` (see `agreement`) are there for peers that claim the same
    result; where the latter is above 1, ``kind`` is ``"differs"``.
    """

    name: str
    kind: str
    threads: int
    timing: Timing
    difference: float | None = None
    of_bound: float | None = None

    @property
    def median(self) -> float:
        """Seconds a call."""
        return self.timing.median


@dataclass(frozen=True)
class Block:
    """All contenders of one case, timed in the same rounds; and who was left out, and why."""

    case: Case
    rows: tuple[Row, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    def find(self, name: str, threads: int | None = None) -> Row | None:
        """The row of that name, with that many threads if a number is given."""
        for row in self.rows:
            if row.name == name and threads in (None, row.threads):
                return row
        return None

    def ours(self, threads: int) -> Row | None:
        """The fastest backend at no more than that many threads, Numba where it is among them."""
        ours = [r for r in self.rows if r.kind == "ours" and r.threads <= threads]
        numba = [r for r in ours if r.name == "numba" and r.threads == threads]
        return min(numba or ours, key=lambda r: r.median, default=None)

    def floor(self, threads: int) -> float | None:
        """The floor in seconds, from the copy with that many threads."""
        copy = self.find("copy", threads)
        if copy is None:
            return None
        large, small = self.case.large_bytes, self.case.small_bytes
        return floor(copy.median, copied=large, read=large, written=small)

    def limit(self, threads: int) -> float | None:
        """The limit in seconds, with that many threads."""
        row = self.find("limit", threads)
        return None if row is None else row.median

    def peers(self, threads: int) -> list[Row]:
        """The peers, with that many threads or with one where they know no others."""
        kinds = ("same result", "differs", "other filter")
        single = {r.name for r in self.rows} - {r.name for r in self.rows if r.threads == threads}
        return [
            r for r in self.rows
            if r.kind in kinds and (r.threads == threads or r.name in single)
        ]  # fmt: skip


@dataclass(frozen=True)
class Results:
    """A run.

    Attributes
    ----------
    date : str
        In UTC.
    command : str
        What was written to get this.
    machine, versions, effort : dict
    blocks : tuple of Block
    planned : int
        How many cases were to be measured.
    """

    date: str
    command: str
    machine: dict[str, Any]
    versions: dict[str, str | None]
    effort: dict[str, float]
    blocks: tuple[Block, ...]
    planned: int

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return len(self.blocks) == self.planned

    @property
    def on_gpu(self) -> bool:
        """Whether the times are a GPU's."""
        return self.machine.get("gpu") is not None

    @property
    def measured_on(self) -> str:
        """The processor or the GPU whose times these are, and what another code was made for."""
        if self.on_gpu:
            return str(self.machine["gpu"]["name"])
        other = self.machine.get("compiled_for")  # older results have no word of it
        return f"{self.machine['cpu']}, compiled for {other}" if other else str(self.machine["cpu"])

    def to_json(self) -> str:
        """As text, one row a line."""
        data = {"schema": SCHEMA, **asdict(self)}
        blocks = data.pop("blocks")
        head = json.dumps(data, indent=1, ensure_ascii=False).removesuffix("\n}")
        cases = ",\n".join(
            _block_text(b, block) for b, block in zip(blocks, self.blocks, strict=True)
        )
        return f'{head},\n "blocks": [\n{cases}\n ]\n}}\n'

    @classmethod
    def from_json(cls, text: str, name: str) -> "Results":
        """What `to_json` gave; ``name`` is for messages.

        Raises
        ------
        BenchError
            If the text is something else, or of another schema.
        """
        try:
            data = json.loads(text)
            schema = data["schema"]
        except (ValueError, TypeError, KeyError):
            raise BenchError(
                f"{name} holds no results; name a file that aa-ref bench --json wrote"
            ) from None
        if schema != SCHEMA:
            raise BenchError(
                f"{name} has schema {schema!r}, this version reads {SCHEMA}; measure again"
            )
        try:
            results = cls(
                str(data["date"]), str(data["command"]), dict(data["machine"]),
                dict(data["versions"]), dict(data["effort"]),
                tuple(_block_of(b) for b in data["blocks"]),
                int(data.get("planned", len(data["blocks"]))),
            )  # fmt: skip
            _ = results.measured_on  # which pages and pictures show
            return results
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BenchError(
                f"{name} is damaged ({type(error).__name__}: {error}); measure again"
            ) from None


def repeated(run: Results, runs: Sequence[Results]) -> bool:
    """Whether another run on the same machine has all of this run's cases, and more or later."""
    cases = _content(run)
    for other in runs:
        others = _content(other)
        same_machine = (other.measured_on, other.on_gpu) == (run.measured_on, run.on_gpu)
        if same_machine and cases <= others and (cases < others or run.date < other.date):
            return True
    return False


def _content(run: Results) -> set[tuple[Case, object]]:
    """What tables are made of: each case, with each number of threads, and with peers."""
    blocks = [(replace(b.case, threads=(), peers=False), b) for b in run.blocks if b.rows]
    return {
        (case, part)
        for case, block in blocks
        for part in (*block.case.threads, *(["peers"] if block.case.peers else []))
    }


def _block_text(data: dict[str, Any], block: Block) -> str:
    rows = ",\n".join(
        "    " + json.dumps(_rounded(row), ensure_ascii=False) for row in data["rows"]
    )
    case = json.dumps(block.case.to_json(), ensure_ascii=False)
    left_out = json.dumps(data["left_out"], ensure_ascii=False)
    return f'  {{"case": {case},\n   "left_out": {left_out},\n   "rows": [\n{rows}\n   ]}}'


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Five digits of what a clock said are enough."""
    flat = {**row, **row["timing"]}
    del flat["timing"]
    return {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in flat.items()}


def _block_of(data: dict[str, Any]) -> Block:
    return Block(Case.from_json(data["case"]), tuple(map(_row_of, data["rows"])), data["left_out"])


def _row_of(data: dict[str, Any]) -> Row:
    timing = Timing(
        *(data[k] for k in ("median", "lower", "upper", "fastest", "rounds", "repeats"))
    )
    return Row(
        data["name"], data["kind"], data["threads"], timing, data["difference"], data["of_bound"]
    )
