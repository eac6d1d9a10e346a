"""Diagnosis of what is no sum of products: numbers that are cut off, the largest of several."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aa_ref
from aa_ref.oracle.diagnosis import Diagnosis, diagnose


def downsample(x: Any, **options: Any) -> Any:
    return aa_ref.downsample(x, 0.25, backend="numpy", **options)


def told(found: Diagnosis) -> list[tuple[str, str]]:
    return [(f.code, f.message) for f in found.findings]


def cut(x: Any, low: float, high: float) -> Any:
    return np.clip(x, np.float32(low), np.float32(high))


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 1, "below 0 and above 1"), (-1, 1, "below -1 and above 1"), (0, np.inf, "below 0"),
        (-np.inf, 1, "above 1"), (-0.5, 2.25, "below -0.5 and above 2.25"),
        (0, 255, "below 0 and above 255"), (-np.inf, 0, "above 0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["inputs", "results"])
def test_numbers_that_are_cut_off_are_told_with_their_limits(
    low: float, high: float, words: str, what: str
) -> None:
    """And whether it is inputs or results; the convention is no other for it, so none is named."""

    def function(x: Any) -> Any:
        return downsample(cut(x, low, high)) if what == "inputs" else cut(downsample(x), low, high)

    found = diagnose(function, scale=0.25)
    assert told(found) == [("values", f"{what} are cut off {words}")]
    assert found.convention is None


@pytest.mark.parametrize("limit", [1.0, 255.0])
def test_results_that_are_divided_by_their_largest_are_told(limit: float) -> None:
    def function(x: Any) -> Any:
        y = downsample(x)
        return (y * (limit / max(1e-3, float(y.max(initial=0.0))))).astype(x.dtype)

    assert {"values"} <= {code for code, _ in told(diagnose(function, scale=0.25))}


@given(
    limits=st.tuples(st.floats(-100, 0), st.floats(0.01, 100)),
    boundary=st.sampled_from(["reflect", "replicate", "circular"]),
    what=st.sampled_from(["inputs", "results"]),
)
def test_what_is_cut_off_hides_no_other_fault(
    limits: tuple[float, float], boundary: str, what: str
) -> None:
    def function(x: Any) -> Any:
        if what == "inputs":
            return downsample(cut(x, *limits), boundary=boundary)
        return cut(downsample(x, boundary=boundary), *limits)

    found = diagnose(function, scale=0.25)
    assert [f.code for f in found.findings] == ["boundary", "values"]
    assert repr(boundary) in found.findings[0].message
    assert what in found.findings[1].message
    of_axis = found.recovered["H"]
    assert (of_axis["radius"], of_axis["stride"], of_axis["boundary"]) == (6, 4, boundary)


def windows(x: Any) -> Any:
    """The nine samples about every fourth."""
    height, width = x.shape[-2:]
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    return np.stack(
        [padded[..., i : i + height : 4, j : j + width : 4] for i in (0, 1, 2) for j in (0, 1, 2)]
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: windows(x).max(0), lambda x: windows(x).min(0),
        lambda x: np.median(windows(x), 0), lambda x: np.sqrt((windows(x) ** 2).mean(0)),
        lambda x: np.abs(downsample(x)), lambda x: downsample(x * x),
        lambda x: np.maximum(downsample(x), downsample(x[..., ::-1])),
    ],
)  # fmt: skip
def test_what_is_not_linear_has_no_taps_and_no_convention(function: Any) -> None:
    found = diagnose(lambda x: function(x).astype(x.dtype), scale=0.25)
    assert [f.code for f in found.findings] == ["values"]
    assert found.convention is None


def test_steps_and_limits_together_hide_the_rest_which_is_said() -> None:
    found = diagnose(
        lambda x: np.rint(cut(downsample(x), 0, 1) * 255) / np.float32(255), scale=0.25
    )
    assert told(found) == [
        ("precision", "results are multiples of 1/255, for any input; what else may be wrong is "
         "hidden by these"),
        ("values", "results are cut off below 0 and above 1"),
    ]  # fmt: skip


@pytest.mark.parametrize("lost", [1, 2, 3, 16, 40])
def test_entries_of_a_batch_that_are_lost_are_found_however_many_are_left(lost: int) -> None:
    def function(x: Any) -> Any:
        y = downsample(x, boundary="reflect")
        y[lost:] = 0
        return y

    found = diagnose(function, scale=0.25)
    assert [f.code for f in found.findings] == ["channels", "boundary"]
    assert str(lost) in found.findings[0].message


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.3])
def test_small_taps_are_no_fault_where_large_impulses_are_cut_off(scale: float) -> None:
    """In float16, what an impulse of 1 leaves of the outer taps is subnormal."""

    def clipped(x: Any) -> Any:
        return np.clip(aa_ref.downsample(x, scale, backend="numpy"), 0, 1).astype(x.dtype)

    assert [f.code for f in diagnose(clipped, scale=scale, dtype="float16").findings] == ["values"]
