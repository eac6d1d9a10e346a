"""The layers: what the original computes, its checkpoints, and swapping them in live models."""

import copy
import pickle
import runpy
from fractions import Fraction
from pathlib import Path

import original_layers as original
import pytest
import torch
from support import assert_same_bits
from torch import nn

import aa_ref
import aa_ref_torch
from aa_ref.errors import ContainerError, ScaleError, ShapeError
from aa_ref_torch import (
    AntiAliasInterpolation2d,
    AntiAliasInterpolation3d,
    ImagePyramide,
    replace,
)

CLOSE = 2e-6
"""Relative to the largest value: what the original's own rounding comes to, see docs/spec.md, 7."""
SHAPES = [
    # shape, scale: those in use, odd sizes, pictures that are not square, and others
    ((1, 3, 256, 256), 0.25),
    ((2, 3, 128, 96), 0.5),
    ((2, 3, 129, 95), 0.125),
    ((1, 1, 200, 256), 0.125),
    ((3, 2, 61, 64), 0.25),
    ((1, 64, 33, 47), 0.25),
    ((2, 3, 50, 70), 1 / 3),
    ((2, 3, 57, 43), 0.16),
    ((2, 3, 57, 43), 0.4),
    ((1, 3, 256, 224), 0.875),
    ((1, 3, 40, 31), 0.75),
    ((2, 3, 20, 30), 1),
]
other_sizes = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")


def assert_close(ours, theirs, within=CLOSE):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= within * theirs.abs().max()


@other_sizes
@pytest.mark.parametrize("sampling", ["slice", "nearest"])
@pytest.mark.parametrize(("shape", "scale"), SHAPES)
def test_results_are_the_originals(shape, scale, sampling):
    theirs = original.AntiAliasInterpolation2d(shape[1], scale, sampling)
    ours = AntiAliasInterpolation2d(shape[1], scale, sampling=sampling)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert ours.acts_by_plan
    x = torch.randn(shape, requires_grad=True)
    y, expected = ours(x), theirs(x)
    assert_close(y, expected)
    g = torch.randn(y.shape)
    (gx,), (expected,) = (torch.autograd.grad(v, x, g) for v in (y * 1, expected * 1))
    assert_close(gx, expected)


@pytest.mark.parametrize("scale", [0.5, 0.25, 1 / 3])
def test_results_are_the_originals_in_three_dimensions(scale):
    theirs = original.AntiAliasInterpolation3d(2, scale)
    ours = AntiAliasInterpolation3d(2, scale)
    ours.load_state_dict(theirs.state_dict())
    assert ours.acts_by_plan
    x = torch.randn(1, 2, 17, 23, 20)
    # In binary32 its sums, of up to 13³ products, are off by nearly as much as is allowed.
    assert_close(ours(x).double(), theirs.double()(x.double()))


def test_the_pyramid_is_the_originals():
    scales = [1, 0.5, 0.25, 0.125]
    theirs, ours = original.ImagePyramide(scales, 3), ImagePyramide(scales, 3)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 3, 97, 64, requires_grad=True)
    ys, expected = ours(x), theirs(x)
    assert list(ys) == list(expected)
    assert ys["prediction_1"] is x
    for name, y in ys.items():
        assert_close(y, expected[name])
        assert_same_bits(y, aa_ref.downsample(x, float(name.removeprefix("prediction_"))))
    gs = {name: torch.randn(y.shape) for name, y in ys.items()}
    sums = [sum((y * gs[name]).sum() for name, y in made.items()) for made in (ys, expected)]
    (gx,), (expected,) = (torch.autograd.grad(total, x) for total in sums)
    assert_close(gx, expected)


