"""Models as people have them: pickles, fixed sigmas, names of arguments, errors they catch."""

import io
import pickle
import sys
import types

import original_layers as original
import pytest
import torch
from support import assert_same_bits
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import aa_ref
import aa_ref_torch
from aa_ref import errors as E  # noqa: N812
from aa_ref_torch import AntiAliasInterpolation2d, AntiAliasInterpolation3d, ImagePyramide

CLOSE = 2e-6
X = torch.randn(2, 3, 40, 51, generator=torch.Generator().manual_seed(0))


# --------------------------------------------------------------------------- a sigma at scale 1


@pytest.mark.parametrize("sigma", [1.5, 2.1])
@pytest.mark.parametrize("scale", [1, 1.0, (1, 1)])
def test_scale_1_is_the_identity_with_a_sigma_too(scale, sigma):
    layer = AntiAliasInterpolation2d(3, scale, sigma=sigma)
    theirs = original.AntiAliasInterpolation2d(3, 1, sigma=sigma)
    layer.load_state_dict(theirs.state_dict())
    assert layer(X) is X
    assert layer.ka == theirs.ka
    assert str(layer) == f"AntiAliasInterpolation2d(3, scale={scale}, sigma={sigma})"
    volume = torch.randn(1, 2, 8, 9, 10)
    assert AntiAliasInterpolation3d(2, 1, sigma=sigma)(volume) is volume


def test_an_axis_of_scale_1_beside_another_is_filtered_by_its_sigma():
    layer = AntiAliasInterpolation2d(3, (1, 0.5), sigma=1.5)
    assert_same_bits(layer(X), aa_ref.downsample(X, (1, 0.5), sigma=1.5))


def test_a_pyramid_of_one_sigma_is_the_models():
    """The training loss of such a model stays what it was, in every level."""
    scales = [1, 0.5, 0.25, 0.125]
    theirs, ours = original.ImagePyramide(scales, 3, sigma=1.5), ImagePyramide(scales, 3, sigma=1.5)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    levels, expected = ours(X), theirs(X)
    assert levels["prediction_1"] is X
    for name, y in levels.items():
        assert (y - expected[name]).abs().max() <= CLOSE * expected[name].abs().max()


@pytest.mark.parametrize(("scale", "told"), [(1, True), (1.0, True), ((1, 1), True), (0.5, False)])
def test_a_mismatch_says_what_a_layer_does_at_scale_1(scale, told):
    layer = AntiAliasInterpolation2d(3, scale)
    stored = original.AntiAliasInterpolation2d(3, 1, sigma=1.5).state_dict()
    with pytest.raises(RuntimeError, match=r"pass sigma=1\.5") as caught:
        layer.load_state_dict(stored)
    assert ("where the layer returns its input, pass sigma" in str(caught.value)) == told
    AntiAliasInterpolation2d(3, scale, sigma=1.5).load_state_dict(stored)


# -------------------------------------------------------------------------------------- pickles


def opened_after_the_import_changed(model, **names):
    """A model pickled with classes of some module, which has others when it is opened."""
    module = types.ModuleType("modules_util")
    sys.modules["modules_util"] = module
    try:
        classes = {type(one) for one in model.modules() if type(one).__module__ != "torch"}
        for cls in classes:
            if cls.__name__ in names:
                cls.__module__, before = "modules_util", cls.__module__
                setattr(module, cls.__name__, cls)
                names[cls.__name__] = names[cls.__name__], cls, before
        file = io.BytesIO()
        torch.save(model, file)
        for name, (ours, _, _) in names.items():
            setattr(module, name, ours)
        return torch.load(io.BytesIO(file.getvalue()), weights_only=False)
    finally:
        for _, cls, before in names.values():
            cls.__module__ = before
        del sys.modules["modules_util"]


def of_2019(layer):
    """Without what came with the slices, and sampling as before."""
    del layer.int_inv_scale
    layer.sampling = "nearest"
    return layer


def doubled(layer):
    layer.weight.mul_(2)
    return layer


def without_a_weight(layer):
    del layer.weight
    return layer


