"""Types that are not taken: the advice is in the command line's words, and loses what it says."""

import re

import numpy as np
import pytest
import tifffile

FLOAT32, FLOAT64 = ["save it as float32, which holds all"], ["save it as float64, which holds all"]
UP_TO_53_BITS = ["save it as float64", "whole numbers up to 2**53"]
PARTS, TEXT = "the real and the imaginary parts apart, as", ["holds text; save numbers"]
TIMES = ["holds times", "numbers of a unit"]
CASES = {
    "bool": FLOAT32,
    "int8": FLOAT32,
    "int16": FLOAT32,
    "int32": FLOAT64,
    "uint32": FLOAT64,
    "int64": UP_TO_53_BITS,
    "uint64": UP_TO_53_BITS,
    "complex64": [f"{PARTS} float32, which holds all"],
    "complex128": [f"{PARTS} float64, which holds all"],
    "clongdouble": [f"{PARTS} float64 if 53 bits of each are enough"],
    "longdouble": ["no type taken holds all", "float64 if 53 bits are enough"],
    "i4,f8": ["each of its fields apart: f0 (int32), f1 (float64)"],
    "U3": TEXT,
    "S3": TEXT,
    "M8[s]": TIMES,
    "m8[D]": TIMES,
    "V2": ["if it is bfloat16, save it as float32"],
    "V6": ["save its bytes as the numbers that they mean"],
}
IN_TIFF = {"int8", "int32", "uint32", "int64", "uint64", "complex64", "complex128"}
PYTHON = re.compile(r"astype|\bx\.|to\(|pass ")


@pytest.mark.parametrize("dtype", CASES)
def test_of_arrays(tmp_path, refused, dtype):
    path = tmp_path / "input.npy"
    np.save(path, np.zeros((3, 4), dtype))
    ending = refused(path, tmp_path / "o.npy", ["none of the types taken", *CASES[dtype]], status=1)
    assert not PYTHON.search(ending.stderr)


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
def test_of_fields_with_any_names(tmp_path, refused):
    np.save(tmp_path / "input.npy", np.zeros((3, 4), [("höhe", "f4")]))
    words = ["none of the types taken", "each of its fields apart: höhe (float32)"]
    refused(tmp_path / "input.npy", tmp_path / "o.npy", words, status=1)


@pytest.mark.parametrize("dtype", sorted(IN_TIFF))
def test_of_tiff(tmp_path, refused, dtype):
    path = tmp_path / "input.tif"
    tifffile.imwrite(path, np.zeros((20, 30), dtype), photometric="minisblack")
    ending = refused(path, tmp_path / "o.tif", ["none of the types taken", *CASES[dtype]], status=1)
    assert not PYTHON.search(ending.stderr)


@pytest.mark.parametrize(
    ("bits", "form", "words"),
    [
        (128, 3, CASES["longdouble"]),
        (256, 6, CASES["clongdouble"]),
        (128, 1, CASES["longdouble"]),
        (64, 7, ["save it as an array of numbers"]),
    ],
)
def test_of_tiff_that_numpy_has_no_name_for(tmp_path, refused, bits, form, words):
    path = tmp_path / "input.tif"
    tifffile.imwrite(path, np.zeros((20, 30)), photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags
        tags["BitsPerSample"].overwrite(bits)
        tags["SampleFormat"].overwrite(form)
    refused(path, tmp_path / "o.tif", [f"{bits}-bit", f"SampleFormat {form}", *words], status=1)


@pytest.mark.parametrize("dtype", [name for name in CASES if "which holds all" in CASES[name][0]])
def test_the_type_advised_holds_all(dtype):
    advised = re.search(r"float\d+", CASES[dtype][0])[0]
    known = np.dtype(dtype)
    if known.kind == "c":
        ends = np.finfo(known)
        values = np.array([ends.max, -ends.max, ends.smallest_subnormal, 1 + ends.eps])
    elif known.kind == "b":
        values = np.array([False, True])
    else:
        limits = np.iinfo(known)
        values = np.array([limits.min, limits.min + 1, limits.max - 1, limits.max], known)
    np.testing.assert_array_equal(values.astype(advised).astype(values.dtype), values)