def test_levels_with_hooks_or_weights_of_their_own_are_called():
    pyramid, x = ImagePyramide([0.5, 0.25, 0.125], 3), torch.randn(1, 3, 64, 40)
    before, called = pyramid(x), []
    pyramid.downs["0-5"].register_forward_hook(lambda *_: called.append("0-5"))
    pyramid.downs["0-25"].weight.mul_(2)
    pyramid.downs["0-25"].refresh()
    after = pyramid(x)
    assert called == ["0-5"]
    assert torch.equal(after["prediction_0.5"], before["prediction_0.5"])
    assert torch.equal(after["prediction_0.125"], before["prediction_0.125"])
    assert_close(after["prediction_0.25"], 2 * before["prediction_0.25"])
    pyramid.downs["0-5"] = nn.AvgPool2d(2)
    assert torch.equal(pyramid(x)["prediction_0.5"], nn.AvgPool2d(2)(x))


def test_levels_with_a_forward_of_their_own_are_called():
    """As wrappers do that move a layer's input to its device."""
    pyramid, x, seen = ImagePyramide([0.5, 0.25, 0.125], 3), torch.randn(1, 3, 64, 40), []
    before, forward = pyramid(x), pyramid.downs["0-25"].forward

    def wrapped(x):
        seen.append(x)
        return 2 * forward(x)

    pyramid.downs["0-25"].forward = wrapped
    after = pyramid(x)
    assert len(seen) == 1
    assert torch.equal(after["prediction_0.5"], before["prediction_0.5"])
    assert torch.equal(after["prediction_0.25"], 2 * before["prediction_0.25"])


@pytest.mark.parametrize("hook", ["forward_hook", "forward_pre_hook"])
def test_hooks_of_all_modules_are_called_for_levels(hook):
    pyramid, seen = ImagePyramide([0.5, 0.25], 3), []
    register = getattr(nn.modules.module, f"register_module_{hook}")
    handle = register(lambda module, *_: seen.append(type(module).__name__))
    try:
        levels = pyramid(torch.randn(1, 3, 64, 40, requires_grad=True))
        sum(level.sum() for level in levels.values()).backward()
    finally:
        handle.remove()
    assert seen.count("AntiAliasInterpolation2d") == 2


def test_levels_may_be_added_and_taken_away():
    x = torch.randn(1, 3, 64, 40)
    theirs, ours = original.ImagePyramide([1, 0.5, 0.25], 3), ImagePyramide([1, 0.5, 0.25], 3)
    for pyramid, kind in ((theirs, original.AntiAliasInterpolation2d), (ours, None)):
        pyramid.downs["0-125"] = (kind or AntiAliasInterpolation2d)(3, 0.125)
        del pyramid.downs["1"]
    levels, expected = ours(x), theirs(x)
    assert list(levels) == list(expected)
    for name, y in levels.items():
        assert_close(y, expected[name])
    del ours.downs["0-125"]
    assert list(ours(x)) == ["prediction_0.5", "prediction_0.25"]
    assert list(ImagePyramide([1e-05], 1, sigma=1)(torch.ones(1, 8, 8))) == ["prediction_1e-05"]


