"""The judge's own score, printed at the end of a run; and what makes so many checks quick."""

from collections.abc import Callable
from typing import Any

import pytest

from aa_ref.oracle import comparison

SCORES = pytest.StashKey[list[tuple[bool, bool]]]()


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


@pytest.fixture(scope="session")
def scores(pytestconfig: pytest.Config) -> list[tuple[bool, bool]]:
    """A pair for each mutant: whether it was rejected, and whether it was rightly named."""
    return pytestconfig.stash.setdefault(SCORES, [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    scores = config.stash.get(SCORES, [])
    if scores:
        rejected, named = (sum(column) for column in zip(*scores, strict=True))
        terminalreporter.write_line(
            f"mutants: {rejected} of {len(scores)} rejected, {named} rightly named"
        )