def frozen(layer):
    weight = nn.Parameter(layer.weight, requires_grad=False)
    del layer.weight
    layer.weight = weight
    return layer


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (original.AntiAliasInterpolation2d(3, 0.25), "scale=0.25"),
        (original.AntiAliasInterpolation2d(3, 1), "scale=1"),
        (original.AntiAliasInterpolation2d(3, 1, sigma=1.5), "scale=1, sigma=1.5"),
        (original.AntiAliasInterpolation2d(3, 0.5, sigma=2.1), "scale=0.5, sigma=2.1"),
        (original.AntiAliasInterpolation2d(3, 0.25).half(), "scale=0.25"),
        (doubled(original.AntiAliasInterpolation2d(3, 0.5)), "scale=0.5, by its stored weights"),
        (without_a_weight(original.AntiAliasInterpolation2d(3, 1)), "scale=1"),
        (frozen(original.AntiAliasInterpolation2d(3, 0.5)), "scale=0.5"),
        (of_2019(original.AntiAliasInterpolation2d(3, 0.25)), "scale=0.25, sampling='nearest'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_pickle_of_the_originals_layer_works(layer, shown):
    layer.channels = 3
    model = nn.Sequential(layer).eval()
    opened = opened_after_the_import_changed(
        model, AntiAliasInterpolation2d=AntiAliasInterpolation2d
    )
    assert type(opened[0]) is AntiAliasInterpolation2d
    assert str(opened[0]) == f"AntiAliasInterpolation2d(3, {shown})"
    assert list(opened.state_dict()) == list(model.state_dict())
    assert opened[0].channels == 3
    assert not opened[0].training
    x = torch.rand(2, 3, 41, 50).to(torch.float16 if "half" in str(layer) else torch.float32)
    within = CLOSE if getattr(layer, "weight", x).dtype == torch.float32 else 1e-3
    expected = layer.float()(x)
    assert opened(x).shape == expected.shape
    assert (opened(x) - expected).abs().max() <= within * expected.abs().max()
    again = pickle.loads(pickle.dumps(opened))
    assert torch.equal(again(x), opened(x))


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"padding": "reflect"}, "padding='reflect'"),
        ({"sampling": "nearest"}, "sampling='nearest'"),
    ],
)
def test_a_pickle_of_a_fork_that_says_so_is_warned_of(option, said):
    """What its class makes of it is not in the pickle."""
    model = nn.Sequential(original.AntiAliasInterpolation2d(3, 0.25, **option))
    with pytest.warns(UserWarning, match=f"has {said}, which the original has not.*replace"):
        opened_after_the_import_changed(model, AntiAliasInterpolation2d=AntiAliasInterpolation2d)


def test_a_pickle_of_the_originals_other_layers_works():
    model = nn.ModuleList(
        [original.ImagePyramide([1, 0.5, 0.25], 3), original.AntiAliasInterpolation3d(2, 0.5)]
    )
    model[1].int_inv_scale = 2
    opened = opened_after_the_import_changed(
        model,
        AntiAliasInterpolation2d=AntiAliasInterpolation2d,
        AntiAliasInterpolation3d=AntiAliasInterpolation3d,
        ImagePyramide=ImagePyramide,
    )
    levels, expected = opened[0](X), model[0](X)
    assert list(levels) == list(expected)
    for name, y in levels.items():
        assert (y - expected[name]).abs().max() <= CLOSE * expected[name].abs().max()
    x = torch.rand(1, 2, 12, 15, 10)
    assert (opened[1](x) - model[1](x)).abs().max() <= CLOSE


def test_a_pickle_without_a_scale_says_so():
    layer = original.AntiAliasInterpolation2d(3, 0.5)
    del layer.scale
    with pytest.raises(E.ScaleError, match=r"without a scale.* load its state_dict"):
        opened_after_the_import_changed(layer, AntiAliasInterpolation2d=AntiAliasInterpolation2d)


# ------------------------------------------------------------------ as a user of torch has it


@pytest.mark.parametrize("name", ["input", "x"])
def test_the_tensor_by_its_names(name):
    for layer in (AntiAliasInterpolation2d(3, 0.5), AntiAliasInterpolation2d(3, 1)):
        expected, seen = layer(X), []
        layer.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        assert torch.equal(layer(**{name: X}), expected)
        assert seen == [1]
    volume = torch.randn(1, 2, 8, 9, 10)
    layer = AntiAliasInterpolation3d(2, 0.5)
    assert torch.equal(layer(**{name: volume}), layer(volume))
    compiled = torch.compile(lambda x: layer(**{name: x}), fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(volume), layer(volume))


def test_wrong_names_of_arguments_are_pythons_errors():
    layer = AntiAliasInterpolation2d(3, 0.5)
    for arguments, named in (((), {}), ((X,), {"x": X}), ((), {"image": X}), ((X, X), {})):
        with pytest.raises(TypeError, match="argument"):
            layer(*arguments, **named)


