"""Faults of places and of calls, each by its name: a wrong port of its own for each, and ports that
must not get that name."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import aa_ref
from aa_ref import oracle
from aa_ref.oracle.diagnosis import diagnose
from aa_ref.oracle.html.images import shown_plane
from aa_ref.oracle.report import Report

Function = Callable[[Any], Any]

downsample = partial(aa_ref.downsample, backend="numpy")
small = partial(oracle.check, scale=0.5, layout="HW")


def right(x: Any) -> Any:
    return downsample(x, 0.5)


def the_only(report: Report) -> oracle.Finding:
    (finding,) = report.findings
    return finding


# Places.


def seams(x: Any) -> Any:
    """The last of each tile of 64 columns is not written."""
    y = right(x)
    y[..., 63::64] = 0
    return y


def stale(x: Any) -> Any:
    """Every 64th has what its neighbour has."""
    y = right(x)
    y[..., 64::64] = y[..., 63:-1:64]
    return y


def nearly_right(x: Any) -> Any:
    """An error that a coarser format would explain, at seams alone."""
    y = right(x)
    y[..., 63::64] *= x.dtype.type(1 + 2**-12)
    return y


def block(x: Any) -> Any:
    y = right(x)
    y[np.arange(len(y)) % 32 // 8 == 1] = 0
    return y


def grid(x: Any) -> Any:
    y = right(x)
    y[15::16] = y[:, 15::16] = 7
    return y


def one_row(x: Any) -> Any:
    y = right(x)
    y[5:6] = 1
    return y


def in_memory(x: Any) -> Any:
    y = right(x)
    y.reshape(-1)[63::64] = 5
    return y


PLACES: dict[str, tuple[Function, dict[str, Any], str]] = {
    "seams": (seams, {}, "outputs 63, 127, 191, … (every 64th) along W, 32 of 2,100"),
    "stale": (stale, {}, "outputs 64, 128, 192, … (every 64th) along W, 32 of 2,100"),
    "nearly right": (nearly_right, {}, "outputs 63, 127, 191, … (every 64th) along W"),
    "a block": (block, {}, "8 to 15, 40 to 47, 72 to 79, … (8 of 32) along H, 528 of 2,100"),
    "a grid": (grid, {}, "31, 47, … (every 16th) along H, 131 of 2,100, and outputs 15, 31, 47"),
    "in memory": (in_memory, {}, "outputs 63, 127, 191, … (every 64th) in memory, "),
    "one row": (one_row, {}, "output 5 along H"),
    "columns of bytes": (seams, {"dtype": "uint8"}, "(every 64th) along W, 32 of 2,100"),
    "a signal": (
        lambda x: np.where(np.arange(-(-x.shape[1] // 2)) % 64 == 63, 0, downsample(x, 0.5, axes=1))
        .astype(x.dtype), {"layout": "CL"}, "(every 64th) along L",
    ),
    "at another scale": (
        lambda x: np.where(np.arange(-(-x.shape[1] // 3)) % 16 == 15, 9, downsample(x, 0.3))
        .astype(x.dtype), {"scale": 0.3}, "(every 16th) along W",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_outputs_that_are_wrong_by_their_place_are_told_and_never_taken_for_coarse(
    name: str,
) -> None:
    function, options, words = PLACES[name]
    report = small(function, **options)
    finding = the_only(report)
    assert finding.code == "values", report
    assert words in finding.message, finding.message
    assert "precision=" not in str(report)
    assert "binary digits" not in str(report)
    assert "all others right" in finding.example or "beyond" not in finding.example


def tiles(x: Any, scale: float) -> Any:
    """Repeats the edges of tiles of 64 columns of outputs, and those of the plane along W."""
    size, rules = int(64 / scale), ("zeros", "replicate")
    parts = [x[:, k : k + size] for k in range(0, x.shape[1], size)]
    return np.concatenate([downsample(part, scale, boundary=rules) for part in parts], 1)


@pytest.mark.parametrize(("scale", "which"), [(1 / 2, "63 to 64"), (1 / 4, "63 to 65")])
def test_seams_are_told_once_beside_what_all_outputs_have_wrong(scale: float, which: str) -> None:
    """At 1/4, right outputs lie on both sides of seams in thin probes, which tell of them, too."""
    port = partial(tiles, scale=scale)
    boundary, values = small(port, scale=scale).findings
    assert (boundary.code, values.code) == ("boundary", "values")
    assert "along W: the boundary is 'replicate'" in boundary.message
    assert "wrong by their place" in values.message
    assert f"outputs {which}, " in values.message
    assert "of 64) along W, " in values.message
    alone = diagnose(port, scale=scale, layout="HW").findings
    assert [f.code for f in alone] == ["boundary", "values"]


NOT_BY_PLACE: dict[str, tuple[Function, dict[str, Any], set[str]]] = {
    # ends are places, too, and drifting centres are right here and there
    "reflect": (lambda x: downsample(x, 0.5, boundary="reflect"), {}, {"boundary"}),
    "nearest for slice": (
        lambda x: downsample(x, 0.3, sampling="nearest"), {"scale": 0.3},
        {"error", "size", "phase"},
    ),
    "centres by the lengths": (
        lambda x: downsample(x, (1, 1), sigma=0.5)[
            np.ix_(*(np.arange(m := -(-n // 2)) * n // m for n in x.shape))
        ], {}, {"phase"},
    ),
    "a width a little off": (lambda x: downsample(x, 0.5, sigma=0.49999), {}, {"sigma"}),
    "half precision": (
        lambda x: right(x).astype(np.float16).astype(np.float32), {}, {"precision"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_BY_PLACE)
def test_ends_and_other_rules_for_centres_are_no_matter_of_place(name: str) -> None:
    function, options, codes = NOT_BY_PLACE[name]
    report = small(function, **options)
    assert {f.code for f in report.findings} <= codes | {"sigma"}, report
    assert "wrong by their place" not in str(report)


def test_a_few_outputs_here_and_there_are_not_taken_for_coarse() -> None:
    """Errors that the bound of another precision would allow, in places without a pattern."""

    def sparse(x: Any) -> Any:
        y = right(x)
        if y.size > 200 and y.shape[0] < 3:
            y.ravel()[[3, 57, 140, 141]] *= x.dtype.type(1 + 2**-10)
        return y

    finding = the_only(small(sparse))
    assert finding.code == "values"
    assert "outputs 3, 57 and 140 to 141 along W, 4 of " in finding.example
    assert "precision=" not in finding.message


def test_what_the_wrong_inputs_have_in_common_is_told() -> None:
    def aligned(x: Any) -> Any:
        return downsample(x, 0.25) * x.dtype.type(1.5 if x.shape[1] % 8 == 0 else 1)

    message = the_only(small(aligned, scale=0.25)).message
    assert "inputs whose length along W is a multiple of 8, and no others" in message


# Calls.


class Cached:
    """Keeps results by shape."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def __call__(self, x: Any) -> Any:
        return self.kept.setdefault(x.shape, right(x)).copy()


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_cache_by_shape_is_told(dtype: str) -> None:
    report = small(Cached(), dtype=dtype)
    message = the_only(report).message
    assert "the same answer for different questions" in message, report
    assert "no more of them than their shape" in message


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: right(x) * 0, "all results are zero"),
        (lambda x: right(x) * 0 + 3, "the same answer for different questions"),
    ],
)
def test_results_that_never_change_are_no_cache(function: Function, words: str) -> None:
    message = the_only(small(function)).message
    assert words in message
    assert "cache" not in message


