"""What a check finds wrong: a code out of a closed list, words, the smallest example, a snippet."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from types import MappingProxyType

__all__ = ["CODES", "Finding", "counted", "plural", "shape_in_words"]

CODES = MappingProxyType(
    {
        "timeout": "no answer in time",
        "error": "no answer, but an exception or a crash",
        "dtype": "a result of another type",
        "mutates": "the input is written to",
        "aliases": "the result is the input's memory, or an earlier result's",
        "unstable": "two answers to one question",
        "axes": "axes swapped, or others filtered",
        "size": "another number of outputs",
        "channels": "channels or batch entries mixed or swapped",
        "flip": "an axis runs backwards",
        "stride": "another distance between the centres",
        "phase": "outputs centred on other inputs",
        "sigma": "another width of the Gaussian",
        "radius": "another number of taps",
        "normalisation": "taps that do not sum to 1",
        "boundary": "another rule beyond the ends",
        "precision": "the right operation, with more rounding error than the precision allows",
        "values": "wrong values that no other code explains",
        "nan": "NaN or infinity lost, or spread to where it does not belong",
        "adjoint": "the adjoint is not the transpose",
    }
)
"""Every code, and what it says of the implementation; the most fundamental first."""


@dataclass(frozen=True)
class Finding:
    """One thing that an implementation does wrong.

    Attributes
    ----------
    code : str
        One of `CODES`.
    message : str
        What is wrong and what would be right, in a sentence or two.
    example : str
        The smallest case that shows it, in words.
    snippet : str
        The same as Python that needs no more than NumPy and the implementation.
    """

    code: str
    message: str
    example: str = ""
    snippet: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"code is {self.code!r}, which is none of {', '.join(CODES)}")

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        return f"{text}\n  {self.example}" if self.example else text

    def to_dict(self) -> dict[str, str]:
        """The attributes by name, for JSON."""
        return asdict(self)


def plural(one: str) -> str:
    """Return a regular noun's plural: ``"entry"`` gives ``"entries"``."""
    return f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"


def counted(count: int, one: str) -> str:
    """Return a number with its noun: ``"1 entry"``, ``"2 entries"``."""
    return f"{count} {one if count == 1 else plural(one)}"


def shape_in_words(shape: Iterable[int]) -> str:
    """Return lengths with signs between: ``"3×64×48"``."""
    return "×".join(map(str, shape))
