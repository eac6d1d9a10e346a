"""What is said in the command line's language: options, not arguments of functions, in one line."""

import re
from collections.abc import Callable

__all__ = ["counted", "for_command_line", "shown"]

_NAMES = r"(axes|scale|sigma|boundary|sampling|dtype|backend)"
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
)  # of lines and directions, too
_Replacement = str | Callable[[re.Match[str]], str]
_REPLACED: tuple[tuple[str, _Replacement], ...] = (
    (r"\bFraction\((-?\d+), (\d+)\)", r"\1/\2"),
    (r"^input_dtype is\b", "--input-dtype is"),
    (r"^the thread count is\b", "--threads is"),
    (rf"^{_NAMES} is \(([^()]*?),?\)", lambda m: f"--{m[1]} is {_joined(m[2])}"),
    (rf"^{_NAMES} is\b", r"--\1 is"),
    (r"^shapes is .*", lambda m: "--" + re.sub(r"\[?\((\d+(?:, \d+)*),?\)\]?", _by, m[0])),
    (r"^multiple_of is\b", "--multiple-of is"),
    (rf"\b{_NAMES}=\(([^()]*?),?\)", lambda m: f"--{m[1]} {_joined(m[2])}"),
    (rf"\b{_NAMES}='?([\w./-]+)'?", r"--\1 \2"),
    (rf"\bleave {_NAMES} out\b", r"leave --\1 out"),
    (r"\bconvert first, with x\.astype\('(\w+)'\)", r"save it as \1"),
    (r"\bwrite x\.astype\('(\w+)'\)", r"save it as \1"),
    (r",? or None\b", ""),
    (r"\bpass a\b", "write a"),
)


def for_command_line(message: str) -> str:
    """A message of `aa_ref` as users of ``aa-ref`` would write it: ``--axes -1``, ``1/4``."""
    for pattern, replacement in _REPLACED:
        message = re.sub(pattern, replacement, message)
    return message


def shown(text: str) -> str:
    r"""Write control characters, which the name of a file may hold, as escapes, as ``\n``."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 file``, ``2 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _by(shape: re.Match[str]) -> str:
    return shape[1].replace(", ", "x")


def _joined(values: str) -> str:
    return ",".join(part.strip().strip("'") for part in values.split(","))
