"""Swap the layer in a model built as the First Order Motion Model builds its own.

Writes a checkpoint with the original's layer, loads it into the same model with this project's,
swaps the layer of the live model, too, and compares: ``python docs/swap_the_layer.py``
"""

import io

import torch
from torch import nn
from torch.nn import functional

import aa_ref_torch


class AntiAliasInterpolation2d(nn.Module):
    """The original: convolves at full resolution, and keeps every stride-th sample alone."""

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        sigma = (1 / scale - 1) / 2
        size = 2 * round(sigma * 4) + 1
        self.ka = self.kb = size // 2
        kernel = torch.ones(())
        for grid in torch.meshgrid([torch.arange(size, dtype=torch.float32)] * 2, indexing="ij"):
            kernel = kernel * torch.exp(-((grid - (size - 1) / 2) ** 2) / (2 * sigma**2))
        kernel = kernel / torch.sum(kernel)
        self.register_buffer("weight", kernel[None, None].repeat(channels, 1, 1, 1))
        self.groups, self.scale, self.int_inv_scale = channels, scale, int(1 / scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As there."""
        x = functional.pad(x, (self.ka, self.kb, self.ka, self.kb))
        x = functional.conv2d(x, weight=self.weight, groups=self.groups)
        return x[:, :, :: self.int_inv_scale, :: self.int_inv_scale]


class KeypointDetector(nn.Module):
    """Its structure, small: the layer, an hourglass, heatmaps, keypoints as their means."""

    def __init__(self, layer: type[nn.Module]) -> None:
        super().__init__()
        self.down = layer(3, 0.25)
        self.predictor = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()
        )
        self.kp = nn.Conv2d(16, 10, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Keypoints, (N, 10, 2), in -1..1."""
        heat = self.kp(self.predictor(self.down(x)))
        heat = functional.softmax(heat.flatten(2) / 0.1, 2).view(heat.shape)
        rows, columns = (torch.linspace(-1, 1, n) for n in heat.shape[2:])
        return torch.stack([(heat.sum(2) * columns).sum(2), (heat.sum(3) * rows).sum(2)], 2)


def main() -> None:
    """Print how far apart the outputs are."""
    torch.manual_seed(0)
    theirs = KeypointDetector(AntiAliasInterpolation2d).eval()
    file = io.BytesIO()
    torch.save(theirs.state_dict(), file)
    file.seek(0)

    ours = KeypointDetector(aa_ref_torch.AntiAliasInterpolation2d).eval()
    print(ours.load_state_dict(torch.load(file), strict=True))

    pictures = torch.rand(4, 3, 256, 250)
    with torch.no_grad():
        expected = theirs(pictures)
        print(f"loaded:  largest difference {(ours(pictures) - expected).abs().max():.1e}")
        print(aa_ref_torch.replace(theirs))
        print(f"swapped: largest difference {(theirs(pictures) - expected).abs().max():.1e}")
        # Both differ from the original by its rounding alone, and from each other not at all.
        assert torch.equal(theirs(pictures), ours(pictures))
        assert (ours(pictures) - expected).abs().max() < 1e-5


if __name__ == "__main__":
    main()
