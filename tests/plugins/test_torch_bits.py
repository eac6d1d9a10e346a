"""Tensors get the reference's bits, forward and backward: torch in the table of backends."""

import numpy as np
import pytest
import torch
from cases import FLOATS, Case, cases, gradient
from hypothesis import given, settings
from support import BFLOAT16, TYPES, assert_same_bits, numpy_type
from test_backends import PROPERTIES

import aa_ref
import aa_ref_torch
from aa_ref.backends import get_backend
from aa_ref_torch import memory, operator

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
FEWER = settings(max_examples=max(8, settings.default.max_examples // 4))
OF_PLANS_AND_MEMORY = {
    # which take no tensors, or are of NumPy's own memory
    "plans_do_what_functions_do",
    "out_gets_the_result_and_is_returned",
    "adjoint_out_gets_the_result",
}
OURS = [p for p in PROPERTIES if p[0].__name__ not in OF_PLANS_AND_MEMORY]


def tensor_of(x):
    """A tensor of the same values and, as far as torch knows such, of the same strides."""
    plain = x.dtype.isnative and x.flags.aligned and x.flags.writeable
    if not plain or any(stride < 0 or stride % x.itemsize for stride in x.strides):
        x = np.array(x.astype(x.dtype.newbyteorder("=")), order="C")
    if x.dtype == BFLOAT16:
        return torch.from_numpy(x.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(x)


def array_of(y):
    return y.view(torch.uint16).numpy().view(BFLOAT16) if y.dtype == torch.bfloat16 else y.numpy()


@pytest.fixture
def torch_as_a_backend(monkeypatch):
    """``backend="torch"`` hands the public functions' arrays to the plugin as tensors."""

    def with_tensors(name):
        core, plugin = getattr(aa_ref, name), getattr(aa_ref_torch, name)

        def function(x, *arguments, backend=None, out=None, **options):
            if backend != "torch":
                return core(x, *arguments, backend=backend, out=out, **options)
            y = plugin(tensor_of(x), *arguments, **options)
            ys = list(map(array_of, y)) if isinstance(y, list) else array_of(y)
            if out is None:
                return ys
            for target, level in zip(out, ys, strict=True):
                target[...] = level
            return out

        monkeypatch.setattr(aa_ref, name, function)

    for name in ("downsample", "downsample_adjoint", "pyramid"):
        with_tensors(name)


@pytest.mark.usefixtures("torch_as_a_backend")
@pytest.mark.parametrize(("check", "strategy"), OURS, ids=[p[0].__name__ for p in OURS])
def test_property(check, strategy):
    FEWER(given(case=strategy)(lambda case: check("torch", case)))()


def check_gradient(x, scale, options, g):
    """Computed in the type that the forward way was computed in, rounded once to the input's."""
    leaf = tensor_of(x).requires_grad_()
    y = aa_ref_torch.downsample(leaf, scale, **options)
    (gx,) = torch.autograd.grad(y, leaf, tensor_of(g))
    with np.errstate(all="ignore"):
        if x.dtype == np.float64:
            g = g.astype(np.float64)
        elif g.dtype == np.float64:
            g = g.astype(np.float32)
    lengths = [x.shape[a] for a in options["axes"]]
    options = options | {"dtype": x.dtype.name, "backend": "reference"}
    assert_same_bits(gx, aa_ref.downsample_adjoint(g, scale, lengths, **options))


@FEWER
@given(cases(dtypes=FLOATS))
def test_gradients_are_the_references_adjoint(case: Case):
    result = case.options["dtype"]
    if result in ("uint8", "uint16"):
        x = tensor_of(case.x).requires_grad_()
        assert not aa_ref_torch.downsample(x, case.scale, **case.options).requires_grad
    else:
        g = gradient(case, result or case.x.dtype.name)
        check_gradient(case.x, case.scale, case.options, g)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("result", FLOATS)
def test_gradients_from_one_type_to_another(dtype, result):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 13, 17)).astype(numpy_type(dtype))
    g = rng.standard_normal((2, 5, 6)).astype(numpy_type(result))
    check_gradient(x, 0.4, {"axes": (1, 2), "sampling": "nearest", "dtype": result}, g)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_pyramids_gradient_is_the_sum_in_the_order_of_levels(dtype):
    scales = (1, 0.5, (0.25, 0.5), 0.3)
    x = torch.randn(2, 33, 41).to(getattr(torch, dtype)).requires_grad_()
    ys = aa_ref_torch.pyramid(x, scales, boundary="reflect")
    gs = [torch.randn(y.shape).to(y.dtype) for y in ys]
    total = None
    for g, scale in zip(gs, scales, strict=True):
        part = aa_ref_torch.downsample_adjoint(g, scale, (33, 41), boundary="reflect")
        total = part if total is None else total + part
    (gx,) = torch.autograd.grad(ys, x, gs)
    assert_same_bits(gx, total)
    (gx,) = torch.autograd.grad(aa_ref_torch.pyramid(x, scales)[2], x, gs[2])  # one level alone
    assert_same_bits(gx, aa_ref_torch.downsample_adjoint(gs[2], scales[2], (33, 41)))


def test_a_pyramids_gradient_lets_infinities_through():
    """Without a warning, as all arithmetic here."""
    x = torch.ones(1, 9, 9, requires_grad=True)
    ys = aa_ref_torch.pyramid(x, (0.5, 0.5))
    for values, is_expected in (
        ((torch.inf, -torch.inf), torch.isnan),
        ((3e38, 3e38), torch.isinf),
    ):
        gs = [torch.full_like(y, value) for y, value in zip(ys, values, strict=True)]
        (gx,) = torch.autograd.grad(ys, x, gs, retain_graph=True)
        assert is_expected(gx).any()


@pytest.mark.parametrize("axes", [(-2, -1), (1, 3), (0,), (-1,)])
@pytest.mark.parametrize("last", [False, True])
def test_a_pyramids_gradient_is_added_up_in_pieces(axes, last, monkeypatch):
    """To the same bits, down to pieces of single pictures."""
    form = torch.channels_last if last else torch.contiguous_format
    x = torch.randn(4, 3, 33, 41).to(memory_format=form).requires_grad_()
    ys = aa_ref_torch.pyramid(x, axes=axes)
    gs = [torch.randn(y.shape) for y in ys[:-1]] + [torch.ones(()).expand(ys[-1].shape)]
    (whole,) = torch.autograd.grad(ys, x, gs, retain_graph=True)
    pieces, write = [], operator._write_adjoint
    monkeypatch.setattr(operator, "_MIB_AT_ONCE", {"cpu": 0})
    monkeypatch.setattr(
        operator, "_write_adjoint", lambda *a: pieces.append(tuple(a[2].shape)) or write(*a)
    )
    (gx,) = torch.autograd.grad(ys, x, gs)
    assert_same_bits(gx, whole)
    first = min(axis % 4 for axis in axes)
    assert pieces[-1] == (1,) * first + tuple(x.shape[first:])


@pytest.mark.parametrize("backend", ["reference", "numpy", "numba"])
def test_backends_may_be_named(backend):
    x = torch.randn(3, 37, 29, requires_grad=True)
    y = aa_ref_torch.downsample(x, 0.3, backend=backend)
    y.backward(torch.ones_like(y))
    expected = aa_ref.downsample_adjoint(np.ones(y.shape, np.float32), 0.3, (37, 29))
    assert_same_bits(x.grad, expected)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_torchs(threads, monkeypatch):
    seen = []
    numpy = type(get_backend("numpy"))
    for name in ("forward", "adjoint"):
        act = getattr(numpy, name)
        monkeypatch.setattr(
            numpy, name, lambda *a, act=act: seen.append(aa_ref.get_num_threads()) or act(*a)
        )
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    aa_ref.set_num_threads(7)
    try:
        x = torch.ones(1, 8, 9, requires_grad=True)
        y = [aa_ref_torch.downsample(x, 0.5, backend="numpy")]
        y += aa_ref_torch.pyramid(x, (0.5, 0.25), backend="numpy")
        torch.autograd.grad(sum(v.sum() for v in y), x)
        assert set(seen) == {threads}
        assert len(seen) == 6
    finally:
        torch.set_num_threads(before)
        aa_ref.set_num_threads(None)


def test_results_do_not_depend_on_threads():
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 700, 905), np.float32))
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            leaf = x.clone().requires_grad_()
            y = aa_ref_torch.downsample(leaf, 0.25, backend="numba")
            y.backward(torch.ones_like(y))
            results.append((y.detach(), leaf.grad))
    finally:
        torch.set_num_threads(before)
    for y, gx in results[1:]:
        assert torch.equal(y, results[0][0])
        assert torch.equal(gx, results[0][1])


