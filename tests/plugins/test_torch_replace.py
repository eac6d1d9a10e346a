"""What `replace` makes of layers that are almost, or not at all, the original's."""

import copy

import original_layers as original
import pytest
import torch
from torch import nn

import aa_ref
from aa_ref_torch import AntiAliasInterpolation3d, ImagePyramide, replace


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


class WithState(original.AntiAliasInterpolation2d):
    """It has what no buffer is in its checkpoints."""

    def get_extra_state(self):
        return 1

    def set_extra_state(self, state):
        pass


def with_state_of_its_own(layer):
    layer.__class__ = WithState


def with_a_weight_that_is_even(layer):
    layer.weight = layer.weight[:, :, 1:]


def with_a_weight_that_is_a_list(layer):
    weight = layer.weight.tolist()
    del layer.weight
    layer.weight = weight


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
        (with_state_of_its_own, "holds weight, _extra_state, and"),
        (without_a_weight, "cannot be tried, as it raises AttributeError: "),
        (with_a_weight_that_is_even, "has a weight (3, 1, 4, 5)"),
        (with_a_weight_that_is_a_list, "has a weight that is a list"),
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


def test_those_of_this_package_are_reported():
    model = nn.Sequential(AntiAliasInterpolation3d(3, 0.5), ImagePyramide([0.5], 3))
    assert str(replace(model)).splitlines() == [
        "0: is an AntiAliasInterpolation3d of aa_ref_torch already: left",
        "1.downs.0-5: is an AntiAliasInterpolation2d of aa_ref_torch already: left",
    ]
    assert str(replace(nn.Sequential(nn.Conv2d(3, 3, 3)))).startswith("no layer in the model that")


def as_script(model):
    class Plain(nn.Module):  # torch.jit.script reads no `mode` of the layers' pads
        def __init__(self):
            super().__init__()
            self.register_buffer("weight", model[0].weight)

        def forward(self, x: torch.Tensor):
            return nn.functional.conv2d(x, self.weight, groups=3)[:, :, ::2, ::2]

    Plain.__name__ = type(model[0]).__name__
    return torch.jit.script(nn.Sequential(Plain()))


@pytest.mark.parametrize("name", ["AntiAliasInterpolation2d", "AntiAliasDownsample2d"])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (as_script, "0: is {} as torch.jit has compiled or traced it"),
        (lambda model: torch.jit.trace(model, torch.ones(1, 3, 8, 9)), "0: is {} as torch.jit has"),
        (torch.fx.symbolic_trace, "0: is what torch.fx or torch.export has kept of a layer"),
        (
            lambda model: torch.export.export(model, (torch.ones(1, 3, 8, 9),)).module(),
            "0: is what torch.fx or torch.export has kept of a layer",
        ),
    ],
    ids=["scripted", "traced", "fx", "exported"],
)
def test_layers_in_graphs_are_reported(make, words, name):
    model = make(nn.Sequential(derived(name)(3, 0.5)))
    before = dict(model.named_modules())
    told = str(replace(model))
    assert told.startswith(words.format(name))
    assert told.endswith("it: left")
    assert len(told.splitlines()) == 1
    assert dict(model.named_modules()) == before


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_frozen_script_is_reported():
    """Its layers are in its code alone."""
    model = nn.Sequential(original.AntiAliasInterpolation2d(3, 0.5)).eval()
    frozen = torch.jit.freeze(torch.jit.trace(model, torch.ones(1, 3, 8, 9)))
    told = str(replace(frozen))
    assert told.startswith("the model itself: is Sequential as torch.jit has compiled or traced it")
    assert "replace the layers of the model first" in told


# ------------------------------------------------------------------------- by what a layer does


class Layer3d(original.AntiAliasInterpolation3d):
    """The same volumes under a name of its own."""


