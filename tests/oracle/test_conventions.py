"""Known conventions: each row of the table against the library that it describes, where there is
one; and named by a diagnosis of it."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import aa_ref
from aa_ref.oracle.convention_parts import FILTERS, ONLY, PICKS, SIZES
from aa_ref.oracle.conventions import CONVENTIONS, Convention
from aa_ref.oracle.diagnosis import diagnose

BY_NAME = {c.name: c for c in CONVENTIONS}
SHAPES = [(37, 50), (48, 64), (61, 41)]
SCALES = [0.5, 0.25, 0.125, 1 / 3, 0.28, 0.16, 0.4]
Plane = Callable[[Any, float], Any]


def torch_plane(function: Callable[[Any, Any, float], Any]) -> Plane:
    """A function of (torch, tensor of one plane, scale) as one of an array."""

    def plane(x: Any, s: float) -> Any:
        torch = pytest.importorskip("torch")
        return function(torch, torch.from_numpy(np.ascontiguousarray(x))[None, None], s)[
            0, 0
        ].numpy()

    return plane


def blurred(torch: Any, x: Any, s: float, sigma: float | None = None, extra: float = 0.0) -> Any:
    """The original layer's weights, K×K, in full resolution."""
    sigma = (1 / s - 1) / 2 if sigma is None else sigma
    radius = round(4 * sigma)
    i = torch.arange(-radius, radius + 1, dtype=x.dtype)
    line = torch.exp(-(i**2) / (2 * sigma**2 + extra)) if radius else torch.ones(1, dtype=x.dtype)
    weight = torch.outer(line, line)
    padded = torch.nn.functional.pad(x, (radius,) * 4)
    return torch.nn.functional.conv2d(padded, (weight / weight.sum())[None, None])


def interpolated(**options: Any) -> Plane:
    return torch_plane(
        lambda torch, x, s: torch.nn.functional.interpolate(x, scale_factor=s, **options)
    )


def blurred_and_interpolated(**options: Any) -> Plane:
    return torch_plane(
        lambda torch, x, s: torch.nn.functional.interpolate(
            blurred(torch, x, s), scale_factor=s, **options
        )
    )


def blurred_and_sliced(**options: Any) -> Plane:
    return torch_plane(
        lambda torch, x, s: blurred(torch, x, s, **options)[..., :: int(1 / s), :: int(1 / s)]
    )


@torch_plane
def truncated_indices(torch: Any, x: Any, s: float) -> Any:
    rows, columns = ([int(i / s) for i in range(int(n * s))] for n in x.shape[-2:])
    return blurred(torch, x, s)[..., rows, :][..., columns]


def scipy_sliced(x: Any, s: float) -> Any:
    ndimage = pytest.importorskip("scipy.ndimage")
    return ndimage.gaussian_filter(x, (1 / s - 1) / 2, mode="constant")[
        :: int(1 / s), :: int(1 / s)
    ]


def halved(x: Any, s: float) -> Any:
    cv2 = pytest.importorskip("cv2")
    for _ in range(round(-math.log2(s))):
        x = cv2.pyrDown(x)
    return x


def area(x: Any, s: float) -> Any:
    cv2 = pytest.importorskip("cv2")
    return cv2.resize(x, None, fx=s, fy=s, interpolation=cv2.INTER_AREA)


def resized(name: str, whole: Callable[[float], int]) -> Plane:
    """OpenCV's resize to a size that the caller has made of the scale."""

    def plane(x: Any, s: float) -> Any:
        cv2 = pytest.importorskip("cv2")
        height, width = (max(whole(n * s), 1) for n in x.shape)
        return cv2.resize(x, (width, height), interpolation=getattr(cv2, f"INTER_{name}"))

    return plane


def kornia_plane(function: Callable[[Any, Any, float], Any]) -> Plane:
    def plane(torch: Any, x: Any, s: float) -> Any:
        return function(pytest.importorskip("kornia"), x, s)

    return torch_plane(plane)


def blur_pool(size: int) -> Plane:
    return kornia_plane(lambda kornia, x, s: kornia.filters.blur_pool2d(x, size, int(1 / s)))


