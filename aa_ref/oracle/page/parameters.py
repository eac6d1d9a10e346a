"""What was measured along each axis beside what is expected, in a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...plans import AxisPlan
from .markup import Markup, number, tag
from .measured import AxisTaps

__all__ = ["parameters_table"]


class _Row(NamedTuple):
    name: str
    expected: str
    found: str
    code: str


def parameters_table(
    axes: Sequence[AxisTaps], recovered: Mapping[str, Any], codes: Sequence[str]
) -> Markup:
    """One table for all axes. ``codes`` are those of the findings: what they name is marked."""
    body = [
        tag(
            "tr", tag("th", axis.letter, scope="row") if first else tag("td"),
            tag("td", row.name), tag("td", row.expected), _found(row, codes),
        )
        for axis in axes
        for first, row in _first(_rows(axis.plan, recovered[axis.letter]))
    ]  # fmt: skip
    gain = recovered.get("gain")
    if isinstance(gain, float):
        row = _Row("sum of all weights", "1", number(gain, 8), "normalisation")
        cells = tag("td", row.name), tag("td", row.expected), _found(row, codes)
        body.append(tag("tr", tag("th", "all", scope="row"), *cells))
    heads = (tag("th", name, scope="col") for name in ("axis", "", "expected", "measured"))
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *body))
    return tag("div", table, class_="wide")


def _first(rows: Iterator[_Row]) -> Iterator[tuple[bool, _Row]]:
    for k, row in enumerate(rows):
        yield k == 0, row


def _found(row: _Row, codes: Sequence[str]) -> Markup:
    if row.code in codes and row.found != row.expected:
        return tag("td", tag("b", "≠ ", row.found), class_="wrong")
    return tag("td", row.found)


def _rows(a: AxisPlan, r: Mapping[str, Any]) -> Iterator[_Row]:
    """A row for each parameter."""
    by_slices = a.sampling == "slice"
    yield _Row(
        "outputs of n samples", f"ceil(n/{a.stride})" if by_slices else "floor(n*s)",
        str(r.get("size") or "no rule found"), "size",
    )  # fmt: skip
    spacing = "uneven" if a.spacing is None else number(a.spacing)
    yield _Row("distance of centres", spacing, _number(r["stride"], "uneven"), "stride")
    yield _Row("first centre seen", "0", _number(r["phase"], "none"), "phase")
    first, count = r["first_tap_at"], len(r["taps"])
    reach = f"{number(first)} … {number(first + count - 1)}"
    yield _Row("taps reach", f"{number(-a.radius)} … {a.radius}", reach, "radius")
    no_gaussian = f"no Gaussian; deviation {number(r['deviation'])}"
    yield _Row("sigma", number(float(a.sigma), 6), _number(r["sigma"], no_gaussian), "sigma")
    yield _Row("beyond the ends", a.boundary, _rule(r.get("boundary")), "boundary")
    if r["runs_backwards"]:
        yield _Row("direction", "forwards", f"the {r['runs_backwards']} runs backwards", "flip")


def _number(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else number(value, 6)


def _rule(boundary: Any) -> str:
    """One rule, or what was found at either end."""
    if boundary is None:
        return "not measured"
    if isinstance(boundary, str):
        return boundary
    ends = [rules[0] if rules else "no known rule" for rules in boundary]
    return " at the start, ".join(ends) + " at the end"
