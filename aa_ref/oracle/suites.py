"""A check as tests of pytest's, one for each property."""

from collections.abc import Callable
from functools import cache
from types import MappingProxyType
from typing import Any

from .findings import Finding
from .judge import Function, check
from .report import Report

__all__ = ["PROPERTIES", "suite"]

PROPERTIES = MappingProxyType(
    {
        "answers": ("error", "timeout"),
        "returns-the-right-type": ("dtype",),
        "returns-the-right-size": ("size",),
        "leaves-its-input-alone": ("mutates",),
        "returns-memory-of-its-own": ("aliases",),
        "answers-twice-alike": ("unstable",),
        "keeps-to-the-boundary": ("boundary",),
        "keeps-to-the-centres": ("phase", "stride"),
        "has-the-right-taps": ("radius", "sigma", "normalisation"),
        "filters-the-right-axes": ("axes", "flip"),
        "keeps-channels-apart": ("channels",),
        "gives-the-right-values": ("values",),
        "rounds-no-more-than-it-may": ("precision",),
        "carries-nan-and-infinity": ("nan",),
        "has-the-right-adjoint": ("adjoint",),
    }
)
"""The tests of a suite, and the codes of the findings that make each of them fail."""
_JUDGED = "can-be-judged"


def suite(fn: Function, scale: Any, **options: Any) -> Callable[[str], None]:
    """Tests for pytest: one for each property, of one check.

    In a file that pytest collects, write ::

        test_mine = oracle.suite(my_function, scale=0.25)

    for ``test_mine[returns-the-right-size]``, ``test_mine[keeps-to-the-boundary]`` and so on. The
    function is checked once, when the first of them runs. A failure shows findings and snippets.

    Parameters
    ----------
    fn, scale, **options
        As in `check`.

    Returns
    -------
    function
        With pytest's mark; give it a name that pytest collects.
    """
    import pytest

    names = [n for n in PROPERTIES if "adjoint" in options or n != "has-the-right-adjoint"]

    @cache
    def checked() -> Report:
        return check(fn, scale, **options)

    @pytest.mark.parametrize("judged", [*names, _JUDGED])
    def test(judged: str) -> None:
        report = checked()
        if judged == _JUDGED:
            if report.grade == "cannot-judge":
                pytest.fail(str(report), pytrace=False)
            return
        found = [f for f in report.findings if f.code in PROPERTIES[judged]]
        if found:
            pytest.fail(_in_words(report, found), pytrace=False)

    test.__doc__ = f"One property of {fn!r}, judged by `aa_ref.oracle`."
    return test


def _in_words(report: Report, found: list[Finding]) -> str:
    parts = [f"{finding}\n\n{finding.snippet}" for finding in found]
    return "\n".join([f"{report.name}: {report.terms_in_words}", *parts])
