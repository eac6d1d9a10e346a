"""Plans called with arrays that an adapter knows: what these mean beyond their memory is kept."""

import numpy as np
import pytest
from support import assert_same_bits, sample

import aa_ref
from aa_ref.errors import ContainerError, DtypeError, ShapeError

SHAPE = (2, 14, 9)
PLANS = {
    "usual": aa_ref.plan(SHAPE, 0.25),
    "each its own": aa_ref.plan(
        SHAPE, (1, 0.3), axes=(2, 1), sigma=(None, 1.25), boundary=("zeros", "reflect"),
        sampling="nearest", dtype="float64",
    ),
}  # fmt: skip
by_plan = pytest.mark.parametrize("p", PLANS.values(), ids=PLANS)


@pytest.fixture
def torch():
    found = pytest.importorskip("torch")
    pytest.importorskip("aa_ref_torch")
    return found


@by_plan
def test_tensors_keep_their_gradient(p, torch):
    x = torch.from_numpy(sample(SHAPE)).requires_grad_()
    y = p(x)
    assert_same_bits(y, p(sample(SHAPE)))
    y.sum().backward()
    g = aa_ref.downsample_adjoint(
        torch.ones(p.out_shape), tuple(a.scale for a in p.axes),
        tuple(a.length for a in p.axes), axes=tuple(a.axis for a in p.axes),
        sigma=tuple(a.sigma if a.has_pass else None for a in p.axes),
        boundary=tuple(a.boundary for a in p.axes), sampling=tuple(a.sampling for a in p.axes),
    )  # fmt: skip
    assert_same_bits(x.grad, g)
    back = torch.ones(p.out_shape, requires_grad=True)
    p.adjoint(back).sum().backward()
    assert back.grad.shape == p.out_shape


@by_plan
@pytest.mark.usefixtures("fresh_compiler")
def test_graphs_and_transforms_take_plans(p, torch):
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.plan = p

        def forward(self, x):
            return self.plan(x) * 2

    x = torch.from_numpy(sample(SHAPE))
    expected = Model()(x)
    assert torch.equal(torch.export.export(Model(), (x,)).module()(x), expected)
    compiled = torch.compile(Model(), fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x), expected)
    assert p(x.to("meta")).shape == p.out_shape
    assert torch.func.grad(lambda x: p(x).sum())(x).shape == SHAPE
    smaller = aa_ref.plan(SHAPE[1:], 0.5)
    assert torch.equal(torch.vmap(smaller)(x), torch.stack([smaller(one) for one in x]))


@by_plan
def test_data_arrays_keep_their_coordinates(p):
    xarray = pytest.importorskip("xarray")
    x = xarray.DataArray(sample(SHAPE), {"y": np.arange(14) * 10.0}, ("c", "y", "x"), "t")
    y = p(x)
    assert_same_bits(y.values, p(sample(SHAPE)))
    centres = next(a.centres for a in p.axes if a.axis == 1)
    assert np.array_equal(y.y, x.y[centres])
    assert (y.dims, y.name) == (x.dims, x.name)
    g = p.adjoint(xarray.DataArray(sample(p.out_shape), dims=("c", "y", "x")))
    assert_same_bits(g.values, p.adjoint(sample(p.out_shape)))


@by_plan
def test_dask_arrays_stay_lazy(p):
    array = pytest.importorskip("dask.array")
    x = array.from_array(sample(SHAPE), chunks=(1, 5, 4))
    for made, expected in (
        (p(x), p(sample(SHAPE))),
        (p.adjoint(array.from_array(sample(p.out_shape))), p.adjoint(sample(p.out_shape))),
    ):
        assert isinstance(made, array.Array)
        assert_same_bits(made.compute(), expected)


def test_what_does_not_fit_is_told(torch):
    p = PLANS["usual"]
    x = torch.ones(SHAPE, requires_grad=True)
    with pytest.raises(ShapeError, match=r"takes arrays of shape \(2, 14, 9\)"):
        p(x[:, 1:])
    with pytest.raises(DtypeError, match="is for float32 arrays, this one is float64"):
        p(x.double())


def of_xarray(x):
    return pytest.importorskip("xarray").DataArray(x, {"y": np.arange(x.shape[1])}, ("c", "y", "x"))


def of_xarray_on_dask(x):
    return of_xarray(x).chunk(4)


def of_dask(x):
    return pytest.importorskip("dask.array").from_array(x, chunks=4)


def of_torch(x):
    return pytest.importorskip("torch").from_numpy(x).requires_grad_()


@pytest.mark.parametrize(
    "kind", [of_xarray, of_xarray_on_dask, of_dask, of_torch], ids=lambda f: f.__name__
)
@by_plan
def test_parts_drop_nothing_in_silence(p, kind):
    """And what the error says to write works."""
    part = p.part({1: (1, 3)})
    back = p.replace_input_dtype("float32").adjoint_part({1: (2, 7)})  # of the types of ``g``
    x, g = sample(SHAPE), sample(p.out_shape)
    (inputs,), (outputs,) = part.inputs[1], back.outputs[1]
    cases = [
        (part, x[:, slice(*inputs)], "plan(x)", p(kind(x))[:, 1:3]),
        (back.adjoint, g[:, slice(*outputs)], "plan.adjoint(g)", p.adjoint(kind(g))[:, 2:7]),
        (part.adjoint, g[:, 1:3], None, None),
    ]
    for call, given, whole, expected in cases:
        with pytest.raises(ContainerError, match="a part keeps no coordinates") as caught:
            call(kind(given))
        said = str(caught.value)
        name = "x" if call is part else "g"
        assert (f"write {whole} and take the range" in said) == (whole is not None)
        plain = f"{name}.detach()" if kind is of_torch else f"np.asarray({name})"
        assert plain in said
        y = call(eval(plain, {"np": np, name: kind(given)}))
        if expected is not None:
            expected = expected.detach() if kind is of_torch else np.asarray(expected)
            assert_same_bits(y, expected)