@torch_plane
def reflected_blur_pool(torch: Any, x: Any, s: float) -> Any:
    """The module's own code, for which there is no package that every Python has: 4 taps."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype)
    weight = torch.outer(line, line) / 64
    padded = torch.nn.functional.pad(x, (1, 2, 1, 2), mode="reflect")
    return torch.nn.functional.conv2d(padded, weight[None, None], stride=int(1 / s))


def skimage_plane(function: Callable[[Any, Any, float], Any]) -> Plane:
    return lambda x, s: function(pytest.importorskip("skimage.transform"), x, s)


def pillow_plane(function: Callable[[Any, Any, float], Any]) -> Plane:
    def plane(x: Any, s: float) -> Any:
        image = pytest.importorskip("PIL.Image")
        return np.asarray(function(image, image.fromarray(x), s))

    return plane


def pillow_resized(name: str) -> Plane:
    return pillow_plane(
        lambda image, x, s: x.resize(
            (round(x.width * s), round(x.height * s)), getattr(image.Resampling, name)
        )
    )


REAL: dict[str, Plane] = {
    "slice (2020)": blurred_and_sliced(),
    "nearest (2019)": blurred_and_interpolated(),
    "nearest by the lengths": blurred_and_interpolated(recompute_scale_factor=True),
    "index int(i/s)": truncated_indices,
    "fixed sigma 1.5": blurred_and_sliced(sigma=1.5),
    "fixed sigma 1.5, nearest": torch_plane(
        lambda torch, x, s: torch.nn.functional.interpolate(
            blurred(torch, x, s, 1.5), scale_factor=s
        )
    ),
    "bilinear": blurred_and_interpolated(mode="bilinear", align_corners=True),
    "paddle": blurred_and_sliced(extra=1e-9),
    "paddle mobile": blurred_and_sliced(sigma=0.25),
    "full resolution": torch_plane(blurred),
    "SciPy's radius": scipy_sliced,
    "plain slicing": lambda x, s: x[:: int(1 / s), :: int(1 / s)],
    "nearest": interpolated(),
    "bilinear without a filter": interpolated(mode="bilinear"),
    "average pooling": torch_plane(
        lambda torch, x, s: torch.nn.functional.avg_pool2d(x, int(1 / s))
    ),
    "torch bilinear, antialias": interpolated(mode="bilinear", antialias=True),
    "torch bicubic, antialias": interpolated(mode="bicubic", antialias=True),
    "OpenCV pyrDown": halved,
    "OpenCV INTER_AREA": area,
    **{
        f"OpenCV INTER_{name} to a size by {whole.__name__}": resized(name, whole)
        for name in ("AREA", "LINEAR", "CUBIC", "NEAREST")
        for whole in (int, round, math.ceil)
    },
    **{f"kornia blur_pool2d({k})": blur_pool(k) for k in range(2, 8)},
    "antialiased-cnns BlurPool(4)": reflected_blur_pool,
    "kornia rescale": kornia_plane(
        lambda kornia, x, s: kornia.geometry.transform.rescale(x, s, antialias=True)
    ),
    "kornia pyrdown": kornia_plane(lambda kornia, x, s: kornia.geometry.transform.pyrdown(x)),
    "scikit-image rescale": skimage_plane(
        lambda transform, x, s: transform.rescale(x, s, anti_aliasing=True)
    ),
    "scikit-image pyramid_reduce": skimage_plane(
        lambda transform, x, s: transform.pyramid_reduce(x, 1 / s)
    ),
    "Pillow reduce": pillow_plane(lambda image, x, s: x.reduce(int(1 / s))),
    **{
        f"Pillow {name}": pillow_resized(name) for name in ("BOX", "BILINEAR", "BICUBIC", "LANCZOS")
    },
}


def test_every_row_is_held_against_real_code() -> None:
    """Of antialiased-cnns one size stands for all, which differ in a number of the table alone."""
    others = {f"antialiased-cnns BlurPool({k})" for k in (2, 3, 5, 6, 7)}
    others |= {"slice (2020), without effect", "no guard at scale 1"}
    assert set(REAL) | others == set(BY_NAME)
    assert len(BY_NAME) == len(CONVENTIONS)


@pytest.mark.parametrize("name", REAL)
def test_the_matrices_of_a_row_do_what_the_library_does(name: str) -> None:
    """On random samples; the limit is what a sum of that many binary32 terms may be off by.

    Torch and OpenCV compute places and weights in binary32, which moves them by 2**-24 of a place
    up to 64 or of a weight up to 1, and results by that times a difference of samples up to 8.
    """
    c, rng = BY_NAME[name], np.random.default_rng(7)
    for s in filter(c.applies, SCALES):
        for height, width in SHAPES:
            x = rng.standard_normal((height, width)).astype(np.float32)
            y = REAL[name](x, s)
            assert y.shape == (c.outputs(height, s), c.outputs(width, s)), s
            rows, columns = c.matrix(height, s), c.matrix(width, s)
            terms = int((rows != 0).sum(1).max() * (columns != 0).sum(1).max())
            size = np.abs(rows) @ np.abs(x) @ np.abs(columns).T
            limit = (terms + 40) * 2.0**-23 * size + 64 * 8 * 2.0**-23
            np.testing.assert_array_less(np.abs(y - rows @ x @ columns.T), limit, f"at {s}")


OTHER = "; another operation is asked for."


def as_batch(plane: Plane, s: float) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        return np.array([[plane(p, s) for p in entry] for entry in x], x.dtype)

    return function


NAMED_AT = {
    # where a row is no other one's equal
    "slice (2020)": 0.5, "nearest by the lengths": 0.25, "index int(i/s)": 0.28,
    "fixed sigma 1.5": 0.5, "fixed sigma 1.5, nearest": 0.5, "SciPy's radius": 0.16,
    "nearest": 0.25, "bilinear without a filter": 0.25, "paddle mobile": 0.5, "kornia pyrdown": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in REAL if n != "paddle"])
def test_a_diagnosis_names_it(name: str) -> None:
    s = NAMED_AT.get(name, 0.25 if "reduce" in name or "pool" in name else 0.5)
    found = diagnose(as_batch(REAL[name], s), scale=s)
    assert found.convention is not None, found.findings
    assert found.convention.startswith((f"{name}: ", f"You pass as *{name}* ")), found.convention
    assert (found.findings == []) == (name == "slice (2020)")


@pytest.mark.parametrize(
    ("name", "s"),
    [
        ("Pillow reduce", 0.25), ("OpenCV pyrDown", 0.25),
        ("OpenCV INTER_LINEAR to a size by int", 0.25), ("OpenCV INTER_AREA to a size by int", 0.5),
    ],
)  # fmt: skip
def test_bytes_that_a_library_rounds_in_its_own_way_still_have_its_name(
    name: str, s: float
) -> None:
    """In fixed point, or after each of two halvings: no filter and one rounding explains them."""
    found = diagnose(as_batch(REAL[name], s), scale=s, dtype="uint8")
    assert found.findings
    assert found.convention is not None, found.findings
    assert found.convention.startswith(f"You pass as *{name}* "), found.convention


def test_bytes_of_a_filter_that_nobody_has_get_no_name() -> None:
    """Within a unit of no convention, though they too are rounded twice."""

    def function(x: Any) -> Any:
        y = aa_ref.downsample(x, (0.5, 1), sigma=(1.1, None), backend="numpy")
        return aa_ref.downsample(y, (1, 0.5), sigma=(None, 1.1), backend="numpy")

    assert diagnose(function, scale=0.5, dtype="uint8").convention is None


def test_paddles_exponent_shows_in_binary64_alone() -> None:
    def paddle(x: Any) -> Any:
        return as_batch(REAL["paddle"], 0.5)(x)

    assert diagnose(paddle, scale=0.5).findings == []
    found = diagnose(paddle, scale=0.5, dtype="float64")
    assert [f.code for f in found.findings] == ["sigma"]
    assert found.convention is not None
    assert found.convention.startswith("You pass as *paddle* ")


def test_the_advice_is_a_sentence_and_leads_to_the_slice_convention() -> None:
    found = diagnose(as_batch(REAL["nearest (2019)"], 0.5), scale=0.5)
    assert found.convention == (
        "You pass as *nearest (2019)* (the first version of the First Order Motion Model, "
        "Thin-Plate-Spline Motion Model, MRFA, Audio2Head, Face2FaceRHO, the first-order port to "
        "Paddle): the size is floor(n*s); for the slice convention keep every stride-th sample of "
        "the filtered array, the first included: ceil(n/stride); or judge it with "
        "sampling='nearest', if that layer is the one ported."
    )
    assert (
        diagnose(as_batch(REAL["nearest (2019)"], 0.5), scale=0.5, sampling="nearest").findings
        == []
    )


def test_without_a_match_at_the_ends_the_rest_still_has_a_name() -> None:
    def replicated(x: Any) -> Any:
        return aa_ref.downsample(x, 0.5, boundary="replicate", backend="numpy")

    said = diagnose(replicated, scale=0.5).convention
    assert said == (
        "You look, clear of the ends, like *slice (2020)*, as you should; what differs is the ends."
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint8"])
@pytest.mark.parametrize(
    ("scale", "given", "asked", "begins", "ends"),
    [
        (0.25, {}, {"boundary": "reflect"}, "You pass as *slice (2020)* (", OTHER),
        (0.25, {}, {"sampling": "nearest"}, "You pass as *slice (2020)* (", OTHER),
        (0.3, {}, {"sampling": "nearest"}, "You pass as *slice (2020)* (", OTHER),
        (0.25, {}, {"sigma": 2.0}, "You pass as *slice (2020)* (", OTHER),
        (0.5, {"sigma": 1.5}, {"sigma": 0.8}, "You pass as *fixed sigma 1.5* (", OTHER),
        (0.3, {"sampling": "nearest", "boundary": "reflect"}, {"sampling": "nearest"},
         "You look, clear of the ends, like *nearest (2019)*, as you should;", "the ends."),
        (0.25, {"boundary": "replicate"}, {"boundary": "reflect"},
         "You look, clear of the ends, like *slice (2020)*, as you should;", "the ends."),
    ],
)  # fmt: skip
def test_what_is_said_to_be_as_it_should_is_what_was_asked_for(
    scale: float, given: Any, asked: Any, begins: str, ends: str, dtype: str
) -> None:
    def wrong(x: Any) -> Any:
        return aa_ref.downsample(x, scale, backend="numpy", **given)

    found = diagnose(wrong, scale=scale, dtype=dtype, **asked)
    assert found.convention is not None
    assert found.convention.startswith(begins)
    assert found.convention.endswith(ends)


@pytest.mark.parametrize(
    ("options", "name"),
    [({"sampling": "nearest"}, "nearest (2019)"), ({}, "slice (2020)"), ({"sigma": 2.2}, "")],
)
def test_axes_that_are_as_asked_for_get_the_name_of_that_or_none(options: Any, name: str) -> None:
    """Whatever else is wrong; and no advice to do something else."""

    def swapped(x: Any) -> Any:
        return aa_ref.downsample(x, 0.3, backend="numpy", **options)[:, ::-1]

    found = diagnose(swapped, scale=0.3, **options)
    assert [f.code for f in found.findings] == ["channels"]
    said = found.convention
    assert said is None if not name else said and said.startswith(f"You pass as *{name}* along")
    right = diagnose(lambda x: swapped(x)[:, ::-1], scale=0.3, **options)
    said = right.convention
    assert said is None if not name else said and said.startswith(f"{name}: ")


def test_no_faulty_axis_passes_as_what_is_asked_for() -> None:
    """Even if the fault is less than single weights are off by in a coarse type."""

    def narrower(x: Any) -> Any:
        taps = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
        y = np.pad(x.astype(float), [(0, 0), (0, 0), (5, 5), (5, 5)])
        for axis in (-2, -1):
            y = np.lib.stride_tricks.sliding_window_view(y, 11, axis) @ (taps / taps.sum())
        return y[..., ::4, ::4].astype(x.dtype)

    found = diagnose(narrower, scale=0.25, dtype="float16")
    assert [f.code for f in found.findings] == ["radius"]
    assert found.convention == (
        "You look like *slice (2020)*, as you should, but for what the findings tell."
    )


def test_a_scale_without_effect_is_said_to_be_one() -> None:
    found = diagnose(lambda x: x.copy(), scale=0.875)
    assert found.findings == []
    assert found.convention is not None
    assert found.convention.startswith("slice (2020), without effect: SAFA")


def test_a_layer_of_nan_at_scale_1_is_known() -> None:
    found = diagnose(lambda x: x * np.nan, scale=1)
    assert [f.code for f in found.findings] == ["nan"]
    assert found.convention == (
        "You pass as *no guard at scale 1* (a port for mobile devices): sigma is 0 there, and the "
        "filter 0/0; return the input at scale 1."
    )
    assert diagnose(lambda x: x[..., ::2, ::2] * np.nan, scale=0.5).convention is None


def test_what_nobody_does_has_no_name() -> None:
    def shifted(x: Any) -> Any:
        return as_batch(blurred_and_sliced(sigma=2.2), 0.5)(x)

    assert diagnose(shifted, scale=0.5).convention is None


@pytest.mark.parametrize("c", CONVENTIONS, ids=lambda c: c.name)
def test_rows_are_whole(c: Convention) -> None:
    assert c.size in SIZES
    assert c.taps in FILTERS
    assert c.pick in PICKS
    assert c.only in ONLY
    assert c.where
    assert bool(c.differs) == bool(c.advice) == (not c.name.startswith("slice (2020)"))


def test_nothing_in_the_vocabulary_is_idle() -> None:
    used = (
        {c.size for c in CONVENTIONS},
        {c.taps for c in CONVENTIONS},
        {c.pick for c in CONVENTIONS},
    )
    assert (set(SIZES), set(FILTERS), set(PICKS)) == used
    assert set(ONLY) == {c.only for c in CONVENTIONS}
