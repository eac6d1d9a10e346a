"""What the operators are in ONNX, for programs that hold them already.

From a module, torch's exporter sees its convolutions. A ready `torch.export.ExportedProgram` keeps
the operators whole, and the exporter asks a table what to write in their place.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch

from aa_ref.boundary import fold
from aa_ref.errors import LengthError

from . import operator
from .convolution import groups, outer_product
from .options import Axis, axes_of, axis_plan

__all__ = ["onnx_translations"]

_ANY = 1 << 23  # a length that stands for those that are not fixed


def onnx_translations() -> dict[Any, Any]:
    """The table that `torch.onnx.export` takes as ``custom_translation_table``.

    It writes standard operators alone, as exporting the module does: one strided ``Conv``, or one
    for each axis. The adjoint has no translation.

    Returns
    -------
    dict
        From operators of this package to functions that write ONNX, which need ``onnxscript``.

    Examples
    --------
    ::

        program = torch.export.export(layer, (x,))
        torch.onnx.export(program, custom_translation_table=onnx_translations())
    """
    return {operator.forward: _downsample, operator.pyramid: _pyramid}


def _pyramid(x: Any, options: Any, dtype: Any = None, backend: Any = None) -> list[Any]:
    return [_downsample(x, text, dtype) for text in options]


def _downsample(x: Any, options: Any, dtype: Any = None, backend: Any = None) -> Any:
    from onnxscript import ir

    given = x.dtype
    result = given if dtype in (None, -1) else ir.DataType(int(dtype))
    wide = given if given in (ir.DataType.FLOAT, ir.DataType.DOUBLE) else ir.DataType.FLOAT
    write = _Writer(tuple(x.shape), np.float64 if wide == ir.DataType.DOUBLE else np.float32)
    y = x if given == wide else write.op.Cast(x, to=wide)
    for group in groups(write.passes(options)):
        y = write.convolved(y, group)
    if result in (ir.DataType.UINT8, ir.DataType.UINT16):
        most = write.constant(np.array(torch.iinfo(_INTEGERS[result.name]).max, write.type))
        y = write.op.Round(y)
        y = write.op.Where(write.op.IsNaN(y), write.constant(np.zeros((), write.type)), y)
        y = write.op.Clip(y, write.constant(np.zeros((), write.type)), most)
    return write.op.Identity(y) if result == wide else write.op.Cast(y, to=result)


_INTEGERS = {"UINT8": torch.uint8, "UINT16": torch.uint16}


class _Pass(NamedTuple):
    """One filtered axis, counted from the front; its length is None where it is not fixed."""

    axis: int
    plan: Any
    length: int | None
    options: Axis


class _Writer:
    """Writes the operators for tensors of one shape, whose lengths may be names."""

    def __init__(self, shape: tuple[Any, ...], dtype: Any) -> None:
        from onnxscript import ir, opset18

        self.op: Any = opset18
        self.tensor: Any = ir.tensor
        self.double, self.int64 = ir.DataType.DOUBLE, ir.DataType.INT64
        self.shape, self.type = shape, dtype
        self.channels: int | None = None

    def constant(self, values: Any) -> Any:
        return self.op.Constant(value=self.tensor(np.asarray(values)))

    def passes(self, text: str) -> list[_Pass]:
        passes = []
        for a in axes_of(text):
            axis = a.axis + len(self.shape)
            length = self.shape[axis] if isinstance(self.shape[axis], int) else None
            plan = axis_plan(a, _ANY if length is None else length)
            if plan.has_pass:
                passes.append(_Pass(axis, plan, length, a))
        kept = len(self.shape) > 1 and all(p.axis != 1 for p in passes)
        self.channels = self.shape[1] if kept and isinstance(self.shape[1], int) else None
        return sorted(passes, key=lambda p: p.axis)

    def convolved(self, x: Any, passes: list[_Pass]) -> Any:
        """By one convolution, of each channel for itself where these are as torch has them."""
        counts = [
            self.out_length(p, x) if p.options.sampling == "nearest" else None for p in passes
        ]
        for p in passes:
            if p.plan.boundary != "zeros":
                x = self.extended(x, p)
        rank, channels = len(self.shape) - 2, self.channels
        if 1 <= rank <= 3 and passes[0].axis >= 2 and channels is not None:
            y = self.conv(x, passes, [p.axis - 2 for p in passes], rank, channels)
        else:
            y = self.conv_along(x, passes)
        for p, count in zip(passes, counts, strict=True):
            y = self.sampled(y, p, count)
        return y

    def conv(self, x: Any, passes: list[_Pass], dims: list[int], rank: int, channels: int) -> Any:
        taps, strides, radii = [1] * rank, [1] * rank, [0] * rank
        for p, dim in zip(passes, dims, strict=True):
            taps[dim], strides[dim] = len(p.plan.taps), min(p.plan.spacing or 1, _ANY)
            radii[dim] = p.plan.radius if p.plan.boundary == "zeros" else 0
        weight = outer_product([p.plan for p in passes]).astype(self.type).reshape(1, 1, *taps)
        weight = self.constant(np.repeat(weight, channels, axis=0))
        return self.op.Conv(x, weight, group=channels, strides=strides, pads=radii + radii)

    def conv_along(self, x: Any, passes: list[_Pass]) -> Any:
        """The same of any axes, one after the other: outer dimensions, one channel, n, inner."""
        op = self.op
        for p in passes:
            last = p.axis == len(self.shape) - 1
            before, after = op.Shape(x, end=p.axis), op.Shape(x, start=p.axis + 1)
            inner = self.constant([1]) if last else op.ReduceProd(after, keepdims=1)
            here = op.Shape(x, start=p.axis, end=p.axis + 1)
            planes = op.Reshape(x, op.Concat(self.constant([-1, 1]), here, inner, axis=0))
            y = self.conv(planes, [p], [0], 2, 1)
            x = op.Reshape(y, op.Concat(before, op.Shape(y, start=2, end=3), after, axis=0))
        return x

    def extended(self, x: Any, p: _Pass) -> Any:
        op, radius = self.op, p.plan.radius
        if p.length is not None:
            index = fold(np.arange(-radius, p.length + radius), p.length, p.plan.boundary)
            return op.Gather(x, self.constant(index), axis=p.axis)
        axes = self.constant([p.axis])
        if p.plan.boundary == "circular":
            zero, end = self.constant([0]), self.constant([np.iinfo(np.int64).max])
            head = op.Slice(x, zero, self.constant([radius]), axes)
            return op.Concat(op.Slice(x, self.constant([-radius]), end, axes), x, head, axis=p.axis)
        mode = {"replicate": "edge", "reflect": "reflect"}[p.plan.boundary]
        return op.Pad(x, self.constant([radius, radius]), None, axes, mode=mode)

    def sampled(self, y: Any, p: _Pass, count: Any) -> Any:
        if p.plan.spacing is None:
            if p.length is None:
                raise LengthError(
                    f"axis {p.axis} has a length that is not fixed, and with sampling='nearest' at "
                    f"scale {p.plan.scale} no stride: export with fixed lengths, or with "
                    "sampling='slice'"
                )
            return self.op.Gather(y, self.constant(p.plan.centres), axis=p.axis)
        if count is None:
            return y
        return self.op.Slice(y, self.constant([0]), count, self.constant([p.axis]))

    def out_length(self, p: _Pass, x: Any) -> Any:
        """``floor(n * scale)``, by the same binary64 product or exact quotient as everywhere."""
        if p.length is not None:
            return self.constant([p.options.out_length(p.length)])
        op, scale = self.op, p.options.scale
        n = op.Shape(x, start=p.axis, end=p.axis + 1)
        if isinstance(scale, Fraction):
            parts = self.constant([scale.numerator]), self.constant([scale.denominator])
            return op.Div(op.Mul(n, parts[0]), parts[1])
        double = op.Mul(op.Cast(n, to=self.double), self.constant(np.array([scale], np.float64)))
        return op.Cast(op.Floor(double), to=self.int64)
