"""The golden vectors, on a GPU, to the bit."""

from typing import Any

import numpy as np
import pytest
from support import assert_same_bits
from test_golden import CASES, FOLDER, array, options, scales

import aa_ref

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:scale .* has stride int:UserWarning"),
]

by_case = pytest.mark.parametrize("case", CASES, ids=[f"{c['id']}-{c['label']}" for c in CASES])


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    with np.load(FOLDER / "vectors.npz", allow_pickle=False) as archive:
        return dict(archive)


@by_case
def test_forward(case: dict[str, Any], stored: dict[str, Any]) -> None:
    x = array(case, stored, "x", case["dtype"])
    result = case["result"] or case["dtype"]
    y = aa_ref.downsample(x, scales(case), dtype=result, backend="cuda", **options(case))
    assert_same_bits(y, array(case, stored, "canonical", result))


@by_case
def test_adjoint(case: dict[str, Any], stored: dict[str, Any]) -> None:
    g, lengths = array(case, stored, "g"), array(case, stored, "x").shape[-2:]
    x = aa_ref.downsample_adjoint(g, scales(case), lengths, backend="cuda", **options(case))
    assert_same_bits(x, array(case, stored, "adjoint_canonical"))
