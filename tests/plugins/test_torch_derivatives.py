"""Derivatives of every order and mode, batching, and what torch's own checks of operators say."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

import aa_ref
import aa_ref_torch
from aa_ref_torch.options import describe

OPS = torch.ops.aa_ref
SHAPE = (2, 9, 7)
OPTIONS = {
    "plain": {"scale": 0.5},
    "each axis its own": {
        "scale": (Fraction(1, 3), 0.4),
        "sigma": (0.7, None),
        "boundary": ("reflect", "circular"),
        "sampling": ("slice", "nearest"),
    },
    "one axis, unfiltered": {"scale": (1, 0.5), "boundary": "replicate"},
    "first axes": {"scale": 0.5, "axes": (0, 1)},
}
by_options = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def double(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def downsample(options):
    return lambda x: aa_ref_torch.downsample(x, **options)


def adjoint(options):
    axes = options.get("axes", (-2, -1))
    lengths = [SHAPE[a] for a in axes]
    return lambda g: aa_ref_torch.downsample_adjoint(g, shape=lengths, **options)


def pyramid(options):
    others = {key: value for key, value in options.items() if key != "scale"}
    scales = (1, options["scale"], 0.25) if others.get("sampling") is None else (options["scale"],)
    return lambda x: aa_ref_torch.pyramid(x, scales, **others)


def input_of(make, options):
    return double(*(downsample(options)(double(*SHAPE)).shape if make is adjoint else SHAPE))


FUNCTIONS = [downsample, adjoint, pyramid]
by_function = pytest.mark.parametrize("make", FUNCTIONS, ids=lambda f: f.__name__)


@by_function
@by_options
def test_gradcheck(make, options):
    """Reverse and forward mode against differences, one by one and batched; then once more."""
    x = input_of(make, options).requires_grad_()
    assert torch.autograd.gradcheck(
        make(options), x, fast_mode=True, check_forward_ad=True, check_batched_grad=True,
        check_batched_forward_grad=True,
    )  # fmt: skip
    assert torch.autograd.gradgradcheck(
        make(options), x, fast_mode=True, check_fwd_over_rev=True, check_rev_over_rev=True
    )


def test_gradcheck_in_full():
    x = input_of(downsample, OPTIONS["each axis its own"]).requires_grad_()
    assert torch.autograd.gradcheck(downsample(OPTIONS["each axis its own"]), x)
    assert torch.autograd.gradgradcheck(downsample(OPTIONS["each axis its own"]), x)


@by_options
def test_tangents_are_differences(options):
    """The map is linear, so a difference over any step is exact but for rounding: at most n u
    times the sum of absolute terms, n below 200 roundings here, u = 2⁻⁵³.
    """
    f, x, t = downsample(options), double(*SHAPE), double(*SHAPE, seed=1)
    y, tangent = jvp(f, (x,), (t,))
    difference = f(x + t) - f(x)
    most = f(x.abs() + t.abs()).abs().max()
    assert (tangent - difference).abs().max() <= 3 * 200 * 2**-53 * most
    assert torch.equal(y, f(x))
    assert torch.equal(tangent, f(t))
    with forward_ad.dual_level():
        dual = f(forward_ad.make_dual(x, t))
        assert torch.equal(forward_ad.unpack_dual(dual).tangent, tangent)


def matrices(options):
    """The same map as matrices that torch multiplies with, from the core."""
    rows, columns = (
        torch.from_numpy(
            aa_ref.downsample(
                np.eye(length), axes=0, **{key: value[n] for key, value in options.items()}
            )
        )
        for n, length in enumerate(SHAPE[1:])
    )
    return lambda x: rows @ x @ columns.T


TRANSFORMS = {
    "grad": lambda f: grad(lambda x: (f(x) ** 3).sum()),
    "grad of grad": lambda f: grad(lambda x: (grad(lambda z: (f(z) ** 3).sum())(x) ** 2).sum()),
    "hessian": lambda f: hessian(lambda x: (f(x) ** 3).sum()),
    "jacrev of jacfwd": lambda f: jacrev(jacfwd(lambda x: (f(x) ** 3).sum())),
    "jacfwd of jacfwd": lambda f: jacfwd(jacfwd(lambda x: (f(x) ** 3).sum())),
    "jacfwd of jacrev": lambda f: jacfwd(jacrev(lambda x: (f(x) ** 3).sum())),
    "vjp": lambda f: lambda x: vjp(f, x)[1](f(x))[0],
    "vmap": vmap,
    "vmap, in and out elsewhere": lambda f: (
        lambda x: vmap(f, in_dims=1, out_dims=2)(x[:, None].expand(-1, 3, -1, -1))
    ),
    "vmap of grad": lambda f: vmap(grad(lambda x: (f(x) ** 3).sum())),
    "grad of vmap": lambda f: grad(lambda x: (vmap(f)(x) ** 3).sum()),
    "vmap of jvp": lambda f: vmap(lambda x: jvp(f, (x,), (x * x,))[1]),
    "jvp of vmap of grad": lambda f: (
        lambda x: jvp(vmap(grad(lambda z: (f(z) ** 3).sum())), (x,), (x * x,))[1]
    ),
    "vmap of vmap": lambda f: lambda x: vmap(vmap(f))(x[None].expand(2, -1, -1, -1)),
    "per-sample gradients": lambda f: (
        lambda x: vmap(grad(lambda weight, z: (f(z * weight) ** 2).sum()), in_dims=(None, 0))(
            x[0], x
        )
    ),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transforms(transform):
    """To the results of matrix products, whose few hundred roundings differ."""
    options = OPTIONS["each axis its own"]
    ours, theirs = (TRANSFORMS[transform](f) for f in (downsample(options), matrices(options)))
    x = double(*SHAPE)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)


def test_a_pyramid_under_transforms():
    x, t = double(*SHAPE), double(*SHAPE, seed=1)
    levels = lambda x: tuple(aa_ref_torch.pyramid(x, (1, 0.5, 0.25)))  # noqa: E731
    ys, tangents = jvp(levels, (x,), (t,))
    for y, expected in zip((*ys, *tangents), (*levels(x), *levels(t)), strict=True):
        assert torch.equal(y, expected)
    for y, expected in zip(vmap(levels)(x), levels(x), strict=True):
        assert torch.equal(y, expected)


def test_operators_called_by_name_have_derivatives():
    """Also where nobody asks in Python whether a transform is under way."""
    text = describe(3, 0.5, (-2, -1), None, "zeros", "slice")
    x, t = double(*SHAPE), double(*SHAPE, seed=1)
    assert torch.equal(
        jvp(lambda x: OPS.downsample(x, text), (x,), (t,))[1], OPS.downsample(t, text)
    )


@by_function
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_opcheck(make, dtype):
    text = describe(3, (Fraction(1, 3), 0.4), (0, 2), (0.7, None), "reflect", ("slice", "nearest"))
    x = double(*SHAPE).to(dtype).requires_grad_()
    samples = {
        downsample: (OPS.downsample, (x, text)),
        adjoint: (OPS.downsample_adjoint, (x, [5, 18], text)),
        pyramid: (OPS.pyramid, (x, [text, describe(3, 0.5, (-2, -1), None, "zeros", "slice")])),
    }
    operator, arguments = samples[make]
    torch.library.opcheck(operator, arguments)
    torch.library.opcheck(operator, arguments, {"dtype": torch.float16})
    torch.library.opcheck(operator, arguments, {"backend": "numpy"})


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_opcheck_of_adding_in_place(dtype):
    text = describe(3, (0.5, 0.4), (1, 2), None, "reflect", ("slice", "nearest"))
    total, g = double(*SHAPE).to(dtype), double(2, 5, 2, seed=1)
    torch.library.opcheck(OPS.add_adjoint, (total.clone(), g, [9, 7], text))
    expected = total + OPS.downsample_adjoint(g, [9, 7], text, dtype)
    OPS.add_adjoint(total, g, [9, 7], text)
    assert torch.equal(total, expected)


def test_opcheck_of_indices():
    for boundary in ("replicate", "reflect", "circular"):
        torch.library.opcheck(OPS.extended, (5, 7, boundary))
    torch.library.opcheck(OPS.centres, (19, describe(1, 0.3, -1, None, "zeros", "nearest")))


@by_function
def test_nothing_but_lengths_is_kept_for_the_way_back(make):
    x = input_of(make, OPTIONS["plain"]).requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda t: t):
        made = make(OPTIONS["plain"])(x * 1)
    assert kept == []
    node = (made[0] if isinstance(made, list) else made).grad_fn
    assert not any(isinstance(v, torch.Tensor) for v in vars(node).values())


@pytest.mark.parametrize("wanted", [False, True])
def test_gradients_are_recorded_only_where_wanted(wanted):
    x = double(*SHAPE).requires_grad_(wanted)
    assert aa_ref_torch.downsample(x, 0.5).requires_grad == wanted
    with torch.no_grad():
        assert not aa_ref_torch.downsample(x, 0.5).requires_grad
    with torch.inference_mode():
        y = aa_ref_torch.downsample(x, 0.5)
        assert y.is_inference()
    assert torch.equal(y, aa_ref_torch.downsample(x, 0.5))


def test_the_cores_functions_are_the_plugins():
    x = double(*SHAPE).requires_grad_()
    for core, plugin in (
        (aa_ref.downsample(x, 0.5), aa_ref_torch.downsample(x, 0.5)),
        (aa_ref.downsample_adjoint(x, 0.5, (18, 13)),
         aa_ref_torch.downsample_adjoint(x, 0.5, (18, 13))),
        (aa_ref.pyramid(x)[1], aa_ref_torch.pyramid(x)[1]),
    ):  # fmt: skip
        assert torch.equal(core, plugin)
        (a,), (b,) = (torch.autograd.grad(y.sum(), x) for y in (core, plugin))
        assert torch.equal(a, b)
