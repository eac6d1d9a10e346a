"""The four rules that extend a signal: `docs/spec.md`, part 3."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st

from aa_ref.boundary import BOUNDARIES, OTHER_NAMES, as_boundary, fold
from aa_ref.errors import BoundaryError

by_boundary = pytest.mark.parametrize("boundary", BOUNDARIES)


def padded(length, radius, boundary):
    """Where each position -radius..length-1+radius is read, by NumPy's padding; -1 is a zero."""
    (mode,) = (m for m, ours in OTHER_NAMES["numpy.pad"].items() if ours == boundary)
    extra = {"constant_values": -1} if mode == "constant" else {}
    return np.pad(np.arange(length), radius, mode, **extra)


def test_the_picture_in_the_docstring():
    letters = np.array([*"abcd", "0"])
    drawn = {}
    for boundary in BOUNDARIES:
        line = letters[fold(np.arange(-3, 7), 4, boundary)]
        drawn[boundary] = (
            " ".join(line[:3]) + " | " + " ".join(line[3:7]) + " | " + " ".join(line[7:])
        )
    picture = fold.__doc__.partition("::")[2].split("\n")
    shown = dict(line.split(maxsplit=1) for line in picture if line.strip())
    assert drawn == shown


@by_boundary
@pytest.mark.parametrize("length", [*range(1, 10), 16, 31])
def test_fold_is_numpys_pad(boundary, length):
    for radius in (0, 1, 2, length - 1, length, length + 1, 2 * length, 7 * length + 3):
        positions = np.arange(-radius, length + radius)
        folded = fold(positions, length, boundary)
        np.testing.assert_array_equal(folded, padded(length, radius, boundary))
        assert folded.dtype == np.int64


@by_boundary
@given(length=st.integers(1, 70), radius=st.integers(0, 400))
def test_fold_is_numpys_pad_for_any_length_and_radius(boundary, length, radius):
    positions = np.arange(-radius, length + radius)
    expected = padded(length, radius, boundary)
    np.testing.assert_array_equal(fold(positions, length, boundary), expected)


@by_boundary
@given(length=st.integers(1, 2**40), position=st.integers(-(2**45), 2**45))
def test_fold_of_one_far_position(boundary, length, position):
    folded = int(fold(position, length, boundary))
    inside = 0 <= position < length
    if boundary == "zeros":
        expected = position if inside else -1
    elif boundary == "replicate":
        expected = max(0, min(position, length - 1))
    elif boundary == "circular":
        expected = position % length
    elif length == 1:
        expected = 0
    else:
        k = position % (2 * (length - 1))
        expected = k if k <= length - 1 else 2 * (length - 1) - k
    assert folded == expected
    if inside:
        assert folded == position


@by_boundary
def test_fold_keeps_its_argument_and_its_shape(boundary):
    positions = np.arange(-6, 9).reshape(3, 5)
    before = positions.copy()
    folded = fold(positions, 4, boundary)
    np.testing.assert_array_equal(positions, before)
    np.testing.assert_array_equal(folded, fold(before.ravel(), 4, boundary).reshape(3, 5))
    assert fold([], 4, boundary).shape == (0,)


def test_the_names_are_those_of_the_contract():
    assert BOUNDARIES == ("zeros", "replicate", "reflect", "circular")
    for name in BOUNDARIES:
        assert as_boundary(name) == name


@pytest.mark.parametrize("mode", sorted(OTHER_NAMES["scipy.ndimage"]))
@pytest.mark.parametrize("length", [2, 3, 5, 8])
def test_the_names_of_scipy(mode, length):
    # A filter that copies the sample `radius` to the left, then to the right, shows the extension.
    # SciPy's "wrap" is an alias of "grid-wrap" in its filters (not in its interpolation).
    x = np.arange(1.0, length + 1)
    boundary = OTHER_NAMES["scipy.ndimage"][mode]
    for radius in (1, 2, length, 2 * length + 1):
        for side, weights in ((-1, [1.0] + [0.0] * 2 * radius), (1, [0.0] * 2 * radius + [1.0])):
            theirs = scipy.ndimage.correlate1d(x, weights, mode=mode, cval=0.0)
            source = fold(np.arange(length) + side * radius, length, boundary)
            np.testing.assert_array_equal(theirs, np.where(source < 0, 0.0, x[source]))


def test_scipys_reflect_is_another_rule_and_stands_in_no_table():
    theirs = scipy.ndimage.correlate1d(np.arange(4.0), [1.0, 0.0, 0.0], mode="reflect")
    assert theirs[0] == 0  # the edge, repeated
    assert fold(-1, 4, "reflect") == 1
    assert "reflect" not in OTHER_NAMES["scipy.ndimage"]
    assert set(OTHER_NAMES["scipy.ndimage"]) == {"nearest", "wrap", "mirror", "constant",
                                                 "grid-constant", "grid-wrap"}  # fmt: skip


@pytest.mark.parametrize("mode", sorted(OTHER_NAMES["numpy.pad"]))
def test_the_names_of_numpy(mode):
    boundary = OTHER_NAMES["numpy.pad"][mode]
    x = np.array([3.0, 5.0, 8.0, 11.0, 20.0])
    source = fold(np.arange(-12, 17), 5, boundary)
    np.testing.assert_array_equal(np.pad(x, 12, mode), np.where(source < 0, 0.0, x[source]))


def test_the_names_of_torch():
    # torch writes "constant" for zeros and calls the other three as we do.
    torch = pytest.importorskip("torch")
    x = torch.arange(1.0, 6.0)[None]
    for mode, boundary in [("constant", "zeros"), *((b, b) for b in BOUNDARIES[1:])]:
        theirs = torch.nn.functional.pad(x, (4, 4), mode=mode)[0].numpy()
        source = fold(np.arange(-4, 9), 5, boundary)
        np.testing.assert_array_equal(theirs, np.where(source < 0, 0.0, x[0].numpy()[source]))


@pytest.mark.parametrize(
    ("library", "word", "ours"),
    [(lib, word, ours) for lib, names in OTHER_NAMES.items() for word, ours in names.items()
     if word not in BOUNDARIES],
)  # fmt: skip
def test_a_word_of_another_library_is_translated(library, word, ours):
    with pytest.raises(BoundaryError) as caught:
        as_boundary(word)
    assert repr(word) in str(caught.value)
    assert f"{ours!r} here" in str(caught.value)
    named = {lib for lib, names in OTHER_NAMES.items() if word in names}
    assert library in named
    assert any(lib in str(caught.value) for lib in named)


@pytest.mark.parametrize(
    "word",
    ["Zeros", "zero", "", "symmetric", None, 0, b"zeros", ("zeros",), np.array("zeros")],
    ids=repr,
)
def test_other_words_are_refused(word):
    with pytest.raises(BoundaryError, match="'zeros', 'replicate', 'reflect', 'circular'"):
        as_boundary(word)