# ---------------------------------------------------------------------------- memory formats

X4 = torch.randn(2, 3, 18, 22)
LAYOUTS = {
    "contiguous": X4,
    "channels last": X4.to(memory_format=torch.channels_last),
    "channels last, cropped": X4.to(memory_format=torch.channels_last)[:, :, 2:, 1:-3],
    "cropped": X4[:, :, 2:, 1:-3],
    "rows and columns swapped": X4.mT,
    "samples and channels swapped": torch.randn(3, 2, 18, 22).transpose(0, 1),
    "every other": X4[:, :, ::2, ::2],
    "expanded": torch.randn(1, 3, 18, 22).expand(2, -1, -1, -1),
    "channels expanded": torch.randn(2, 1, 18, 22).expand(-1, 3, -1, -1),
    "one channel": torch.randn(2, 1, 18, 22),
    "one channel, channels last": torch.randn(2, 1, 18, 22).to(memory_format=torch.channels_last),
    "one picture, channels last": torch.randn(1, 3, 9, 8).to(memory_format=torch.channels_last),
    "one pixel": torch.randn(2, 3, 1, 1),
    "one row": torch.randn(2, 3, 1, 22).to(memory_format=torch.channels_last),
    "no pictures": torch.randn(0, 3, 9, 8),
    "no pictures, channels last": torch.randn(0, 3, 9, 8).to(memory_format=torch.channels_last),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_formats_are_those_of_conv2d(layout):
    x = LAYOUTS[layout]
    weight = torch.ones(x.shape[1], 1, 5, 5)
    theirs = torch.nn.functional.conv2d(x, weight, stride=2, padding=2, groups=x.shape[1])
    ours = aa_ref_torch.downsample(x, 0.5)
    assert ours.stride() == theirs.stride()
    assert_same_bits(ours, aa_ref.downsample(x.contiguous().numpy(), 0.5))
    fake = aa_ref_torch.downsample(x.to("meta"), 0.5)  # which keeps strides
    assert (fake.shape, fake.stride()) == (ours.shape, ours.stride())


GRADIENTS = {
    "contiguous": torch.randn,
    "channels last": lambda shape: torch.randn(shape).to(memory_format=torch.channels_last),
    "of a sum": lambda shape: torch.ones(()).expand(shape),
}


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if "no pictures" not in layout])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_memory_formats_of_gradients_are_those_of_conv2d(layout, gradient):
    """They are the input's, whatever the gradient's: strides, where there are several of a kind."""
    x = LAYOUTS[layout].detach().requires_grad_()
    weight = torch.ones(x.shape[1], 1, 5, 5)
    theirs = torch.nn.functional.conv2d(x, weight, stride=2, padding=2, groups=x.shape[1])
    g = GRADIENTS[gradient](theirs.shape)
    (expected,) = torch.autograd.grad(theirs, x, g)
    for y in (aa_ref_torch.downsample(x, 0.5), aa_ref_torch.pyramid(x, (0.5,))[0]):
        (gx,) = torch.autograd.grad(y, x, g)
        strides = [
            [stride for stride, n in zip(made.stride(), made.shape, strict=True) if n > 1]
            for made in (gx, expected)
        ]
        assert strides[0] == strides[1]
        lengths = x.shape[2:]
        assert_same_bits(gx, aa_ref.downsample_adjoint(g.contiguous().numpy(), 0.5, lengths))
    back = aa_ref_torch.downsample_adjoint(x, 0.5, [2 * n for n in x.shape[2:]])
    (gg,) = torch.autograd.grad(back, x, GRADIENTS[gradient](back.shape))
    last = memory.lies_channels_last(x)
    assert gg.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


