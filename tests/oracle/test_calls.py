"""Calls: however one ends, an answer tells of it, and nothing else is changed by it."""

import time
import warnings

import numpy as np

from aa_ref.oracle.calls import InThread, Question

X = np.arange(6, dtype=np.float32).reshape(2, 3)
ASKED = Question("forward", X)


def test_a_call_that_hangs_leaves_warnings_as_they_were():
    def hangs(x):
        warnings.warn("not a finding", UserWarning, stacklevel=1)
        time.sleep(3600)

    before = list(warnings.filters)
    caller = InThread({"forward": hangs}, timeout=0.2)
    assert caller.ask(ASKED).end == "timed out"
    assert warnings.filters == before