# ------------------------------------------------------------------------------- attributes


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125, 1 / 3, 1])
def test_attributes_are_the_originals(scale):
    theirs, ours = original.AntiAliasInterpolation2d(4, scale), AntiAliasInterpolation2d(4, scale)
    for name in ("ka", "kb", "groups", "scale", "int_inv_scale"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.weight.shape == theirs.weight.shape
    assert ours.weight.dtype == torch.float32
    assert [name for name, _ in ours.named_buffers()] == ["weight"]
    assert not list(ours.parameters())
    if scale != 1:
        assert ((ours.weight / theirs.weight - 1).abs() <= CLOSE).all()


def test_a_scale_for_each_axis():
    layer = AntiAliasInterpolation2d(3, (0.5, Fraction(1, 3)), boundary="reflect")
    assert layer.weight.shape == (3, 1, 5, 9)
    assert layer.int_inv_scale == (2, 3)
    x = torch.randn(1, 3, 30, 31)
    expected = aa_ref.downsample(x, (0.5, Fraction(1, 3)), boundary="reflect")
    assert_same_bits(layer(x), expected)
    layer.weight.mul_(3)
    layer.refresh()
    assert_close(layer(x), 3 * expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_better_than_the_originals(dtype):
    """Rounded once at the end, by half a unit; the original flushes its corner weights to zero."""
    x = torch.rand(1, 3, 64, 50).to(dtype)
    truth = aa_ref.downsample(x.double(), 0.25)
    ours = AntiAliasInterpolation2d(3, 0.25).to(dtype)
    theirs = original.AntiAliasInterpolation2d(3, 0.25).to(dtype)
    assert ours(x).dtype == dtype
    errors = [(y(x).double() - truth).abs().max() for y in (ours, theirs)]
    assert errors[0] <= truth.max() * torch.finfo(dtype).eps / 2 * (1 + 1e-3)
    assert errors[0] < errors[1]


def test_inputs_that_do_not_fit_are_refused():
    layer = AntiAliasInterpolation2d(3, 0.5)
    assert layer(torch.ones(3, 8, 9)).shape == (3, 4, 5)
    for shape in ((1, 4, 8, 9), (8, 9), (1, 1, 3, 8, 9)):
        with pytest.raises(ShapeError, match=r"takes \(N, 3, height, width\)"):
            layer(torch.ones(shape))
    for channels in (0, -1, True, 2.5, "3"):
        with pytest.raises(ShapeError, match="channels is"):
            AntiAliasInterpolation2d(channels, 0.5)
    with pytest.raises(ScaleError, match="was 1/4 meant"):
        AntiAliasInterpolation2d(3, 4)


def test_inputs_of_other_kinds_are_refused():
    for layer in (AntiAliasInterpolation2d(3, 0.5), ImagePyramide([0.5, 0.25], 3)):
        with pytest.raises(ContainerError, match=r"is a ndarray.* write torch\.from_numpy"):
            layer(torch.ones(3, 8, 9).numpy())
    for scales in (0.5, "0.5"):
        with pytest.raises(ScaleError, match="no sequence"):
            ImagePyramide(scales, 3)


def test_a_scale_that_drops_nothing_is_warned_of_once():
    with pytest.warns(UserWarning, match=r"scale 0.875 has stride") as caught:
        layer = AntiAliasInterpolation2d(3, 0.875)
    assert caught[0].filename == __file__
    assert torch.equal(layer(torch.ones(1, 3, 5, 6)), torch.ones(1, 3, 5, 6))


def test_what_print_shows():
    pyramid = ImagePyramide([1, 0.25], 3, boundary="reflect")
    assert str(pyramid) == (
        "ImagePyramide(\n  (downs): ModuleDict(\n"
        "    (1): AntiAliasInterpolation2d(3, scale=1, boundary='reflect')\n"
        "    (0-25): AntiAliasInterpolation2d(3, scale=0.25, boundary='reflect')\n  )\n)"
    )


@pytest.mark.parametrize(
    "layer",
    [
        AntiAliasInterpolation2d(3, (0.5, Fraction(1, 3)), sampling="nearest"),
        AntiAliasInterpolation2d(3, 1),
        ImagePyramide([1, 0.5, 0.25], 3),
    ],
    ids=str,
)
def test_copies_and_pickles(layer, tmp_path):
    x = torch.randn(1, 3, 20, 25)
    torch.save(layer, tmp_path / "layer.pt")
    copies = [
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
        torch.load(tmp_path / "layer.pt", weights_only=False),
    ]
    for other in copies:
        torch.testing.assert_close(other(x), layer(x), rtol=0, atol=0)
        torch.testing.assert_close(other.state_dict(), layer.state_dict(), rtol=0, atol=0)


# ------------------------------------------------------------------------------ checkpoints


@other_sizes
@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125, 1 / 3, 0.4, 1])
@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "float64"])
def test_the_originals_checkpoints_are_the_design(scale, kind):
    theirs = original.AntiAliasInterpolation2d(3, scale).to(getattr(torch, kind))
    ours = AntiAliasInterpolation2d(3, scale)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert ours.acts_by_plan
    x = torch.randn(1, 3, 40, 33)
    assert_same_bits(ours(x), aa_ref.downsample(x, scale))
    back = original.AntiAliasInterpolation2d(3, scale)
    back.load_state_dict(ours.state_dict(), strict=True)
    expected = theirs.weight.float()
    torch.testing.assert_close(back.weight, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125, 1 / 3])
