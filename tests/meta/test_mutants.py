"""Tests of the judge: every wrong implementation is rejected, for the right reason."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from integer_mutants import INTEGERS, whole
from layer import Layer
from mutants import MUTANTS, PAIRS, SINGLE, Mutant

from aa_ref import oracle
from aa_ref.oracle.diagnosis import diagnose

OF_CALLS = {"adjoint", "aliases", "timeout"}
"""Codes that need an adjoint, another call, or a function that hangs: `tests/oracle` has those."""


@pytest.mark.parametrize("mutant", [*MUTANTS, *INTEGERS], ids=lambda m: m.name)
def test_every_mutant_is_rejected_and_rightly_named(
    mutant: Mutant, record_property: Callable[[str, object], None]
) -> None:
    report = oracle.check(mutant.function, **mutant.options)
    codes = {f.code for f in report.findings}
    record_property("rejected", not report.passed)
    record_property("named", codes == mutant.codes)
    assert not report.passed
    assert codes == mutant.codes, report


FIRST_OF_EACH_CODE = {code: m for m in reversed(SINGLE) for code in m.codes}


@pytest.mark.parametrize("code", FIRST_OF_EACH_CODE)
def test_a_diagnosis_alone_names_it_too(code: str) -> None:
    """A check asks the same diagnosis, so one mutant of each code tells whether it stands alone."""
    mutant = FIRST_OF_EACH_CODE[code]
    found = diagnose(mutant.function, **mutant.options).findings
    assert {f.code for f in found} == mutant.codes, found
    assert all(f.message for f in found)


def test_there_are_enough_of_them_and_of_every_kind() -> None:
    assert len(SINGLE) >= 60
    assert len({m.name for m in [*MUTANTS, *INTEGERS]}) == len(MUTANTS) + len(INTEGERS)
    single = Counter(code for m in SINGLE for code in m.codes)
    assert set(single) == set(oracle.CODES) - OF_CALLS
    assert all(len(m.codes) == 2 for m in PAIRS)
    of_integers = Counter(code for m in INTEGERS for code in m.codes)
    assert set(of_integers) == set(oracle.CODES) - OF_CALLS - {"nan", "unstable"}


RIGHT: dict[str, tuple[Any, dict[str, Any]]] = {
    "at 1/2": (Layer(scale=0.5), {"scale": 0.5}),
    "at 1/4": (Layer(), {"scale": 0.25}),
    "at 1/8": (Layer(scale=0.125), {"scale": 0.125}),
    "at 0.16": (Layer(scale=0.16), {"scale": 0.16}),
    "at 3/4": (Layer(scale=0.75), {"scale": 0.75}),
    "in binary64": (Layer(), {"scale": 0.25, "dtype": "float64"}),
    "columns first": (Layer(axes=(-1, -2)), {"scale": 0.25}),
    "binary64 inside": (Layer(before=lambda x: x.astype(np.float64)), {"scale": 0.25}),
    "half precision, sums in binary32": (
        Layer(before=lambda x: x.astype(np.float32)),
        {"scale": 0.25, "dtype": "float16", "precision": "binary16"},
    ),
    "replicate": (
        Layer(fold=lambda e, n: np.clip(e, 0, n - 1)),
        {"scale": 0.25, "boundary": "replicate"},
    ),
    "sigma 2": (Layer(sigma=lambda s: 2.0), {"scale": 0.25, "sigma": 2.0}),
    "integers": (whole(), {"scale": 0.25, "dtype": "uint8"}),
    "integers, half up": (
        whole(rounding=lambda y: np.floor(y + 0.5)),
        {"scale": 0.25, "dtype": "uint8"},
    ),
    "integers of 16 bits": (whole(), {"scale": 0.25, "dtype": "uint16"}),
    "integers at 1/2": (whole(Layer(scale=0.5)), {"scale": 0.5, "dtype": "uint8"}),
    "unequal axes": (
        Layer(along={-2: Layer(scale=0.5), -1: Layer(scale=0.25)}),
        {"scale": (0.5, 0.25)},
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_found_wrong_with_what_is_right(name: str) -> None:
    """Mutants differ from this one in a part alone; were it wrong, they would tell nothing."""
    function, options = RIGHT[name]
    report = oracle.check(function, **options)
    assert report.passed, report
    found = diagnose(function, **options)
    assert found.findings == []
