"""Anti-aliased downsampling for PyTorch: drop-in layers, and `aa_ref`'s functions for tensors.

Change one import, load old checkpoints, and get the numbers that `aa_ref` gives everywhere, with
gradients. See ``docs/torch.md``.
"""

import torch

from aa_ref.adapters import register

from . import functional
from .flops import register_flops
from .functional import downsample, downsample_adjoint, downsample_masked, pyramid
from .modules import AntiAliasInterpolation2d, AntiAliasInterpolation3d
from .pyramide import ImagePyramide
from .replacing import replace
from .translation import onnx_translations

__all__ = [
    "AntiAliasInterpolation2d",
    "AntiAliasInterpolation3d",
    "ImagePyramide",
    "downsample",
    "downsample_adjoint",
    "downsample_masked",
    "onnx_translations",
    "pyramid",
    "replace",
]

for _type in (torch.Tensor, torch.nn.Parameter):
    register(_type, functional)
register_flops()
