"""Networks that train on the plugin's layers come to the losses of the original's.

Rounding grows from step to step, by how much depends on the network, so the tolerance is measured:
each is trained on the plugin's layers, on the original's, and on the original's in binary64 with
taps that are not rounded to binary32. How far the original is from the latter is what its own
rounding comes to here. If that of the plugin comes to no more, the two are at most twice as far
from one another. Another factor of two is for chance, since each is a sample of what rounding does.

The networks do not normalise batches: dividing by the spread of a few channels amplifies rounding a
thousandfold in as many steps, and would leave nothing to compare.
"""

import original_layers as original
import pytest
import torch
from torch import nn

import aa_ref
import aa_ref_torch
from aa_ref_torch import AntiAliasInterpolation2d, ImagePyramide

STEPS = 10
SEEDS = (0, 1, 2)
AS_FAR = 4
"""How far the plugin may be from the original, in distances of the original from binary64."""


class Detector(nn.Module):
    """Keypoints as mean positions under heat maps, as the First Order Motion Model finds them."""

    def __init__(self, layers):
        super().__init__()
        self.down = layers.AntiAliasInterpolation2d(3, 0.25)
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 5, padding=2)
        )

    def forward(self, x):
        heat = self.features(self.down(x)) / 0.1
        heat = heat.flatten(2).softmax(2).unflatten(2, heat.shape[2:])
        along, across = (torch.linspace(-1, 1, n, dtype=x.dtype) for n in heat.shape[2:])
        return torch.stack([(heat.sum(2) * across).sum(2), (heat.sum(3) * along).sum(2)], 2)

    def loss(self, x, point):
        return (self(x)[:, 0] - point).square().mean()


class Perceptual(nn.Module):
    """A generator, here to swap colours; its pictures are judged by a fixed network at 4 scales."""

    def __init__(self, layers):
        super().__init__()
        self.generator = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1), nn.Sigmoid()
        )
        self.pyramid = layers.ImagePyramide([1, 0.5, 0.25, 0.125], 3)
        self.judge = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3, stride=2))
        self.judge.requires_grad_(False)

    def forward(self, x):
        return self.generator(x)

    def loss(self, x, _):
        made, real = self.pyramid(self(x)), self.pyramid(x.flip(1))
        return sum((self.judge(made[name]) - self.judge(real[name])).abs().mean() for name in real)


def build(network, layers, seed=0):
    torch.manual_seed(seed)
    return network(layers)


def in_binary64(model):
    """The same with more digits, of the original's taps too."""
    model.double()
    for layer in model.modules():
        if isinstance(layer, original.AntiAliasInterpolation2d) and layer.scale != 1:
            (axis,) = aa_ref.plan((99,), layer.scale, axes=-1).axes
            taps = torch.tensor(axis.taps, dtype=torch.float64)
            layer.weight.copy_(torch.outer(taps, taps))
    return model


def spots(draw):
    """Noisy pictures with a bright spot each, and where it is, from -1 to 1 across and along."""
    noise, point = torch.rand(2, 3, 53, 40, generator=draw), torch.rand(2, 2, generator=draw) - 0.5
    across = torch.linspace(-1, 1, 40) - point[:, 0, None]
    along = torch.linspace(-1, 1, 53)[:, None] - point[:, 1, None, None]
    spot = torch.exp(-20 * (across[:, None] ** 2 + along**2))
    return 0.3 * noise + 0.7 * spot[:, None], point


def train(model):
    """The losses, and then what the trained network makes of a picture."""
    draw = torch.Generator().manual_seed(3)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.5)

    def pictures():
        return [t.to(parameters[0].dtype) for t in spots(draw)]

    losses = []
    for _ in range(STEPS):
        loss = model.loss(*pictures())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        return torch.tensor(losses, dtype=torch.float64), model(pictures()[0]).double()


def distances(courses, others):
    """Of losses, and of results, from all seeds together."""
    pairs = [zip(*of, strict=True) for of in (courses, others)]
    return [
        (torch.cat([v.flatten() for v in a]) - torch.cat([v.flatten() for v in b])).norm().item()
        for a, b in zip(*pairs, strict=True)
    ]


class Reflecting:
    """The plugin's layers with another boundary: what the tolerance has to tell apart."""

    @staticmethod
    def AntiAliasInterpolation2d(*arguments):  # noqa: N802
        return AntiAliasInterpolation2d(*arguments, boundary="reflect")

    @staticmethod
    def ImagePyramide(*arguments):  # noqa: N802
        return ImagePyramide(*arguments, boundary="reflect")


@pytest.mark.parametrize("network", [Detector, Perceptual])
def test_losses_are_the_originals(network):
    ours, theirs, others = (
        [train(build(network, layers, seed)) for seed in SEEDS]
        for layers in (aa_ref_torch, original, Reflecting)
    )
    exact = [train(in_binary64(build(network, original, seed))) for seed in SEEDS]
    assert all(losses[-1] < losses[0] for losses, _ in theirs)  # they do learn
    rounding = distances(theirs, exact)
    for far, limit, farther in zip(
        distances(ours, theirs), rounding, distances(others, theirs), strict=True
    ):
        assert far <= AS_FAR * limit
        assert farther > 1000 * AS_FAR * limit


def test_layers_take_no_random_numbers():
    ours, theirs = build(Perceptual, aa_ref_torch), build(Perceptual, original)
    for mine, yours in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, yours)


@pytest.mark.parametrize("network", [Detector, Perceptual])
def test_trained_networks_go_back_and_forth(network, tmp_path):
    """What was trained on one loads into the other, strictly, and training goes on from it."""
    ours, theirs = build(network, aa_ref_torch), build(network, original, seed=1)
    train(theirs)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    ours.load_state_dict(torch.load(tmp_path / "theirs.pt", weights_only=True), strict=True)
    torch.testing.assert_close(
        dict(ours.named_parameters()), dict(theirs.named_parameters()), rtol=0, atol=0
    )
    losses, _ = train(ours)
    torch.save(ours.state_dict(), tmp_path / "ours.pt")
    fresh = build(network, original, seed=2)
    fresh.load_state_dict(torch.load(tmp_path / "ours.pt", weights_only=True), strict=True)
    expected, _ = train(theirs)
    torch.testing.assert_close(losses, expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(
        fresh.state_dict(), theirs.state_dict(), rtol=1e-3, atol=1e-4, equal_nan=True
    )
