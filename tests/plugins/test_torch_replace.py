"""What `replace` makes of layers that are almost, or not at all, the original's."""

import copy

import original_layers as original
import pytest
import torch
from torch import nn

from aa_ref_torch import AntiAliasInterpolation3d, replace


def swapped(layer):
    model = nn.Sequential(layer)
    (swap,) = replace(model)
    assert (model[0] is layer) == (swap.layer is None)
    assert swap.layer is None or swap.layer is model[0]
    return swap


def derived(name="AntiAliasInterpolation2d", **methods):
    return type(name, (original.AntiAliasInterpolation2d,), methods)


def plain(layer, x):
    return original.AntiAliasInterpolation2d.forward(layer, x)


@pytest.mark.parametrize("sampling", ["slice", "nearest"])
@pytest.mark.parametrize(("channels", "scale"), [(64, 0.125), (3, 0.1), (16, 0.0625)])
def test_rounding_of_long_sums_is_no_difference(channels, scale, sampling):
    swap = swapped(original.AntiAliasInterpolation2d(channels, scale, sampling))
    assert swap.reason == ""
    assert swap.layer.options.split()[-1] == sampling


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("scale", [1, 0.25, 0.1])
def test_other_types(scale, dtype):
    swap = swapped(original.AntiAliasInterpolation2d(3, scale).to(dtype))
    assert swap.reason == ""
    assert swap.layer.weight.dtype == dtype


@pytest.mark.parametrize("scale", [0.125, 0.0625])
def test_another_first_sample_is_a_difference(scale):
    def forward(self, x):
        return plain(self, x.roll((1, 1), (2, 3)))

    reason = swapped(derived(forward=forward)(3, scale)).reason
    assert "their results being" in reason
    assert float(reason.split("being ")[1].split()[0]) > 5e-3


def test_a_layer_with_another_kind_of_result_stops_nothing():
    def forward(self, x):
        return plain(self, x), self.scale

    model = nn.ModuleList(
        [
            original.AntiAliasInterpolation2d(3, 0.5),
            derived(forward=forward)(3, 0.5),
            original.AntiAliasInterpolation2d(3, 0.25),
        ]
    )
    swaps = replace(model)
    assert [swap.layer is None for swap in swaps] == [False, True, False]
    assert "where it gives a tuple: left" in swaps[1].reason


def nowhere_a_number(self, x):
    return plain(self, x) * float("nan")


def wider(self, x):
    return plain(self, x).double()


def other_when_trained(self, x):
    return plain(self, x) * (2 if self.training else 1)


def other_when_evaluated(self, x):
    return plain(self, x) * (1 if self.training else 2)


def refusing(self, x):
    raise RuntimeError("no such picture\nand more")


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (nowhere_a_number, "being nan apart"),
        (wider, "where it gives torch.float64"),
        (other_when_trained, "their results being"),
        (other_when_evaluated, "their results being"),
        (refusing, "as it raises RuntimeError: no such picture: left"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_what_acts_otherwise_is_left(forward, words, training):
    layer = derived(forward=forward)(3, 0.5).train(training)
    assert words in swapped(layer).reason
    assert layer.training == training


def with_a_parameter(layer):
    layer.gain = nn.Parameter(torch.ones(1))


def with_a_buffer(layer):
    layer.register_buffer("seen", torch.zeros(1))


def with_a_child(layer):
    layer.norm = nn.BatchNorm2d(3)


def with_a_hooked_child(layer):
    layer.pad = nn.Identity()
    layer.pad.register_forward_hook(lambda *_: None)


def with_a_trained_weight(layer):
    weight = layer.weight
    del layer.weight
    layer.weight = nn.Parameter(weight)


def with_a_weight_not_stored(layer):
    layer.register_buffer("weight", layer.weight, persistent=False)


def with_a_forward_of_its_own(layer):
    layer.forward = layer.forward


def without_a_weight(layer):
    del layer.weight


def with_whole_numbers(layer):
    layer.weight = layer.weight.long()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_a_parameter, "holds weight, gain, and"),
        (with_a_buffer, "holds weight, seen, and"),
        (with_a_child, "norm.running_mean"),
        (with_a_hooked_child, "has hooks"),
        (with_a_forward_of_its_own, "has a forward of its own, which would be lost"),
        (with_a_trained_weight, "has a parameter as its weight"),
        (with_a_weight_not_stored, "holds weight, and not one stored buffer"),
        (without_a_weight, "holds nothing"),
        (with_whole_numbers, "of type torch.int64"),
    ],
)
def test_what_holds_something_else_is_left(change, words):
    layer = original.AntiAliasInterpolation2d(3, 0.5)
    change(layer)
    reason = swapped(layer).reason
    assert words in reason
    assert reason.endswith(": left")


def test_what_cannot_be_copied_is_left():
    layer = original.AntiAliasInterpolation2d(3, 0.5)
    layer.rows = (row for row in ())
    assert "cannot be copied" in swapped(layer).reason


@pytest.mark.parametrize(
    "layer",
    [
        original.AntiAliasInterpolation3d(3, 0.5),
        derived("Blur")(3, 0.5),
        derived("AntiAliasInterpolation2dFast")(3, 0.5),
    ],
)
def test_relatives_are_reported(layer):
    named = type(layer).__name__
    assert swapped(layer).reason.startswith(f"is a {named}, and only layers")
    assert str(replace(layer)).startswith(f"the model itself: is a {named}")


def test_those_of_this_package_are_not():
    assert replace(nn.Sequential(AntiAliasInterpolation3d(3, 0.5))) == ()


def test_a_weight_that_is_shared_stays_shared():
    first, second = (original.AntiAliasInterpolation2d(3, 0.25) for _ in range(2))
    second.weight = first.weight
    model = nn.ModuleList([first, second])
    weight = first.weight
    expected = copy.deepcopy(model.state_dict())
    assert [swap.reason for swap in replace(model)] == ["", ""]
    assert model[0] is not first
    assert model[0].weight is model[1].weight is weight
    torch.testing.assert_close(model.state_dict(), expected, rtol=0, atol=0)


def test_numbers_drawn_by_a_layer_are_not_missed():
    def forward(self, x):
        return nn.functional.dropout(plain(self, x), training=self.training)

    before = torch.get_rng_state()
    assert "their results being" in swapped(derived(forward=forward)(3, 0.5)).reason
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_that_becomes_wider_is_left(dtype):
    def forward(self, x):
        return plain(self, x).float()

    reason = swapped(derived(forward=forward)(3, 0.5).to(dtype)).reason
    assert "where it gives torch.float32" in reason


@pytest.mark.parametrize(
    "around",
    [
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.device("meta"),
        torch.inference_mode,
    ],
    ids=["autocast", "device", "inference"],
)
@pytest.mark.parametrize("sampling", ["slice", "nearest"])
def test_what_is_switched_on_around_changes_no_judgement(around, sampling):
    layer = original.AntiAliasInterpolation2d(3, 0.25, sampling)
    weight = layer.weight
    with around():
        swap = swapped(layer)
    assert swap.reason == ""
    assert swap.layer.options.split()[-1] == sampling
    assert swap.layer.weight is weight
    assert swap.layer.acts_by_plan