def without_a_buffer(scale, channels=3):
    """A fork that has none at scale 1; and, elsewhere, one that is in no checkpoint."""

    class AntiAliasInterpolation2d(original.AntiAliasInterpolation2d):
        def __init__(self):
            super().__init__(channels, scale)
            weight = self.weight
            del self.weight
            if scale != 1:
                self.weight = weight

    return AntiAliasInterpolation2d()


def with_a_weight_not_stored(scale):
    layer = original.AntiAliasInterpolation2d(3, scale)
    layer.register_buffer("weight", layer.weight, persistent=False)
    return layer


class ByFactor(nn.Module):
    """A fork that has factors for scales, one for each axis, and its own words for all."""

    def __init__(self, factors, padding="constant"):
        super().__init__()
        taps = [plan_of(1 / factor) for factor in factors]
        weight = taps[0][:, None] * taps[1]
        self.register_buffer("weight", weight.float()[None, None].repeat(2, 1, 1, 1))
        self.factors, self.padding = factors, padding

    def forward(self, image):
        rows, columns = (n // 2 for n in self.weight.shape[2:])
        image = nn.functional.pad(image, (columns, columns, rows, rows), mode=self.padding)
        image = nn.functional.conv2d(image, self.weight, groups=2)
        return image[..., :: self.factors[0], :: self.factors[1]]


def plan_of(scale):
    return torch.tensor(aa_ref.plan((9,), scale, axes=0, input_dtype="float64").axes[0].taps)


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (original.AntiAliasInterpolation3d(2, 0.5), "3d(2, scale=0.5)"),
        (Layer3d(2, 1 / 3), "3d(2, scale=0.3333333333333333)"),
        (derived("AntiAliasDownsample2d")(3, 0.25), "2d(3, scale=0.25)"),
        (derived("AntiAliasInterpolation2dFast")(3, 0.5, "nearest"),
         "2d(3, scale=0.5, sampling='nearest')"),
        (ByFactor((4, 4)), "2d(2, scale=0.25)"),
        (ByFactor((2, 3)), "2d(2, scale=(0.5, 0.3333333333333333))"),
        (without_a_buffer(1), "2d(3, scale=1)"),
        (without_a_buffer(0.25, 2), "2d(2, scale=0.25)"),
        (with_a_weight_not_stored(0.5), "2d(3, scale=0.5)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_layers_are_known_by_what_they_do(layer, shown):
    rank = 3 if "3d" in shown else 2
    x = torch.randn(2, 2 if "(2" in shown else 3, *(37, 44, 29)[:rank])
    expected, stored = layer(x), list(layer.state_dict())
    model = nn.Sequential(layer)
    assert str(replace(model)) == f"0: AntiAliasInterpolation{shown}"
    assert list(model[0].state_dict()) == stored
    assert (model(x) - expected).abs().max() <= 2e-6 * expected.abs().max()


def test_others_of_a_class_that_was_found_are_looked_at():
    """At scale 1 the layer under another name holds nothing that would be known."""

    class Down(original.AntiAliasInterpolation2d):
        def __init__(self, channels, scale):
            super().__init__(channels, scale)
            if scale == 1:
                del self.weight

    model = nn.Sequential(Down(3, 1), Down(3, 0.5), nn.Identity())
    assert [swap.reason for swap in replace(model)] == ["", ""]
    x = torch.randn(1, 3, 9, 10)
    assert model[0](x) is x


class Blur(nn.Module):
    """Of a filter that is no Gaussian, as many models have for other ends."""

    def __init__(self):
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("weight", (line[:, None] * line)[None, None].repeat(3, 1, 1, 1))

    def forward(self, x):
        return nn.functional.conv2d(x, self.weight, stride=2, padding=1, groups=3)


def test_filters_that_are_no_gaussian_are_swapped_where_their_class_is_named():
    x = torch.randn(1, 3, 20, 31)
    for classes in ((), (), "Blur", Blur, ["Other", Blur]):
        model = nn.Sequential(Blur())
        expected = model(x)
        (swap,) = replace(model, classes=classes)
        if classes == ():
            assert "its weights are no Gaussian; replace(model, classes='Blur')" in swap.reason
            assert type(model[0]) is Blur
        else:
            assert str(model[0]) == (
                "AntiAliasInterpolation2d(3, scale=0.5, sigma=0.25, by its stored weights)"
            )
            assert (model(x) - expected).abs().max() < 1e-6


def test_what_is_no_low_pass_or_holds_more_is_not_looked_at():
    class Sobel(Blur):
        def __init__(self):
            super().__init__()
            self.weight[:] = torch.tensor([-1.0, 0.0, 1.0])

    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = original.AntiAliasInterpolation2d(3, 0.5)

    model = nn.Sequential(Sobel(), Around(), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, groups=3))
    assert [swap.name for swap in replace(model)] == ["1.down"]


@pytest.mark.parametrize("stored", [1, 3])
def test_a_layer_that_takes_any_number_of_channels_is_left(stored):
    """Its stand-in would refuse pictures that the model filters."""

    class AnyChannels(original.AntiAliasInterpolation2d):
        def forward(self, x):
            channels = x.shape[1]
            weight = self.weight[:1].expand(channels, -1, -1, -1)
            x = nn.functional.pad(x, [self.ka] * 4)
            return nn.functional.conv2d(x, weight, stride=2, groups=channels)

    model = nn.Sequential(AnyChannels(stored, 0.5))
    (swap,) = replace(model)
    assert f"takes pictures of {stored + 1} channels, too" in swap.reason
    assert "aa_ref_torch.downsample" in swap.reason
    assert model(torch.ones(1, 5, 9, 8)).shape == (1, 5, 5, 4)


def test_a_blur_at_scale_1_is_left():
    """Its stand-in returns its input."""

    class AntiAliasInterpolation2d(original.AntiAliasInterpolation2d):
        def forward(self, x):
            return nn.functional.conv2d(x, self.weight, padding=self.ka, groups=self.groups)

    assert "their results being" in swapped(AntiAliasInterpolation2d(3, 1, sigma=1.5)).reason


@pytest.mark.parametrize("sampling", ["slice", "nearest"])
@pytest.mark.parametrize("padding", ["reflect", "replicate", "circular"])
def test_boundaries_are_seen(padding, sampling):
    layer = original.AntiAliasInterpolation2d(3, 0.25, sampling, padding=padding)
    x = torch.randn(1, 3, 50, 61)
    expected = layer(x)
    new = swapped(layer).layer
    assert f"boundary={padding!r}" in str(new)
    assert (new(x) - expected).abs().max() <= 2e-6 * expected.abs().max()
    volumes = ByFactor((2, 3), padding)
    assert f"boundary={padding!r}" in str(swapped(volumes).layer)


def test_boundaries_of_panoramas_are_seen():
    """Around along the width, and replicated along the height."""

    class Panorama(original.AntiAliasInterpolation2d):
        def forward(self, x):
            k = self.ka
            x = nn.functional.pad(x, (k, k, 0, 0), mode="circular")
            x = nn.functional.pad(x, (0, 0, k, k), mode="replicate")
            return nn.functional.conv2d(x, self.weight, stride=4, groups=self.groups)

    swap = swapped(Panorama(3, 0.25))
    assert str(swap) == (
        "0: AntiAliasInterpolation2d(3, scale=0.25, boundary=('replicate', 'circular'))"
    )


# -------------------------------------------------------------------------------------- sigmas


@pytest.mark.parametrize("scale", [1, 0.5, 0.25, 0.125])
@pytest.mark.parametrize(
    ("sigma", "shown"), [(1.5, "1.5"), (2.1, "2.1"), (2 / 3, "Fraction(2, 3)"), (1.2345, "1.2345")]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_fixed_sigma_is_seen(scale, sigma, shown, dtype):
    """The numbers that were written, not what gives as many taps. At scale 1 nothing is done."""
    layer = original.AntiAliasInterpolation2d(3, scale, sigma=sigma).to(dtype)
    new = swapped(layer).layer
    told = "" if (scale, sigma) == (0.25, 1.5) else f", sigma={shown}"
    assert str(new) == f"AntiAliasInterpolation2d(3, scale={scale}{told})"
    x = torch.randn(1, 3, 64, 48, dtype=dtype)
    if scale == 1:
        assert new(x) is x
    else:
        assert new.acts_by_plan
        assert (new(x) - layer(x)).abs().max() <= 2e-6 * layer(x).abs().max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("sigma", [1.5, 2.1])
def test_a_fixed_sigma_is_seen_in_halves(sigma, dtype):
    new = swapped(original.AntiAliasInterpolation2d(3, 0.5, sigma=sigma).to(dtype)).layer
    assert new.acts_by_plan
    assert f"sigma={sigma}" in str(new)


# ---------------------------------------------------------------------------------- carried over


def without_kb(self, x):
    x = nn.functional.conv2d(x, self.weight, padding=self.ka, groups=self.groups)
    return x[:, :, ::2, ::2]


def test_attributes_are_carried_over():
    layer = derived(forward=without_kb, kind="as of 2020", of=staticmethod(len))(3, 0.5)
    layer.channels, layer.notes, layer.kb, layer.pad = 3, {"level": 1}, 7, nn.Identity()
    model = nn.ModuleDict({"down": layer})
    replace(model)
    assert model.down is not layer
    assert model.down.channels == 3
    assert model.down.notes is layer.notes
    assert model.down.kb == 7
    assert model.down.pad is layer.pad
    assert model.down.kind == "as of 2020"
    assert model.down.of("abc") == 3
    assert model.down.padding == "constant"


class Scaled(original.AntiAliasInterpolation2d):
    """It calls its stride its scale."""

    def __init__(self, channels, scale):
        super().__init__(channels, scale)
        self.scale = int(1 / scale)

    def forward(self, x):
        x = nn.functional.conv2d(x, self.weight, padding=self.ka, groups=self.groups)
        return x[:, :, :: self.scale, :: self.scale]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (derived(kernel=lambda self: self.weight)(3, 0.5), "has the method kernel, which would"),
        (derived(size=property(len))(3, 0.5), "has the property size, which would be lost: left"),
        (derived(train=lambda self, mode=True: self)(3, 0.5), "has the method train, which"),
        (derived(_load_from_state_dict=lambda *_: None)(3, 0.5), "method _load_from_state_dict"),
        (Scaled(3, 0.5), "has the attribute scale, 2 where a stand-in has its own, which would"),
    ],
    ids=["method", "property", "train", "checkpoints", "attribute"],
)
def test_what_cannot_be_carried_over_is_told(layer, words):
    before = vars(layer).copy()
    assert words in swapped(layer).reason
    assert vars(layer) == before


def test_a_frozen_parameter_stays_one():
    layer = original.AntiAliasInterpolation2d(3, 0.5)
    weight = nn.Parameter(layer.weight, requires_grad=False)
    del layer.weight
    layer.weight = weight
    model = nn.Sequential(layer)
    assert [swap.reason for swap in replace(model)] == [""]
    assert model[0].weight is weight
    assert [name for name, _ in model.named_parameters()] == ["0.weight"]
    assert list(model.state_dict()) == ["0.weight"]
    assert model[0].acts_by_plan


def test_sizes_are_warned_of_once():
    model = nn.Sequential(*(original.AntiAliasInterpolation2d(3, 0.4) for _ in range(2)))
    with pytest.warns(UserWarning, match=r"scale 0\.4 has stride") as caught:
        replace(model)
    assert [warning.filename for warning in caught] == [__file__]


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