@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16])
def test_a_design_in_one_half_loads_into_the_other(stored, scale):
    (here,) = {torch.float16, torch.bfloat16} - {stored}
    ours = AntiAliasInterpolation2d(3, scale).to(here)
    ours.load_state_dict(original.AntiAliasInterpolation2d(3, scale).to(stored).state_dict())
    assert ours.weight.dtype == here
    assert ours.acts_by_plan
    x = torch.randn(1, 3, 40, 33).to(here)
    assert_same_bits(ours(x), aa_ref.downsample(x, scale))


def test_a_checkpoint_without_a_filter_loads_at_another_scale():
    """Of the original's layer at scale 1, where its weight is NaN; the error says: pass sigma=0."""
    theirs = original.AntiAliasInterpolation2d(3, 1).state_dict()
    assert theirs["weight"].isnan().all()
    with pytest.raises(RuntimeError, match=r"1 tap: scale 1; to keep it at .* pass sigma=0$"):
        AntiAliasInterpolation2d(3, 0.25).load_state_dict(theirs)
    ours = AntiAliasInterpolation2d(3, 0.25, sigma=0)
    ours.load_state_dict(theirs)
    x = torch.randn(1, 3, 12, 13)
    assert torch.equal(ours(x), x[:, :, ::4, ::4])


@pytest.mark.parametrize("scale", [0.5, 0.25])
@pytest.mark.parametrize("factor", [1 + 1e-5, 0.5, -3])
def test_other_weights_act_as_they_are(scale, factor):
    theirs = original.AntiAliasInterpolation2d(3, scale)
    theirs.weight[1, 0, 2, 3] *= factor
    ours = AntiAliasInterpolation2d(3, scale)
    ours.load_state_dict(theirs.state_dict())
    assert not ours.acts_by_plan
    assert "stored weights" in str(ours)
    x = torch.randn(1, 3, 40, 33, requires_grad=True)
    assert_close(ours(x), theirs(x))
    ours.load_state_dict(original.AntiAliasInterpolation2d(3, scale).state_dict())
    assert ours.acts_by_plan


@other_sizes
@pytest.mark.parametrize("sampling", ["slice", "nearest"])
@pytest.mark.parametrize("shape", [(2, 3, 41, 50), (1, 3, 12, 13), (3, 41, 50)])
@pytest.mark.parametrize("scale", [0.5, 0.25, 0.3])
def test_stored_weights_sample_alike(scale, shape, sampling):
    theirs = original.AntiAliasInterpolation2d(3, scale, sampling)
    theirs.weight.copy_(torch.rand(theirs.weight.shape))
    ours = AntiAliasInterpolation2d(3, scale, sampling=sampling)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(shape)
    expected = theirs(x if x.dim() == 4 else x[None])
    assert_close(ours(x), expected if x.dim() == 4 else expected[0])


@pytest.mark.parametrize("boundary", ["replicate", "reflect", "circular"])
def test_stored_weights_at_the_boundary(boundary):
    """Twice the design is twice the result, in a convolution's own rounding."""
    for shape in ((2, 3, 41, 50), (2, 3, 3, 50)):  # also where the filter is wider than all
        layer = AntiAliasInterpolation2d(3, 0.25, boundary=boundary)
        x = torch.randn(shape)
        expected = 2 * layer(x)
        layer.weight.mul_(2)
        layer.refresh()
        assert_close(layer(x), expected)