FITS_NOT = {
    "channels": lambda: AntiAliasInterpolation2d(4, 0.5)(X),
    "dimensions": lambda: AntiAliasInterpolation3d(3, 0.5)(X[0]),
    "height 0": lambda: AntiAliasInterpolation2d(3, 0.5)(X[:, :, :0]),
    "pyramid": lambda: ImagePyramide([0.5, 0.25], 3)(X[..., :0]),
    "type": lambda: AntiAliasInterpolation2d(3, 0.5)(X.int()),
    "too short": lambda: AntiAliasInterpolation2d(3, 0.125, sampling="nearest")(X[..., :7]),
    "adjoint": lambda: aa_ref_torch.downsample_adjoint(X, 0.5, (8, 9)),
    "adjoint's type": lambda: aa_ref_torch.downsample_adjoint(X.to(torch.uint8), 0.5, (79, 101)),
    "function": lambda: aa_ref.downsample(X[..., :0], 0.5),
    "backward": lambda: torch.ops.aa_ref.downsample_adjoint(X, [8, 9], "-1 0.5 None zeros slice"),
}


@pytest.mark.parametrize("call", FITS_NOT.values(), ids=FITS_NOT)
def test_tensors_that_do_not_fit_are_runtime_errors_too(call):
    """As torch's convolutions raise, which models catch."""
    with pytest.raises(RuntimeError) as caught:
        call()
    assert isinstance(caught.value, E.AaRefError)


@pytest.mark.parametrize(("dim", "name"), [(2, "height"), (3, "width")])
def test_pictures_without_samples_are_told_as_pictures(dim, name):
    empty = X.narrow(dim, 0, 0)
    for scale in (0.5, (1, 0.5)):
        with pytest.raises(E.LengthError, match=rf"whose {name} is 0: .*leave such") as told:
            AntiAliasInterpolation2d(3, scale)(empty)
        assert "axes" not in str(told.value)
    assert AntiAliasInterpolation2d(3, 0.5)(X[:0]).shape == (0, 3, 20, 26)


@pytest.mark.parametrize("scale", [0.5, (1, 0.25), 1])
def test_flops_are_counted(scale):
    """Two for each multiplication of the plan, there and back, as torch counts convolutions."""
    plan = aa_ref.plan(X.shape, scale)
    x = X.clone().requires_grad_()
    counter = FlopCounterMode(display=False)
    with counter:
        AntiAliasInterpolation2d(3, scale)(x).sum().backward()
    assert counter.get_total_flops() == 2 * 2 * plan.multiplications
    with torch.no_grad(), counter:
        aa_ref_torch.downsample(X.double(), scale)
    assert counter.get_total_flops() == 2 * plan.multiplications
    meta = X.to("meta")
    with counter:
        aa_ref_torch.downsample(meta, scale)
    assert counter.get_total_flops() == 2 * plan.multiplications


def test_flops_of_pyramids_and_adjoints_are_counted():
    scales = (1, 0.5, 0.25)
    plans = [aa_ref.plan(X.shape, scale) for scale in scales]
    there = 2 * sum(plan.multiplications for plan in plans)
    x = X.clone().requires_grad_()
    counter = FlopCounterMode(display=False)
    with counter:
        levels = ImagePyramide(scales, 3)(x)
    assert counter.get_total_flops() == there
    with counter:
        sum(level.square().sum() for level in levels.values()).backward()
    back = counter.get_total_flops()
    assert there <= back <= there + 2 * X.numel()
    with counter:
        aa_ref_torch.downsample_adjoint(torch.ones(2, 3, 10, 13), 0.25, (40, 51))
    assert counter.get_total_flops() == 2 * plans[2].multiplications
    convolving = AntiAliasInterpolation2d(3, 0.5)
    convolving.weight.mul_(2)
    convolving.refresh()
    with counter:
        convolving(X)
    assert counter.get_total_flops() == 2 * 25 * 2 * 3 * 20 * 26


def test_errors_of_tensors_with_an_out_are_runtime_errors_too():
    for x, out in ((X[:, :, :0], X), (X.int(), X)):
        with pytest.raises(
            RuntimeError, match=r"axis 2 has length 0|type is torch\.int32"
        ) as caught:
            aa_ref.downsample(x, 0.5, out=out)
        assert isinstance(caught.value, aa_ref.AaRefError)
