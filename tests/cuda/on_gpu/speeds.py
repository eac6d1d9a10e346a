"""Speeds on a GPU: `aa_ref.bench`'s cases, one test each, so that each is a record when it is done.

First what is wanted of batches and pictures, beside all peers; then the other types and layouts.
``AA_REF_GPU_SMALL=1`` takes small arrays and few rounds: it shows that all this works, no speed.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from time import time
from typing import Any

import pytest

from aa_ref.bench import inputs
from aa_ref.bench.cases import Case
from aa_ref.bench.cuda.device import Device, open_device
from aa_ref.bench.cuda.selections import SMALL, of_targets
from aa_ref.bench.peer_contenders import chosen
from aa_ref.bench.running import Run, measure
from aa_ref.bench.timing import Effort

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]  # torch's and numba's

RESERVE = 15
"""Seconds before the stage is ended, in which no case is begun."""
FEW = os.environ.get("AA_REF_GPU_SMALL") == "1"
EFFORT = Effort(2, 0.0, 0.1, 1) if FEW else Effort(rounds=9, turn=4e-3, budget=0.25, fewest=3)


def cases() -> list[Case]:
    """Those of the targets; in small, a few of each kind with fewer samples."""
    found = of_targets()
    if not FEW:
        return found
    kinds = {(c.direction, c.layout, c.dtype, c.size == SMALL): c for c in found}
    return [replace(c, size=(3, 48, 64)) for c in kinds.values()]


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    """The current GPU; beside it samples are kept till others are asked for: they take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "samples", lru_cache(maxsize=1)(inputs.samples))
        yield open_device()


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case).replace("×", "x"))
def test_speed(case: Case, device: Device, record_property: Any) -> None:
    if time() > float(os.environ.get("AA_REF_STAGE_UNTIL", "inf")) - RESERVE:
        pytest.skip("no time is left")
    peers = chosen(None, on_cuda=True)
    found = measure(Run([case], peers, effort=EFFORT, device=device), ".ci/gpu")
    record_property("results", json.loads(found.to_json()))
    (block,) = found.blocks
    assert block.find(device.backend), block.left_out