def test_weights_that_are_no_numbers_act_as_they_are():
    ours = AntiAliasInterpolation2d(3, 0.5)
    ours.load_state_dict({"weight": torch.full((3, 1, 5, 5), float("nan"))})
    assert not ours.acts_by_plan
    assert ours(torch.ones(1, 3, 8, 9)).isnan().all()


def test_weights_changed_in_place_act_after_refresh():
    layer = AntiAliasInterpolation2d(3, 0.5)
    layer.weight.mul_(2)
    assert layer.acts_by_plan
    layer.refresh()
    assert not layer.acts_by_plan
    layer.weight.div_(2)
    layer.refresh()
    assert layer.acts_by_plan


@pytest.mark.parametrize("shape", [(3, 1, 5, 5), (3, 1, 1, 1), (1, 1, 13, 13), (3, 13, 13)])
def test_a_weight_of_another_shape_is_refused(shape):
    layer = AntiAliasInterpolation2d(3, 0.25)
    layer.weight = torch.ones(shape)
    with pytest.raises(ShapeError, match=r"weight has shape .* has \(3, 1, 13, 13\); build"):
        layer.refresh()
    unfiltered = AntiAliasInterpolation2d(3, 1)
    unfiltered.weight = torch.ones(shape)
    unfiltered.refresh()


def test_loading_into_the_meta_device():
    with torch.device("meta"):
        layer = AntiAliasInterpolation2d(3, 0.5)
    assert layer.weight.is_meta
    weights = original.AntiAliasInterpolation2d(3, 0.5).state_dict()
    weights["weight"] = weights["weight"] * 2
    layer.load_state_dict(weights, assign=True)
    assert not layer.acts_by_plan


@pytest.mark.parametrize(
    ("stored", "here", "words"),
    [
        (0.25, {"scale": 0.125}, "13 taps: scale 0.25; to keep it at scale 0.125 pass sigma=1.5"),
        (0.125, {"scale": 0.25}, "29 taps: scale 0.125; to keep it at scale 0.25 pass sigma=3.5"),
        (0.4, {"scale": 0.5}, "7 taps: none of the scales .*; to keep .* pass sigma=0.75"),
        (0.25, {"scale": 0.25, "channels": 1}, "3 channels, so pass channels=3"),
        (0.25, {"scale": (0.25, 0.5)}, "13 taps: scale 0.25"),
    ],
)  # fmt: skip
def test_a_mismatch_says_what_to_pass(stored, here, words):
    model = nn.Sequential(AntiAliasInterpolation2d(**{"channels": 3} | here))
    theirs = nn.Sequential(original.AntiAliasInterpolation2d(3, stored))
    with pytest.raises(RuntimeError, match=rf"size mismatch for 0\.weight: .*{words}") as caught:
        model.load_state_dict(theirs.state_dict())
    assert str(caught.value).count("size mismatch") == 1


def test_what_a_mismatch_says_to_pass_does_load():
    theirs = original.AntiAliasInterpolation2d(3, 0.25)
    ours = AntiAliasInterpolation2d(3, 0.125, sigma=1.5)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert ours.acts_by_plan
    x = torch.randn(1, 3, 64, 48)
    full = nn.functional.conv2d(x, theirs.weight, padding=6, groups=3)
    assert_close(ours(x), full[:, :, ::8, ::8])


# ------------------------------------------------------------------------------- replacing


class Detector(nn.Module):
    """Layers where they are in the First Order Motion Model, and where they are not."""

    def __init__(self):
        super().__init__()
        self.down = original.AntiAliasInterpolation2d(3, 0.25)
        self.same = self.down
        self.dense = nn.Sequential(
            nn.Conv2d(3, 3, 3), original.AntiAliasInterpolation2d(3, 0.5, "nearest")
        )
        self.pyramid = original.ImagePyramide([1, 0.5, 0.125], 3)


