"""Errors that a coarser arithmetic explains are told as such, and no others."""

from typing import Any

import numpy as np
import pytest

import aa_ref
from aa_ref import oracle


def half_sums(x: Any, scale: float) -> Any:
    """Separable, every product and every sum rounded to binary16."""
    for axis in (-2, -1):
        a = aa_ref.plan(x.shape, scale).axes[axis]
        n, radius = x.shape[axis], a.radius
        moved = np.moveaxis(x, axis, -1)
        padded = np.pad(moved, [*[(0, 0)] * (x.ndim - 1), (radius, radius)])
        with np.errstate(all="ignore"):
            x = sum(
                tap * padded[..., k : k + n : a.stride]
                for k, tap in enumerate(a.taps.astype(np.float16))
            )
        x = np.moveaxis(x, -1, axis)
    return x


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.3])
def test_sums_in_half_precision_are_of_another_precision(scale: float) -> None:
    """And judged by the one that is named, nothing is wrong: its bound holds all errors."""

    def fn(x: Any) -> Any:
        return half_sums(x, scale)

    report = oracle.check(fn, scale, dtype="float16")
    assert [f.code for f in report.findings] == ["precision"]
    named = report.findings[0].message.rpartition("precision=")[2].strip("'")
    assert "binary16" in named
    again = oracle.check(fn, scale, dtype="float16", precision=named)
    assert again.findings == (), again


def test_what_no_precision_explains_is_wrong_values() -> None:
    def fn(x: Any) -> Any:
        y = aa_ref.downsample(x, 0.5, backend="numpy")
        return y if max(x.shape[-2:]) < 60 else y * np.float32(1.5)

    assert [f.code for f in oracle.check(fn, 0.5).findings] == ["values"]
