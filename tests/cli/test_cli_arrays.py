"""``.npy`` in, ``.npy`` out."""

import pickle
import struct
from fractions import Fraction

import numpy as np
import pytest
from cli_helpers import PHOTOS, samples

import aa_ref


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_keep_their_type(tmp_path, downsampled, dtype, order):
    x = np.asarray(
        samples((3, 37, 22), np.dtype(dtype).newbyteorder("=")).astype(dtype), order=order
    )
    np.save(tmp_path / "input.npy", x)
    output, ending = downsampled(tmp_path / "input.npy")
    result, wanted = np.load(output), aa_ref.downsample(x, Fraction(1, 4))
    assert result.dtype == wanted.dtype
    np.testing.assert_array_equal(result, wanted)
    assert "(3, 37, 22)" in ending.stdout
    assert "(3, 10, 6)" in ending.stdout


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        (("--axes", "-1"), {"axes": (-1,)}),
        (("--axes", "0,1"), {"axes": (0, 1)}),
        (("--axes=-3,-2,-1",), {"axes": (0, 1, 2)}),
        (("--boundary", "circular"), {"boundary": "circular"}),
        (("--dtype", "float64"), {"dtype": "float64"}),
        (("--dtype", "uint8"), {"dtype": "uint8"}),
    ],
)  # fmt: skip
def test_options(tmp_path, downsampled, options, keywords):
    x = 300 * samples((9, 37, 22), "float32") - 10
    np.save(tmp_path / "input.npy", x)
    output, _ = downsampled(tmp_path / "input.npy", None, *options)
    wanted = aa_ref.downsample(x, 0.25, **keywords)
    assert np.load(output).dtype == wanted.dtype
    np.testing.assert_array_equal(np.load(output), wanted)


@pytest.mark.parametrize("shape", [(0, 37, 22), (1, 1), (2, 3, 0, 5, 6)])
def test_empty_and_tiny_arrays(tmp_path, downsampled, shape):
    np.save(tmp_path / "input.npy", np.ones(shape, np.float32))
    output, _ = downsampled(tmp_path / "input.npy")
    assert np.load(output).shape == aa_ref.downsample(np.ones(shape, np.float32), 0.25).shape


def test_bundled_array(downsampled):
    x = np.load(PHOTOS / "lfw_subset.npy")
    output, _ = downsampled(PHOTOS / "lfw_subset.npy", scale="1/2")
    np.testing.assert_array_equal(np.load(output), aa_ref.downsample(x, 0.5))


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def array_of_objects(path):
    np.save(path, np.array([[Bomb()]], dtype=object), allow_pickle=True)


def plain_pickle(path):
    path.write_bytes(pickle.dumps(Bomb()))


def huge_claim(path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 99999999)}".ljust(117)
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", 118) + header + b"\n" + bytes(64))


def cut_off(path):
    np.save(path, np.ones((30, 40)))
    path.write_bytes(path.read_bytes()[:-1])


def cut_off_header(path):
    np.save(path, np.ones((30, 40)))
    path.write_bytes(path.read_bytes()[:30])


def header_that_is_code(path):
    header = b"__import__('os').abort()".ljust(117)
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", 118) + header + b"\n" + bytes(64))


def unknown_version(path):
    path.write_bytes(b"\x93NUMPY\x09\0" + bytes(200))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (array_of_objects, ["refused", "Python objects"]),
        (plain_pickle, ["contents are not"]),
        (huge_claim, ["claims", "64"]),
        (cut_off, ["claims"]),
        (cut_off_header, ["cannot read"]),
        (header_that_is_code, ["cannot read"]),
        (unknown_version, ["cannot read"]),
        (lambda path: np.save(path, np.array(3.0)), ["out of range"]),
        (lambda path: np.save(path, np.ones((3, 0))), ["length 0"]),
    ],
)
def test_refused(tmp_path, refused, make, words):
    make(tmp_path / "input.npy")
    refused(tmp_path / "input.npy", tmp_path / "o.npy", words)


def test_arrays_are_no_pictures(tmp_path, refused):
    np.save(tmp_path / "input.npy", samples((30, 40)))
    refused(tmp_path / "input.npy", tmp_path / "o.png", ["npy", "write a .npy"], status=2)


def test_types_that_no_file_names(tmp_path, refused):
    np.save(tmp_path / "input.npy", samples((30, 40)))
    arguments = (tmp_path / "input.npy", tmp_path / "o.npy")
    refused(*arguments, ["bfloat16", "float32"], "--dtype", "bfloat16", status=2)
    refused(*arguments, ["int7", "uint8"], "--dtype", "int7", status=2)