def test_replace():
    model = Detector().eval()
    model.pyramid.downs["0-5"].weight.mul_(2)
    expected = copy.deepcopy(model)
    swaps = replace(model)
    assert [swap.name for swap in swaps] == [
        "down", "same", "dense.1", "pyramid.downs.1", "pyramid.downs.0-5", "pyramid.downs.0-125",
    ]  # fmt: skip
    assert model.down is model.same
    assert model.dense[1].options.endswith("nearest")
    assert not model.down.training
    assert not model.pyramid.downs["0-5"].acts_by_plan
    torch.testing.assert_close(
        model.state_dict(), expected.state_dict(), rtol=0, atol=0, equal_nan=True
    )
    assert str(swaps).splitlines()[4] == (
        "pyramid.downs.0-5: AntiAliasInterpolation2d(3, scale=0.5, by its stored weights)"
    )
    x = torch.randn(1, 3, 61, 50)
    for path in ("down", "dense", "same"):
        assert_close(model.get_submodule(path)(x), expected.get_submodule(path)(x))
    for name, y in model.pyramid(x).items():
        assert_close(y, expected.pyramid(x)[name])
    assert all(swap.reason.endswith("of aa_ref_torch already: left") for swap in replace(model))


def test_replace_sees_a_fixed_sigma():
    layer = original.AntiAliasInterpolation2d(3, 0.25)
    layer.scale, layer.int_inv_scale = 0.125, 8
    model = nn.Sequential(layer)
    replace(model)
    assert str(model[0]) == "AntiAliasInterpolation2d(3, scale=0.125, sigma=1.5)"
    assert model[0].acts_by_plan


@other_sizes
@pytest.mark.parametrize("sampling", ["slice", "nearest"])
@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125, 1 / 3, 0.4])
def test_replace_tells_samplings_apart(scale, sampling):
    model = nn.Sequential(original.AntiAliasInterpolation2d(2, scale, sampling))
    assert [swap.reason for swap in replace(model)] == [""]
    assert model[0].options.split()[-1] == sampling


def test_replace_leaves_what_it_does_not_know():
    class AntiAliasInterpolation2d(original.AntiAliasInterpolation2d):
        def forward(self, x):
            x = nn.functional.conv2d(x, self.weight, padding=self.ka, groups=self.groups)
            return nn.functional.interpolate(x, scale_factor=self.scale, mode="bilinear")

    hooked = original.AntiAliasInterpolation2d(3, 0.5)
    hooked.register_forward_hook(lambda *_: None)
    nameless = original.AntiAliasInterpolation2d(3, 0.5)
    del nameless.scale
    model = nn.Sequential(AntiAliasInterpolation2d(3, 0.5), hooked, nameless)
    before = list(model)
    swaps = replace(model)
    assert list(model) == before
    for swap, reason in zip(
        swaps, ("does nothing", "has hooks", "no attribute 'scale'"), strict=True
    ):
        assert swap.layer is None
        assert reason in swap.reason
        assert swap.reason.endswith("left")


def test_replace_refuses_what_it_cannot_change():
    with pytest.raises(ContainerError, match="cannot be swapped in place"):
        replace(original.AntiAliasInterpolation2d(3, 0.5))
    with pytest.raises(ContainerError, match="is a str"):
        replace("model")
    with pytest.raises(ContainerError, match="classes has 3, a int; write the class"):
        replace(nn.Identity(), classes=["Blur", 3])


def test_public_names_are_documented():
    assert aa_ref_torch.__all__ == sorted(aa_ref_torch.__all__)
    for name in aa_ref_torch.__all__:
        assert getattr(aa_ref_torch, name).__doc__


def test_the_script_in_the_documents_swaps_the_layer(capsys):
    script = Path(aa_ref_torch.__file__).parents[2] / "docs" / "swap_the_layer.py"
    if not script.exists():
        pytest.skip("the plugin is installed without the documents")
    runpy.run_path(str(script), run_name="__main__")
    assert "All keys matched" in capsys.readouterr().out
