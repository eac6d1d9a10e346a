"""No correct implementation is rejected, however it orders, fuses or compensates its sums."""

import numpy as np
import pytest
from correct_implementations import CORRECT, NEEDS, SCALES, torch_strided, torch_strided_adjoint

from aa_ref import oracle


@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize("make", CORRECT, ids=lambda f: f.__name__)
def test_accepted(make, scale):
    if make in NEEDS:
        pytest.importorskip(NEEDS[make], reason=f"it is an implementation by {NEEDS[make]}")
    report = oracle.check(make(scale), scale)
    assert report.grade == "within-bound", str(report)
    assert report.findings == ()
    assert 0 < report.worst <= 1
    assert report.suspicions == ()


def test_accepted_with_its_gradient():
    pytest.importorskip("torch", reason="the gradient is torch's")
    gradient, shapes = torch_strided_adjoint(0.5), set()

    def adjoint(g, shape):
        shapes.add(shape)
        return gradient(g, shape)

    report = oracle.check(torch_strided(0.5), 0.5, adjoint=adjoint)
    assert report.grade == "within-bound", str(report)
    assert len(shapes) > 10


@pytest.mark.parametrize("scale", [0.16, 0.8])
def test_scipy_has_another_radius_at_some_scales(scale):
    ndimage = pytest.importorskip("scipy.ndimage", reason="SciPy is what is judged")
    sigma, stride = (1 / scale - 1) / 2, int(1 / scale)

    def fn(x):
        full = ndimage.gaussian_filter(x, sigma, mode="constant", axes=(-2, -1))
        return full[..., ::stride, ::stride]

    report = oracle.check(fn, scale)
    assert report.grade == "fails"
    assert not report
    assert np.isfinite(report.worst) or report.findings
