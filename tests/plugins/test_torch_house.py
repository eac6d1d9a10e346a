"""When the torch plugin is loaded: not before a tensor comes by."""

import json
import subprocess
import sys


def loaded_after(code):
    code += "\nimport json, sys; print(json.dumps([m in sys.modules for m in WATCHED]))"
    watched = ["torch", "aa_ref_torch", "torch._dynamo", "numba"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"WATCHED = {watched}\n{code}"],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    values = json.loads(done.stdout.splitlines()[-1])
    return {name for name, value in zip(watched, values, strict=True) if value}


def test_each_is_loaded_in_its_time():
    arrays = "import aa_ref, numpy; aa_ref.downsample(numpy.ones((4, 4)), 0.5)"
    assert loaded_after(arrays) == set()
    assert loaded_after(f"import torch; {arrays}") == {"torch"}
    tensors = "import aa_ref, torch; aa_ref.downsample(torch.ones(4, 4), 0.5)"
    assert loaded_after(tensors) == {"torch", "aa_ref_torch"}
    layer = (
        "import aa_ref_torch as a, torch; a.AntiAliasInterpolation2d(3, 0.5)(torch.ones(3, 4, 4))"
    )
    assert loaded_after(layer) == {"torch", "aa_ref_torch"}
