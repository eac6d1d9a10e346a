"""Code that shows a finding, to be copied and run: NumPy, the function, and one small array."""

import base64
import math
import textwrap
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plans import Direction
from .calling import Question
from .calling.programs import Program
from .calling.worker import target_of
from .probes.patterns import RECIPE_BITS

__all__ = ["snippet"]

_WIDTH = 100
_FEW, _SOME = 3, 80
"""Samples that are written one by one; more than these are compressed."""

_ARRANGE = {
    "Fortran order": "x = np.asfortranarray(x)",
    "every second sample of a wider array": "x = np.repeat(x, 2, axis=-1)[..., ::2]",
    "reversed in memory": "x = x[::-1].copy()[::-1]",
    "rows of a wider array": "x = np.concatenate([x, x[..., :1]], axis=-1)[..., :-1]",
    "a crop of a larger array": "x = np.pad(x, 1)[(slice(1, -1),) * x.ndim]",
    "second axis last in memory": "x = np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1)",
}


def snippet(functions: Mapping[Direction, Any], question: Question, lines: Sequence[str]) -> str:
    """Code that makes ``x``, gets ``y`` from the function, and ends with ``lines``.

    In these, ``{call}`` stands for the function's name.

    A function that cannot be imported, such as a lambda, is called ``fn`` (the adjoint ``adjoint``)
    and has to be there.
    """
    function, x = functions[question.direction], question.x
    code, modules = _array(x) if question.recipe is None else (_by_recipe(question), [])
    imports = ["import ml_dtypes"] if x.dtype.name == "bfloat16" else []
    name = ""  # of a program nothing is asked again
    if isinstance(function, Program):
        modules.append("subprocess")
        calls = _run(function, question, any("x." in line for line in lines))
    else:
        found, name = _reached(function, question.direction)
        imports += found
        shape = f", {question.shape}" if question.direction == "adjoint" else ""
        arrange = _ARRANGE.get(question.arrangement)
        calls = [*([arrange] if arrange else []), f"y = {name}(x{shape})"]
    standard = [f"import {m}" for m in modules]
    head = [*standard, *([""] if standard else []), "import numpy as np", *imports, ""]
    lines = [line.replace("{call}", name) for line in lines]
    return "\n".join([*head, *code, *calls, *lines, ""])


def _run(program: Program, question: Question, again: bool) -> list[str]:
    """Write lines that run a program, and read its input ``again`` if it may have changed that."""
    names = ("input.npy", "output.npy", question.shape)
    asked = f", input={program.line(*names)!r}, text=True" if program.is_asked_once else ""
    bits, back = (".view(np.uint16)", ".view(ml_dtypes.bfloat16)")
    if question.x.dtype.name != "bfloat16":
        bits = back = ""
    return [
        f'np.save("input.npy", x{bits})',
        f"subprocess.run({program.arguments(*names)!r}{asked}, check=True)",
        *([f'x = np.load("input.npy"){back}'] if again else []),
        f'y = np.load("output.npy"){back}',
    ]


def _reached(function: Any, direction: Direction) -> tuple[list[str], str]:
    """Import lines and the name to call."""
    target = target_of(function)
    if target is not None:
        module, _, name = target.partition(":")
        return [f"from {module} import {name.partition('.')[0]}"], name
    name = getattr(function, "__qualname__", "")
    if getattr(function, "__module__", None) == "__main__" and name.isidentifier():
        return [], name
    name = "fn" if direction == "forward" else "adjoint"
    return [f"# {name}: the function that was checked"], name


def _array(x: NDArray[Any]) -> tuple[list[str], list[str]]:
    """Lines that make an array of these very values, and the standard modules that they need."""
    dtype, flat = _type(x), x.ravel()
    for value in dict.fromkeys([0, *map(float, flat[[0, -1]])]) if x.size > 1 else ():
        others = np.argwhere(x != value)
        if len(others) <= _FEW:
            sets = [f"x[{', '.join(map(str, p))}] = {_number(x[tuple(p)])}" for p in others]
            filled = f"np.full({x.shape}, {value!r}" if value else f"np.zeros({x.shape}"
            return [f"x = {filled}, {dtype})", *sets], []
    if x.size <= _SOME:
        return _literal(flat, x.shape, dtype), []
    text = base64.b85encode(zlib.compress(x.tobytes(), 9)).decode()
    pieces = [f'    "{text[k : k + _WIDTH - 6]}"' for k in range(0, len(text), _WIDTH - 6)]
    return [
        "data = (", *pieces, ")",
        f"x = np.frombuffer(zlib.decompress(base64.b85decode(data)), {dtype})",
        f"x = x.reshape({x.shape}).copy()",
    ], ["base64", "zlib"]  # fmt: skip


def _type(x: NDArray[Any]) -> str:
    return "ml_dtypes.bfloat16" if x.dtype.name == "bfloat16" else f"np.{x.dtype.name}"


def _by_recipe(question: Question) -> list[str]:
    """Lines that make the array as `patterns.recipe` does, repeated where it is."""
    x, seed = question.x, question.recipe or 0
    bits = RECIPE_BITS[x.dtype.name]
    value = "z" if x.dtype.kind == "u" else f"(z * 2.0**{1 - bits} - 1)"
    periods = {axis: period for axis, period, _ in question.repeats}
    shape = tuple(periods.get(k, n) for k, n in enumerate(x.shape))
    return [
        f"z = np.arange(1, {math.prod(shape) + 1}, dtype=np.uint64) + np.uint64({seed << 32})",
        "z = z * np.uint64(0x9E3779B97F4A7C15)",
        "z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)",
        "z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)",
        f"z = (z ^ (z >> np.uint64(31))) >> np.uint64({64 - bits})",
        f"x = {value}.astype({_type(x)}).reshape({shape})",
        *(f"x = x.take(np.arange({n}) % {p}, axis={axis})" for axis, p, n in question.repeats),
    ]


def _literal(flat: NDArray[Any], shape: tuple[int, ...], dtype: str) -> list[str]:
    numbers = ", ".join(_number(value) for value in flat)
    if len(numbers) < _WIDTH - 40:
        return [f"x = np.array([{numbers}], {dtype}).reshape({shape})"]
    rows = textwrap.wrap(
        numbers, _WIDTH, initial_indent="    ", subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return ["x = np.array([", *rows, f"], {dtype}).reshape({shape})"]


def _number(value: Any) -> str:
    """The shortest text that gives just this number in its type."""
    number = value.item() if value.dtype.name != "bfloat16" else float(value)
    if number != number:
        return "np.nan"
    if abs(number) == np.inf:
        return "np.inf" if number > 0 else "-np.inf"
    if value.dtype.name in ("float16", "float32"):
        return str(value)
    return repr(number)
