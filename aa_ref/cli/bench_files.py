"""The files of ``aa-ref bench``: the results that it is given, and what it writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from aa_ref.bench.page import GENERATED, page_of
from aa_ref.bench.plots import FORMATS, draw, require_matplotlib
from aa_ref.bench.results import Results

from .endings import FileError, UsageError, tell
from .options import parse_path
from .output import begins_with, check_destination, write_file

__all__ = ["Outputs", "read_results"]


@dataclass(frozen=True)
class Outputs:
    """What is to be written, and where: by option, in the order in which it is written."""

    paths: dict[str, Path]
    overwrite: bool

    @classmethod
    def of(cls, json: str | None, page: str | None, plot: str | None, overwrite: bool) -> "Outputs":
        """The files that were named."""
        named = {"--json": json, "--page": page, "--plot": plot}
        paths = {o: parse_path(text, o) for o, text in named.items() if text is not None}
        return cls(paths, overwrite)

    def check(self, results: Sequence[Path]) -> None:
        """See, before anything is measured, whether all may be written beside these results.

        Raises
        ------
        UsageError
            If options do not fit together.
        FileError
            If a file may not be written.
        BenchError
            If what draws is missing.
        """
        for (one, path), (other, same) in combinations(self.paths.items(), 2):
            if path.resolve() == same.resolve():
                raise UsageError(f"{one} and {other} both name {path}; give each a file of its own")
        for option, path in self.paths.items():
            if path.resolve() in [file.resolve() for file in results]:
                raise UsageError(
                    f"{option} is {path}, from which results are read; name another file"
                )
        if "--json" in self.paths and len(results) > 1:
            raise UsageError("--json writes one run, but several results are given; name one")
        plot = self.paths.get("--plot")
        if plot is not None:
            if plot.suffix[1:].lower() not in FORMATS:
                formats = ", .".join(FORMATS)
                raise UsageError(f"--plot is {plot}; name a file that ends in .{formats}")
            require_matplotlib()
        for option, path in self.paths.items():
            check_destination(path, self._may_replace(option, path))

    def write(self, runs: Sequence[Results]) -> None:
        """Write all, one after the other, so that one that fails loses none before it."""
        for option, path in self.paths.items():
            if option == "--json":
                written = runs[0].to_json().encode()
            elif option == "--page":
                written = page_of(runs, self._picture(path)).encode()
            else:
                written = draw(runs, path.suffix[1:].lower())
            write_file(path, [written], self._may_replace(option, path))
            tell(f"wrote {path}")

    def _picture(self, page: Path) -> str | None:
        """The picture as the page names it, if browsers can show it beside the page."""
        plot = self.paths.get("--plot")
        if plot is None or plot.suffix[1:].lower() == "pdf" or plot.parent != page.parent:
            return None
        return plot.name

    def _may_replace(self, option: str, path: Path) -> bool:
        return self.overwrite or (option == "--page" and begins_with(path, GENERATED))


def read_results(file: Path) -> Results:
    """The results in a file.

    Raises
    ------
    FileError
        If it cannot be read.
    BenchError
        If it has something else.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise FileError(f"cannot read {file}: {reason}") from None
    return Results.from_json(text, str(file))
