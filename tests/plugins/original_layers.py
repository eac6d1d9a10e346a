"""The layers as their users have them, written for the tests: what the plugin stands in for."""

import torch
from torch import nn
from torch.nn import functional


class AntiAliasInterpolation2d(nn.Module):
    """Zeros around, a K×K convolution at full resolution, then most samples are dropped."""

    def __init__(self, channels, scale, sampling="slice", sigma=None, padding="constant"):
        super().__init__()
        sigma = (1 / scale - 1) / 2 if sigma is None else sigma
        size = 2 * round(sigma * 4) + 1
        self.ka = self.kb = size // 2
        kernel = 1
        for grid in torch.meshgrid([torch.arange(size, dtype=torch.float32)] * 2, indexing="ij"):
            mean = (size - 1) / 2
            kernel = kernel * torch.exp(-((grid - mean) ** 2) / (2 * sigma**2 if sigma else 0.0))
        kernel = kernel / torch.sum(kernel)
        self.register_buffer("weight", kernel[None, None].repeat(channels, 1, 1, 1))
        self.groups = channels
        self.scale = scale
        self.int_inv_scale = int(1 / scale)
        self.sampling, self.padding = sampling, padding

    def forward(self, x):
        if self.scale == 1.0:
            return x
        x = functional.pad(x, (self.ka, self.kb, self.ka, self.kb), mode=self.padding)
        x = functional.conv2d(x, weight=self.weight, groups=self.groups)
        if self.sampling == "nearest":
            return functional.interpolate(
                x, scale_factor=(self.scale, self.scale), recompute_scale_factor=False
            )
        return x[:, :, :: self.int_inv_scale, :: self.int_inv_scale]


class AntiAliasInterpolation3d(nn.Module):
    """The same for volumes."""

    def __init__(self, channels, scale):
        super().__init__()
        sigma = (1 / scale - 1) / 2
        size = 2 * round(sigma * 4) + 1
        self.radius = size // 2
        positions = torch.arange(size, dtype=torch.float32) - self.radius
        line = torch.exp(-(positions**2) / (2 * sigma**2))
        kernel = line[:, None, None] * line[:, None] * line
        kernel = kernel / torch.sum(kernel)
        self.register_buffer("weight", kernel[None, None].repeat(channels, 1, 1, 1, 1))
        self.groups, self.scale, self.stride = channels, scale, int(1 / scale)

    def forward(self, x):
        x = functional.conv3d(functional.pad(x, [self.radius] * 6), self.weight, groups=self.groups)
        return x[:, :, :: self.stride, :: self.stride, :: self.stride]


class ImagePyramide(nn.Module):
    """The perceptual pyramid: one layer for each scale."""

    def __init__(self, scales, num_channels, **options):
        super().__init__()
        self.downs = nn.ModuleDict(
            {
                str(scale).replace(".", "-"): AntiAliasInterpolation2d(
                    num_channels, scale, **options
                )
                for scale in scales
            }
        )

    def forward(self, x):
        return {
            "prediction_" + name.replace("-", "."): layer(x) for name, layer in self.downs.items()
        }
