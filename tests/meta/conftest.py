"""The judge's own score, printed at the end of a run; and what makes so many checks quick."""

from collections.abc import Callable
from typing import Any

import pytest

from aa_ref.oracle.numerics import compare as comparison


@pytest.fixture(autouse=True, scope="session")
def truths_are_kept() -> Any:
    """All mutants are asked the same: what does not depend on their answers is computed once."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("truth_of", "allowance", "spread"):
            patch.setattr(comparison, name, kept(getattr(comparison, name)))
        yield


def kept(function: Callable[..., Any]) -> Callable[..., Any]:
    results: dict[Any, Any] = {}

    def key(value: Any) -> Any:
        if hasattr(value, "tobytes"):
            return value.shape, value.dtype.str, value.tobytes()
        return value

    def wrapper(samples: Any, *rest: Any, **options: Any) -> Any:
        asked = (
            samples.plan, samples.direction, key(samples.values), *map(key, rest),
            *sorted(options.items()),
        )  # fmt: skip
        if asked not in results:
            results[asked] = function(samples, *rest, **options)
        return results[asked]

    return wrapper


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count the properties ``rejected`` and ``named`` that the tests of mutants record."""
    reports = [r for found in terminalreporter.stats.values() for r in found]
    calls = [r for r in reports if getattr(r, "when", None) == "call"]
    scores = [score for r in calls if "rejected" in (score := dict(r.user_properties))]
    if scores:
        rejected, named = (sum(score[name] for score in scores) for name in ("rejected", "named"))
        terminalreporter.write_line(
            f"mutants: {rejected} of {len(scores)} rejected, {named} rightly named"
        )