@pytest.mark.parametrize("last", [False, True])
def test_memory_formats_are_those_of_conv3d(last):
    form = torch.channels_last_3d if last else torch.contiguous_format
    x = torch.randn(2, 3, 8, 9, 10).to(memory_format=form)
    ours = aa_ref_torch.downsample(x, 0.5, axes=(-3, -2, -1))
    theirs = torch.nn.functional.conv3d(x, torch.ones(3, 1, 3, 3, 3), stride=2, padding=1, groups=3)
    assert ours.is_contiguous(memory_format=form)
    assert ours.stride() == theirs.stride()


@pytest.mark.parametrize("dtype", FLOATS)
def test_results_are_torchs_memory_of_their_own(dtype):
    x = torch.randn(2, 3, 8, 8).to(getattr(torch, dtype))
    for y in (*aa_ref_torch.pyramid(x, (1, 0.5)), aa_ref_torch.downsample_adjoint(x, 1, (8, 8))):
        assert y.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
        assert y.untyped_storage().resizable()  # as torch's allocator makes it
    assert x.untyped_storage().resizable()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [t for t in TYPES if t != "bfloat16"])
def test_the_short_way_to_numpy_is_the_long_one(layout, dtype, monkeypatch):
    x = LAYOUTS[layout].mul(50).abs().to(getattr(torch, dtype))
    short = memory.as_array(x)
    monkeypatch.setattr(memory, "_capsule_of", None)
    long = memory.as_array(x)
    there, also_there = short.__array_interface__, long.__array_interface__
    if x.numel():  # where there is nothing, addresses mean nothing
        assert there["data"] == also_there["data"]
    assert there | {"data": 0} == also_there | {"data": 0}
    assert_same_bits(short, long)
    assert short.flags.writeable