def test_bytes_that_are_all_cut_off_are_no_cache() -> None:
    def function(x: Any) -> Any:
        return np.minimum(40 * right(x.astype(np.float32)), 255).astype(np.uint8)

    assert "different questions" not in str(small(function, dtype="uint8"))


class Counting:
    """Wrong at some calls: of all, or of those of one shape."""

    def __init__(self, wrong: Callable[[int], bool], by_shape: bool) -> None:
        self.wrong, self.by_shape = wrong, by_shape
        self.calls: dict[Any, int] = {}

    def __call__(self, x: Any) -> Any:
        key = x.shape if self.by_shape else None
        self.calls[key] = self.calls.get(key, 0) + 1
        return right(x) + x.dtype.type(self.wrong(self.calls[key]))


class Accumulating:
    """Adds to a workspace that it does not clear."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def __call__(self, x: Any) -> Any:
        self.kept[x.shape] = self.kept.get(x.shape, 0) + right(x)
        return self.kept[x.shape].copy()


@pytest.mark.parametrize(
    "function",
    [
        Counting(lambda k: k == 2, by_shape=False), Counting(lambda k: k == 2, by_shape=True),
        Counting(lambda k: k >= 2, by_shape=True), Counting(lambda k: k == 1, by_shape=True),
        Accumulating(),
    ],
)  # fmt: skip
def test_a_wrong_second_call_is_unstable_and_nothing_else(function: Function) -> None:
    assert the_only(small(function)).code == "unstable"


def mixed(number: int, axis: int) -> Function:
    def function(x: Any) -> Any:
        y = right(x)
        return y + np.flip(y, axis) if y.shape[axis] == number else y

    return function


@pytest.mark.parametrize(
    ("function", "dtype", "words"),
    [
        (mixed(2, 1), "float32", "in all 2, of inputs of 1 batch entry of 2 channels"),
        (lambda x: right(x[:, ::-1] if x.shape[1] == 2 else x), "float32", "in reverse order"),
        (lambda x: right(x[::-1] if len(x) == 2 else x), "float32", "of 2 batch entries of"),
        (lambda x: right(x[:, ::-1] if x.shape[1] == 2 else x), "uint8", "of 2 channels"),
    ],
)
def test_channels_that_are_mixed_for_one_number_of_them_alone(
    function: Function, dtype: str, words: str
) -> None:
    report = oracle.check(function, 0.5, dtype=dtype)
    finding = the_only(report)
    assert finding.code == "channels", report
    assert words in finding.message


# What is read.


def blurred_after(step: int, scale: float) -> Function:
    """Every ``step``-th sample is kept, and these are filtered with the right taps."""
    taps = aa_ref.plan((64,), scale, axes=-1, input_dtype="float64").axes[0].taps
    left = int(1 / scale) // step

    def function(x: Any) -> Any:
        radius, y = len(taps) // 2, x.astype(np.float64)
        for axis in (0, 1):
            line = np.moveaxis(y, axis, -1)[..., ::step]
            wide, n = np.pad(line, [(0, 0), (radius, radius)]), line.shape[-1]
            total = sum(t * wide[..., k : k + n] for k, t in enumerate(taps))
            y = np.moveaxis(np.asarray(total)[..., ::left], -1, axis)
        return np.rint(y).astype(x.dtype) if x.dtype.kind == "u" else y.astype(x.dtype)

    return function


@pytest.mark.parametrize(
    ("step", "scale", "dtype", "words"),
    [
        (4, 0.25, "float32", "blurred after the stride, not before"),
        (2, 0.5, "float64", "blurred after the stride, not before"),
        (2, 0.25, "float32", "blurred after a stride of 2, not before"),
        (2, 0.5, "uint8", "blurred after the stride, not before"),
    ],
)
def test_a_blur_after_the_stride_is_told(step: int, scale: float, dtype: str, words: str) -> None:
    finding = the_only(small(blurred_after(step, scale), scale=scale, dtype=dtype))
    assert finding.code == "sigma"
    assert f"along H and W: {words}" in finding.message


def test_no_blur_at_all_is_none_after_the_stride() -> None:
    finding = the_only(small(lambda x: x[::2, ::2].copy()))
    assert "no low-pass" in finding.message


def without(*places: Any, boundary: str = "zeros") -> Function:
    def function(x: Any) -> Any:
        x = x.copy()
        for place in places:
            x[place] = 0
        return downsample(x, 0.5, boundary=boundary)

    return function


@pytest.mark.parametrize(
    ("function", "dtype", "words"),
    [
        (without(np.s_[:, -1]), "float32", {"along W: the last sample is not read"}),
        (without(np.s_[0]), "float64", {"along H: the first sample is not read"}),
        (without(np.s_[:, -2:]), "float32", {"along W: the last 2 samples are not read"}),
        (
            lambda x: without(np.s_[:, x.shape[1] // 4 * 4 :])(x), "float32",
            {"along W: with 23 samples, the last 3 samples are not read"},
        ),
        (
            without(np.s_[:, -1], boundary="replicate"), "float32",
            {
                "along H: the boundary is 'replicate', not 'zeros'",
                "along W: at the first end the boundary is 'replicate', not 'zeros'; the last "
                "sample is not read",
            },
        ),
    ],
)  # fmt: skip
def test_samples_at_the_ends_that_are_not_read(
    function: Function, dtype: str, words: set[str]
) -> None:
    report = small(function, dtype=dtype)
    assert {f.code for f in report.findings} == {"boundary"}, report
    assert {f.message for f in report.findings} == words


@pytest.mark.parametrize("boundary", ["replicate", "reflect", "circular"])
def test_samples_that_are_read_another_way_are_read(boundary: str) -> None:
    message = the_only(small(lambda x: downsample(x, 0.5, boundary=boundary))).message
    assert f"the boundary is {boundary!r}" in message


# NaN and infinity.


def spoilt(name: str, lost: bool) -> Function:
    """Loses one kind of number, or spreads it over the plane."""
    is_such = {"NaN": np.isnan, "infinity": np.isposinf, "minus infinity": np.isneginf}[name]

    def function(x: Any) -> Any:
        found = is_such(x)
        y = right(np.where(found, x.dtype.type(0), x) if lost else x)
        return y if lost or not found.any() else np.full_like(y, x[found][0])

    return function


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("name", ["NaN", "infinity", "minus infinity"])
def test_what_is_said_of_nan_and_infinity_is_what_the_example_shows(name: str, lost: bool) -> None:
    finding = the_only(small(spoilt(name, lost)))
    assert finding.code == "nan"
    assert finding.message.startswith(f"{name} at ")
    assert ("is lost" if lost else "spreads") in finding.message
    assert f"one {name} " in finding.example.partition("(shape")[0]
    belongs = finding.example.partition("expected ")[2].startswith(("nan", "inf", "-inf"))
    assert belongs == lost


# Adjoints.


def transpose(g: Any, shape: Any) -> Any:
    return aa_ref.downsample_adjoint(g, 0.5, shape, backend="numpy")


def stuffed(g: Any, shape: Any) -> Any:
    z = np.zeros(shape, g.dtype)
    z[::2, ::2] = g
    return z


def repeated(g: Any, shape: Any) -> Any:
    return np.kron(g, np.ones((2, 2), g.dtype))[: shape[0], : shape[1]] / g.dtype.type(4)


def filtered_first(g: Any, shape: Any) -> Any:
    return stuffed(downsample(g, (1, 1), sigma=0.5), shape)


def filtered(g: Any, shape: Any, sigma: float, radius: int, first: int = 0) -> Any:
    """Puts gradients from a sample on, and filters them with a Gaussian."""
    z = np.zeros(shape, g.dtype)
    places = z[first::2, first::2]
    places[...] = g[: places.shape[0], : places.shape[1]]
    i = np.arange(-radius, radius + 1)
    taps = np.exp(-(i**2) / (2 * sigma**2))
    taps = (taps / taps.sum()).astype(g.dtype)
    for axis, n in enumerate(shape):
        wide = np.pad(z, [(radius, radius) if a == axis else (0, 0) for a in range(2)])
        z = sum(t * wide.take(range(k, k + n), axis) for k, t in enumerate(taps))
    return z


def without_tail(g: Any, shape: Any) -> Any:
    z = transpose(g, shape)
    z[2 * g.shape[0] - 1 :] = 0
    z[:, 2 * g.shape[1] - 1 :] = 0
    return z


def without_last(g: Any, shape: Any) -> Any:
    g = g.copy()
    g[:, -1] = 0
    return transpose(g, shape)


ADJOINTS: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "zeros": (stuffed, "puts zeros between the gradients and filters nothing, and"),
    "divided": (lambda g, s: transpose(g, s) / g.dtype.type(4), "is divided by stride² = 4"),
    "multiplied": (lambda g, s: transpose(g, s) * 4, "is multiplied by stride² = 4"),
    "by another number": (lambda g, s: transpose(g, s) * g.dtype.type(0.75), "multiplied by 0.75"),
    "sign": (lambda g, s: -transpose(g, s), "has the other sign"),
    "zeros, divided": (
        lambda g, s: stuffed(g, s) / g.dtype.type(4),
        "puts zeros between the gradients and filters nothing and is divided by stride² = 4",
    ),
    "repeated": (repeated, "repeats each gradient over its stride and filters nothing and is div"),
    "filtered first": (filtered_first, "filters the gradients before it puts zeros between them"),
    "no tail": (without_tail, "loses the tail: there are zeros at sample"),
    "a shorter one": (
        lambda g, s: transpose(g, s)[: 2 * g.shape[0] - 1, : 2 * g.shape[1] - 1],
        "; what comes of it is right, and the tail is lost",
    ),
    "shifted": (
        lambda g, s: filtered(g, s, 0.5, 2, first=1),
        "puts each gradient 1 input sample after its output's centre along H and W, and it is not",
    ),
    "wider": (
        lambda g, s: filtered(g, s, 1, 4),
        "filters with sigma 1 and radius 4 along H and W, not with sigma 0.5 and radius 2, and",
    ),
    "cut": (
        lambda g, s: filtered(g, s, 0.5, 1), "filters with radius 1 along H and W, not 2, and it is"
    ),
    "shifted, cut, multiplied": (
        lambda g, s: filtered(g, s, 0.5, 1, first=1) * 3,
        "along H and W and filters with radius 1 along H and W, not 2 and is multiplied by 3, and",
    ),
    "coarse": (
        lambda g, s: transpose(g, s).astype(np.float16).astype(g.dtype),
        "of the largest: it rounds coarsely, and",
    ),
    "no last gradient": (without_last, "is wrong at samples from "),
    "reflected": (
        lambda g, s: aa_ref.downsample_adjoint(g, 0.5, s, boundary="reflect", backend="numpy"),
        "takes the boundary 'reflect', and it is not",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ADJOINTS)
def test_a_wrong_adjoint_is_told_by_what_it_does(name: str) -> None:
    adjoint, words = ADJOINTS[name]
    report = small(right, adjoint=adjoint)
    finding = the_only(report)
    assert finding.code == "adjoint"
    assert words in finding.message, report


def test_an_adjoint_of_two_strides_is_told_by_their_product() -> None:
    finding = the_only(
        oracle.check(
            lambda x: downsample(x, (0.5, 0.25)), (0.5, 0.25), layout="HW",
            adjoint=lambda g, s: aa_ref.downsample_adjoint(g, (0.5, 0.25), s, backend="numpy")
            / g.dtype.type(8),
        )
    )  # fmt: skip
    assert "is divided by the strides' product, 8" in finding.message


# The page.


def test_the_page_draws_a_probe_that_fails() -> None:
    report = small(seams)
    assert report.evidence is not None
    shown = report.evidence.pictures[-1]
    assert shown.comparison.grade == "fails"
    planes = shown_plane(shown, report.evidence.terms)
    assert planes is not None
    assert (np.abs(planes.errors) > 1).sum() >= 4
    page = report.to_html()
    assert f"{(np.abs(planes.errors) > 1).sum()} of {planes.errors.size:,} beyond the bound" in page
    assert "The probe with the worst error" in page
