"""Vectors on disk: what is written is right and says so, what is judged gets the right verdict."""

import hashlib
import json
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy_format
from support import BFLOAT16, TYPES, assert_same_bits, numpy_type

import aa_ref
from aa_ref.arrays import Source
from aa_ref.dtypes import STORAGE, widen
from aa_ref.oracle import vectors
from aa_ref.oracle.numerics.bounds import bound
from aa_ref.oracle.numerics.truth import truth
from aa_ref.oracle.vectors import VectorsError, judge_vectors, write_vectors
from aa_ref.oracle.vectors.cases import CASES
from aa_ref.oracle.vectors.files import (
    Tensor,
    decode_npy,
    decode_safetensors,
    encode_npy,
    encode_safetensors,
)

SCHEMA = Path(__file__).parents[2] / "docs" / "vectors.schema.json"
RESULTS = ("y", "gx")
FEW = [c for c in CASES if c.name in ("half-single", "quarter-normal", "bfloat16-normal")]

by_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All cases, written once and never changed."""
    place = tmp_path_factory.mktemp("vectors") / "all"
    assert write_vectors(place) == len(CASES)
    return place


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Three cases: what is wrong with one file is seen as well among few."""
    place = tmp_path_factory.mktemp("vectors") / "few"
    write_vectors(place, FEW)
    return place


@pytest.fixture(scope="module")
def manifest(folder):
    return json.loads((folder / "manifest.json").read_text("utf-8"))


@pytest.fixture
def entry(manifest):
    return {case["name"]: case for case in manifest["cases"]}.__getitem__


@pytest.fixture
def load(folder, entry):
    """Storage of one array of a case, as NumPy reads it, or as its recipe makes it."""

    def loaded(name, role):
        file = entry(name)["files"][role]
        return made(file) if "recipe" in file else np.load(folder / file["file"])

    return loaded


def made(file):
    """By the recipe, one sample after the other, in Python's integers; for float32 and uint8."""
    bits, values = {"float32": 24, "uint8": 8}[file["dtype"]], []
    for n in range(1, int(np.prod(file["shape"])) + 1):
        z = (n + (file["recipe"] << 32)) * 0x9E3779B97F4A7C15 % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        k = (z ^ (z >> 31)) >> (64 - bits)
        values.append(k * 2.0**-23 - 1 if bits == 24 else k)
    return np.array(values, file["dtype"]).reshape(file["shape"])


@pytest.fixture(scope="module")
def telling(tmp_path_factory):
    """The small cases of scale 1/2, and where 4 sigma is a tie."""
    place = tmp_path_factory.mktemp("vectors") / "telling"
    write_vectors(place, [c for c in CASES if re.match(r"half-[^w]|radius-tie-i", c.name)])
    return place


@pytest.fixture
def copied(few, tmp_path):
    """Results that are right to the bit: copies of the vectors' own."""
    for path in few.glob("*.npy"):
        if path.name.endswith(("gx.npy", ".y.npy")):
            shutil.copy(path, tmp_path)
    return tmp_path


def bytes_of(place):
    return {path.name: path.read_bytes() for path in place.iterdir()}


def options_of(entry):
    """Scale and options as the manifest says them."""
    axes = entry["axes"]

    def number(value):
        return Fraction(value) if isinstance(value, str) else value

    return [number(a["scale"]) for a in axes], {
        "axes": [a["axis"] for a in axes],
        "sigma": [number(a["sigma"]) for a in axes],
        "boundary": [a["boundary"] for a in axes],
        "sampling": [a["sampling"] for a in axes],
    }


# What is written


def test_writing_twice_gives_the_same_bytes(few, tmp_path):
    write_vectors(tmp_path / "again", FEW)
    assert bytes_of(tmp_path / "again") == bytes_of(few)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_inputs_are_finite_and_not_all_zero(case):
    x = widen(case.input(), case.input_dtype)
    assert np.isfinite(x).all() == (case.name != "quarter-special")
    assert x.any()
    if "normal" in case.name or case.recipe is not None:
        assert len(np.unique(x)) > min(x.size, 256) / 2


def test_another_case_has_other_noise():
    random = [c for c in CASES if c.name.endswith("-normal")]
    x = [c.input().ravel()[:50].tobytes() for c in random]
    g = [c.gradient().ravel()[:50].tobytes() for c in random if c.has_adjoint]
    assert len({*x, *g}) == len(x) + len(g)


def test_the_folder_holds_what_the_manifest_names(folder, manifest):
    files = [f for case in manifest["cases"] for f in case["files"].values()]
    named = {f["file"]: f for f in files if "recipe" not in f}
    archive = manifest["archive"]
    assert {p.name for p in folder.iterdir()} == {*named, archive["file"], "manifest.json"}
    for name, file in {**named, archive["file"]: archive}.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == file["sha256"], name
    for name, file in named.items():
        array = np.load(folder / name)
        assert array.dtype.str == STORAGE[file["dtype"]].newbyteorder("<").str, name
        assert list(array.shape) == file["shape"], name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10e6


def test_the_manifest_is_of_its_schema(manifest):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(manifest, schema)


def test_the_schema_bites(manifest):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    text = json.dumps(manifest)
    for old, new in (
        ('"schema_version": 2', '"schema_version": 1'),
        ('"recipe": ', '"recipe": -'),
        ('"label"', '"lable"'),
        ('"boundary": "zeros"', '"boundary": "wrap"'),
        ('"scale": 0.5', '"scale": 4'),
        ('"scale": "1/3"', '"scale": "1:3"'),
        ('"dtype": "uint8"', '"dtype": "int8"'),
        ('"radius": 2', '"radius": 2.5'),
        ('"sha256": "', '"sha256": "g'),
        ('"y_bound"', '"bound"'),
    ):
        assert old in text
        assert not validator.is_valid(json.loads(text.replace(old, new, 1))), new


def test_the_archive_as_the_library_reads_it(folder, manifest):
    library = pytest.importorskip("safetensors.numpy")
    path = folder / manifest["archive"]["file"]
    with path.open("rb") as archive:  # samples begin where the widest type may
        assert int.from_bytes(archive.read(8), "little") % 8 == 0
    tensors = library.load_file(path)
    files = [f for case in manifest["cases"] for f in case["files"].values() if "file" in f]
    assert sorted(tensors) == sorted(f["file"].removesuffix(".npy") for f in files)
    for file in files:
        tensor = tensors[file["file"].removesuffix(".npy")]
        assert tensor.dtype == numpy_type(file["dtype"])
        assert_same_bits(tensor, np.load(folder / file["file"]).view(tensor.dtype))


@pytest.mark.parametrize("dtype", TYPES)
def test_what_the_library_writes_is_read(dtype, tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    x = np.arange(6).reshape(2, 3).astype(numpy_type(dtype))
    library.save_file({"x": x, "none": x[:0], "one": np.array(x[0, 0])}, tmp_path / "file")
    tensors = decode_safetensors((tmp_path / "file").read_bytes())
    assert {key: tensor.storage.shape for key, tensor in tensors.items()} == {
        "x": (2, 3), "none": (0, 3), "one": ()
    }  # fmt: skip
    assert tensors["x"].dtype == dtype
    assert_same_bits(tensors["x"].storage.view(numpy_type(dtype)), x)


def test_a_text_stands_for_an_exact_sigma(manifest):
    """What follows from an exact scale is exact, too: as the page and the schema say."""
    sigmas = {a["filter"]["sigma"] for c in manifest["cases"] for a in c["axes"] if a["filter"]}
    texts = {s for s in sigmas if isinstance(s, str)}
    assert texts
    assert all(Fraction(s) > 0 for s in texts)
    page = SCHEMA.with_name("vectors.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `filter` |")]
    schema = json.loads(SCHEMA.read_text("utf-8"))["$defs"]["axis"]["properties"]["filter"]
    said = schema["oneOf"][1]["properties"]["sigma"]["description"]
    assert all('"3/4"' in text for text in (*rows, said))


@by_case
def test_the_manifest_says_what_is_asked(case, entry):
    said = entry(case.name)
    scale, options = options_of(said)
    types = {"input_dtype": said["input_dtype"], "dtype": said["dtype"]}
    assert aa_ref.plan(said["shape"], scale, **types, **options) == case.plan
    assert (said["label"], said["suggests"]) == (case.label, case.suggests)


@pytest.mark.filterwarnings("ignore:scale .* has stride int:UserWarning")
@pytest.mark.parametrize(
    ("case", "role"),
    [(c, role) for c in CASES for role in RESULTS if role == "y" or c.has_adjoint],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_result_its_truth_and_its_bound(case, role, entry, load):
    plan, direction, x = case.plan, "forward", load(case.name, "x")
    if role == "gx":
        plan, direction = plan.replace_input_dtype(plan.input_dtype), "adjoint"
        x = load(case.name, "g")
    result, real, allowed = (load(case.name, role + s) for s in ("", "_truth", "_bound"))
    act = plan if direction == "forward" else plan.adjoint
    typed = x.view(BFLOAT16) if plan.input_dtype == "bfloat16" else x
    assert_same_bits(act(typed, backend="numpy"), result, plan.dtype)
    if case.name != "quarter-special" or role == "gx":
        given = Source(x, plan.input_dtype, x, None)
        precision = entry(case.name)["precision"]
        assert_same_bits(real, truth(given, plan, direction=direction))
        assert_same_bits(allowed, bound(given, plan, precision=precision, direction=direction))
    values, known = widen(result, plan.dtype).astype(np.float64), np.isfinite(real)
    np.testing.assert_array_equal(values[~known], real[~known])
    if plan.dtype.startswith("uint"):
        real = np.clip(real, 0, np.iinfo(plan.dtype).max)
    assert (np.abs(values[known] - real[known]) <= allowed[known]).all()


def test_gradients_are_there_for_small_ones_in_floating_point_alone(manifest):
    for case in manifest["cases"]:
        adjoint, large = {"g", "gx", "gx_truth", "gx_bound"}, "recipe" in case["files"]["x"]
        wanted = set() if case["input_dtype"].startswith("uint") or large else adjoint
        assert adjoint & case["files"].keys() == wanted


@by_case
def test_what_the_manifest_says_of_the_filter(case, entry, load):
    said = entry(case.name)
    assert said["out_shape"] == list(load(case.name, "y").shape)
    assert said["compute_dtype"] == ("float64" if case.input_dtype == "float64" else "float32")
    for a in said["axes"]:
        used = a["filter"]
        assert (used is None) == (f"taps{a['axis']}" not in said["files"])
        if used is None:
            continue
        taps = load(case.name, f"taps{a['axis']}")
        assert len(taps) == 2 * used["radius"] + 1
        assert taps.dtype == said["compute_dtype"]
        sigma, offsets = float(Fraction(used["sigma"])), np.arange(len(taps)) - used["radius"]
        if sigma:
            weights = np.exp(-0.5 * (offsets / sigma) ** 2)
            np.testing.assert_allclose(taps, weights / weights.sum(), rtol=1e-6)
        assert len(used["centres"]) == said["out_shape"][a["axis"]]
        if a["sampling"] == "slice":
            assert used["centres"] == list(range(0, said["shape"][a["axis"]], used["stride"]))


def test_the_special_case_shows_each_special_value(load):
    real = load("quarter-special", "y_truth")
    assert np.isnan(real).any()
    assert np.isposinf(real).any()
    assert np.isneginf(real).any()
    assert np.isfinite(real).any()


def test_the_cases_reach_all_that_there_is():
    plans = [case.plan for case in CASES]
    assert {p.input_dtype for p in plans} == set(TYPES)
    assert {a.boundary for p in plans for a in p.axes} == {
        "zeros", "replicate", "reflect", "circular"
    }  # fmt: skip
    assert {a.sampling for p in plans for a in p.axes} == {"slice", "nearest"}
    assert {a.scale for p in plans for a in p.axes} >= {
        0.5, 0.25, 0.125, Fraction(1, 3), 0.16, 0.75, 1
    }  # fmt: skip
    assert {len(p.axes) for p in plans} == {1, 2, 3}
    assert max(np.prod(p.shape[-2:]) for p in plans) > 1 << 18
    assert max(n for p in plans for n in p.out_shape) > 4096
    assert max(p.shape[1] for p in plans if len(p.shape) == 4) > 64
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        lengths = [a.length for a in case.plan.axes]
        assert len(set(lengths)) == len(lengths) or set(lengths) == {1}, f"{case.name} is square"


@pytest.mark.parametrize("case", [c for c in CASES if "impulses" in c.name], ids=lambda c: c.name)
def test_impulses_reach_every_phase_and_both_borders(case):
    x = case.input().astype(bool) if case.input_dtype != "bfloat16" else case.input() > 0
    places = np.argwhere(x)
    assert len(places) == len(x)
    assert len({tuple(place[1:]) for place in places.tolist()}) == len(x)
    for a in case.plan.axes:
        reached = places[:, a.axis]
        if case.plan.shape[0] >= 3 * a.stride:
            assert set(reached % a.stride) == set(range(a.stride))
        assert {0, a.length - 1} <= set(reached)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: (path / "new").mkdir() or (path / "new" / "file").touch(), "not empty"),
        (lambda path: (path / "new").touch(), "is a file"),
    ],
)
def test_writing_replaces_nothing(tmp_path, make, words):
    make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(VectorsError, match=words):
        write_vectors(tmp_path / "new", FEW)
    assert sorted(tmp_path.rglob("*")) == before


def test_writing_needs_a_place(tmp_path):
    with pytest.raises(VectorsError, match=f"no folder {re.escape(str(tmp_path))}/none"):
        write_vectors(tmp_path / "none" / "new", FEW)


def test_an_empty_folder_is_filled(tmp_path):
    write_vectors(tmp_path, FEW[:1])
    assert (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_writing_that_fails_leaves_nothing(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(vectors, "encode_safetensors", fail)
    with pytest.raises((VectorsError, KeyboardInterrupt)) as caught:
        write_vectors(tmp_path / "new", FEW[:1])
    if isinstance(error, OSError):
        assert str(caught.value) == f"cannot write {tmp_path / 'new'}: No space left"
    assert list(tmp_path.iterdir()) == []


# Verdicts


def as_folder(arrays, place):
    place.mkdir()
    for key, (storage, _) in arrays.items():
        np.save(place / f"{key}.npy", storage)
    return place


def as_npz(arrays, place):
    np.savez(place.with_suffix(".npz"), **{key: t.storage for key, t in arrays.items()})
    return place.with_suffix(".npz")


def as_compressed(arrays, place):
    np.savez_compressed(place.with_suffix(".npz"), **{key: t.storage for key, t in arrays.items()})
    return place.with_suffix(".npz")


def as_safetensors(arrays, place):
    path = place.with_suffix(".safetensors")
    path.write_bytes(encode_safetensors(arrays, {}))
    return path


def right_results(place):
    """The arrays of a folder that an implementation would compute, by key."""
    cases = json.loads((place / "manifest.json").read_text("utf-8"))["cases"]
    files = [case["files"][role] for case in cases for role in RESULTS if role in case["files"]]
    return {
        f["file"].removesuffix(".npy"): Tensor(np.load(place / f["file"]), f["dtype"])
        for f in files
    }


def test_right_results_of_all_cases(folder, tmp_path):
    arrays = right_results(folder)
    j = judge_vectors(folder, as_folder(arrays, tmp_path / "results"), every=True)
    assert [v.name for v in j.verdicts] == list(arrays)
    assert {v.grade for v in j.verdicts} == {j.grade} == {"bit-identical"}
    assert j.passed
    assert f"passed: {len(arrays)} bit-identical (" in str(j)


@pytest.mark.parametrize("pack", [as_npz, as_compressed, as_safetensors])
def test_right_results_in_other_containers(few, tmp_path, pack):
    j = judge_vectors(few, pack(right_results(few), tmp_path / "results"), every=True)
    assert {v.grade for v in j.verdicts} == {"bit-identical"}


def saved(path, change):
    """Load an array, change it, save it."""
    np.save(path, change(np.load(path)))


def truncated(path):
    path.write_bytes(path.read_bytes()[:-3])


def lengthened(path):
    path.write_bytes(path.read_bytes() + b"\0\0\0\0")


def nan_inside(x):
    x[0, 1, 2, 3] = np.nan
    return x


def with_version(version):
    def write(path):
        array = np.load(path)
        with path.open("wb") as file:
            npy_format.write_array(file, array, version=version)

    return write


def off_by(units):
    """One element off by units in the last place."""

    def change(x):
        x[0, 1, 2, 3] = x[0, 1, 2, 3] + units * np.spacing(x[0, 1, 2, 3])
        return x

    return lambda path: saved(path, change)


@pytest.mark.parametrize(
    ("damage", "grade", "words"),
    [
        (lambda p: saved(p, np.asfortranarray), "bit-identical", ""),
        (lambda p: saved(p, lambda x: x.astype(">f4")), "bit-identical", ""),
        (with_version((2, 0)), "bit-identical", ""),
        (with_version((3, 0)), "bit-identical", ""),
        (off_by(1), "within-bound", ""),
        (off_by(1e6), "fails", r"at \(0, 1, 2, 3\): -?[\d.]+, but the truth is -?[\d.]+ ± "),
        (lambda p: saved(p, nan_inside), "fails", r"at \(0, 1, 2, 3\): nan"),
        (lambda p: saved(p, np.zeros_like), "fails", "but the truth is"),
        (lambda p: saved(p, lambda x: x.swapaxes(2, 3)), "fails", r"shape \(2, 3, 7, 6\), not"),
        (lambda p: saved(p, lambda x: x[0]), "fails", r"shape \(3, 6, 7\), not \(2, 3, 6, 7\)"),
        (lambda p: saved(p, np.float64), "fails", "holds float64, not float32"),
        (lambda p: saved(p, np.int32), "fails", "holds int32, not float32"),
        (lambda p: np.save(p, [{}], allow_pickle=True), "fails", "holds Python objects"),
        (truncated, "fails", r"claims 1,008 bytes of samples in its header, and has 1,005"),
        (lengthened, "fails", r"and has 1,012"),
        (lambda p: p.write_bytes(b""), "fails", r"is no \.npy file"),
        (lambda p: p.write_bytes(b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4'}"), "fails", "is no"),
        (lambda p: p.write_text("hello, this is text"), "fails", r"is no \.npy file: .*magic"),
        (lambda p: (p.unlink(), p.mkdir()), "fails", "cannot be read: Is a directory"),
    ],
)
def test_one_result_that_differs(few, copied, damage, grade, words):
    damage(copied / "quarter-normal.y.npy")
    j = judge_vectors(few, copied)
    (verdict,) = [v for v in j.verdicts if v.name == "quarter-normal.y"]
    assert verdict.grade == grade
    assert re.search(words, verdict.message)
    assert {v.grade for v in j.verdicts if v is not verdict} == {"bit-identical"}
    assert j.grade == grade
    assert j.passed == (grade != "fails")
    assert len(verdict.message.splitlines()) == bool(words)
    text = str(j)
    if words:
        assert f"quarter-normal.y fails: {verdict.message}" in text
        assert f"look at {verdict.suggests}" in text
    data = json.loads(j.to_json(), parse_constant=pytest.fail)
    assert [v["grade"] for v in data["verdicts"]] == [v.grade for v in j.verdicts]
    assert data["passed"] == j.passed


@pytest.mark.parametrize(
    ("change", "grade", "words"),
    [
        (lambda x: x.view(BFLOAT16), "bit-identical", ""),
        (lambda x: x.view("V2"), "bit-identical", ""),
        (lambda x: x.astype(">u2"), "bit-identical", ""),
        (lambda x: widen(x, "bfloat16"), "fails", r"holds float32, not bfloat16 \(as its bits"),
        (lambda x: x.view(np.float16), "fails", "holds float16, not bfloat16"),
    ],
)
def test_ways_to_hold_bfloat16(few, copied, change, grade, words):
    saved(copied / "bfloat16-normal.y.npy", change)
    verdict = {v.name: v for v in judge_vectors(few, copied).verdicts}["bfloat16-normal.y"]
    assert verdict.grade == grade
    assert re.search(words, verdict.message)


def test_missing_and_misspelt_results(few, copied):
    (copied / "quarter-normal.gx.npy").rename(copied / "quarter-normal.xg.npy")
    (copied / "half-single.y.npy").unlink()
    (copied / "half-single.gx.npy").unlink()
    shutil.copy(few / "half-single.x.npy", copied)
    j = judge_vectors(few, copied)
    assert (j.passed, j.grade) == (False, "fails")
    assert [v.name for v in j.verdicts if v.grade == "missing"] == [
        "half-single.y", "half-single.gx", "quarter-normal.gx"
    ]  # fmt: skip
    assert j.unknown == {"quarter-normal.xg": "quarter-normal.gx"}
    lines = str(j).splitlines()
    assert "missing: half-single" in lines
    assert "quarter-normal.xg fits no case; rename it if quarter-normal.gx is meant" in lines
    assert "3 missing, 1 of no case (" in lines[-1]
    assert json.loads(j.to_json())["unknown"] == j.unknown
    assert re.search(r"quarter-normal +bit-identical [\d.]+ +missing$", str(j), re.MULTILINE)
    (copied / "quarter-normal.xg.npy").rename(copied / "notes.npy")
    lines = str(judge_vectors(few, copied)).splitlines()
    assert "notes fits no case; take it away" in lines
    (copied / "notes.npy").unlink()
    assert judge_vectors(few, copied).passed
    strict = judge_vectors(few, copied, every=True)
    assert (strict.passed, strict.grade) == (False, "fails")


def test_a_program_that_goes_one_way_alone(few, copied):
    """Its other direction is no gap, unless all are asked for; and is in no table."""
    for path in copied.glob("*.gx.npy"):
        path.unlink()
    j = judge_vectors(few, copied)
    assert j.passed
    assert "adjoint" not in str(j).splitlines()[0]
    assert str(j).endswith("taps recomputed); no adjoint is there, and none was judged")
    assert "missing" not in str(j)
    assert not judge_vectors(few, copied, every=True).passed
    assert judge_vectors(few, copied, every=True, direction="forward").passed
    (copied / "half-single.y.npy").unlink()
    assert "1 missing" in str(judge_vectors(few, copied))
    assert not judge_vectors(few, copied, every=True, direction="forward").passed
    with pytest.raises(VectorsError, match="has none of the 3 results"):
        judge_vectors(few, copied, direction="adjoint")
    with pytest.raises(VectorsError, match="direction is 'back'; write 'forward'"):
        judge_vectors(few, copied, direction="back")


def test_the_claims_reach_the_bound(few, copied):
    """Results that passed through binary16 are right for that precision alone."""
    for path in copied.glob("quarter-normal.*"):
        saved(path, lambda x: x.astype(np.float16).astype(np.float32))

    def worst(**claims):
        j = judge_vectors(few, copied, **claims)
        return max(v.worst for v in j.verdicts if v.case == "quarter-normal")

    assert worst() > 1
    assert worst(precision="binary16") < 1
    assert worst(taps="given") > worst()
    assert worst(form="separable") > worst()


def test_flushed_subnormals_are_noted_and_pass(telling, tmp_path):
    """What a processor gives that takes subnormal samples and products for zero."""
    place = as_folder(right_results(telling), tmp_path / "results")
    x, taps = (np.load(telling / f"half-subnormal.{role}.npy") for role in ("x", "taps0"))

    def flushed(values):
        return np.where(np.abs(values) < 2.0**-126, np.float32(0), values)

    for axis, stride in ((0, 2), (1, 2)):
        ends = [(2, 2) if a == axis else (0, 0) for a in range(2)]
        rows = np.moveaxis(np.pad(flushed(x), ends), axis, 0)
        x = sum(flushed(t * rows[k : len(rows) - 4 + k]) for k, t in enumerate(taps))
        x = np.moveaxis(flushed(x)[::stride], 0, axis)
    np.save(place / "half-subnormal.y.npy", x)
    j = judge_vectors(telling, place)
    assert [v.name for v in j.verdicts if v.grade != "bit-identical"] == ["half-subnormal.y"]
    assert j.grade == "within-bound"
    assert "half-subnormal.y within-bound" in str(j)
    assert "flushed to zero" in str(j)


def test_where_the_bound_says_nothing(few, copied):
    off_by(1)(copied / "quarter-normal.y.npy")
    j = judge_vectors(few, copied, precision="pure-bfloat16", form="direct")
    assert j.grade == "cannot-judge"
    assert not j.passed
    (told,) = [v for v in j.verdicts if v.message]
    assert re.fullmatch(r"\d+ elements are without a verdict: .*", told.message)
    assert f"quarter-normal.y cannot-judge: {told.message}" in str(j).splitlines()


def test_the_vectors_themselves_are_no_results(few, copied):
    for results in (few, few / "vectors.safetensors"):
        with pytest.raises(VectorsError, match="holds the vectors themselves"):
            judge_vectors(few, results)
    assert judge_vectors(few, copied).passed


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("none", None, "there is no folder or file"),
        ("results.txt", b"", r"is no folder, \.npz or \.safetensors"),
        ("results.npz", b"PK\3\4 and more", r"is no \.npz file"),
        ("results.safetensors", b"\xff" * 30, "is cut off"),
        ("results.safetensors", b"\2\0\0\0\0\0\0\0[]", "has none of the 6 results"),
        ("results.safetensors", b"\3\0\0\0\0\0\0\0[1]", "damaged header"),
        ("results.npz", b"PK\5\6" + bytes(18), "has none of the 6 results; name them like half-"),
    ],
)
def test_results_that_cannot_be_read(few, tmp_path, name, data, words):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(VectorsError, match=words) as caught:
        judge_vectors(few, tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"y": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, "4 bytes of samples"),
        ({"y": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, r"samples 4\.\.8 of 4"),
        ({"y": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, r"shape \(-1,\)"),
        ({"y": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}, "type 'F8_E4M3'"),
        ({"y": {"shape": [1], "data_offsets": [0, 4]}}, "KeyError: 'dtype'"),
        ({"y": 3}, "TypeError"),
    ],
)
def test_damaged_safetensors(header, words):
    text = json.dumps(header).encode()
    with pytest.raises(VectorsError, match=words):
        decode_safetensors(len(text).to_bytes(8, "little") + text + bytes(4))


def test_one_damaged_member_of_an_npz(few, copied, tmp_path):
    arrays = {path.stem: np.load(path) for path in copied.glob("*.npy")}
    path = tmp_path / "results.npz"
    np.savez(path, **arrays)
    data, inside = bytearray(path.read_bytes()), arrays["quarter-normal.y"].tobytes()
    data[data.find(inside)] ^= 1
    path.write_bytes(data)
    wrong = [v for v in judge_vectors(few, path).verdicts if v.grade != "bit-identical"]
    assert [v.name for v in wrong] == ["quarter-normal.y"]
    assert "is damaged: Bad CRC-32" in wrong[0].message


# Vectors that were changed


@pytest.fixture
def changed(few, copied):
    """A copy of the vectors to be changed, and right results."""
    place = copied / "changed"
    shutil.copytree(few, place)
    return place


@pytest.mark.parametrize("role", ["x", "taps2", "y", "y_truth", "y_bound", "g", "gx"])
def test_a_changed_array_is_seen(changed, copied, role):
    path = changed / f"quarter-normal.{role}.npy"
    saved(path, lambda x: x * 2)
    with pytest.raises(VectorsError, match=re.escape(f"{path} is not the file")):
        judge_vectors(changed, copied)


def test_a_changed_or_missing_file_is_seen(changed, copied):
    truncated(changed / "vectors.safetensors")
    with pytest.raises(VectorsError, match="SHA-256 differs"):
        judge_vectors(changed, copied)
    (changed / "vectors.safetensors").unlink()
    with pytest.raises(VectorsError, match=r"cannot read .*\.safetensors: No such file"):
        judge_vectors(changed, copied)
    with pytest.raises(VectorsError, match="there is no folder"):
        judge_vectors(changed / "manifest.json", copied)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"schema_version": 2', '"schema_version": 1', "schema version 1, this aa_ref reads 2"),
        ('"format": "aa_ref vectors"', '"format": "other"', "is no manifest of vectors"),
        ("{", "", "is no manifest of vectors"),
        ('"scale": 0.25', '"scale": 4', "damaged .ScaleError: scale is 4"),
        ('"scale": 0.25', '"scale": "1/0"', "damaged .ZeroDivisionError"),
        ('"axis": 2', '"axis": 3', "damaged .AxesError"),
        ('"boundary"', '"border"', "damaged .KeyError: 'boundary'"),
        ('"shape": [2, 3, 21, 28]', '"shape": [2, 3, 28, 21]', "damaged .ValueError: quarter-"),
        ('"file": "quarter-normal.x.npy"', '"file": "../x.npy"', "not in the folder"),
        ('"x": {', '"input": {', "damaged .KeyError: 'x'"),
        ('"dtype": "bfloat16"', '"dtype": "int8"', "damaged"),
        ('"cases": [', '"cases": [3, ', "damaged .TypeError"),
        ('"precision": "binary32"', '"precision": "binary16"', "damaged .ValueError: precision"),
        ('"boundary": "zeros"', '"boundary": "reflect"', "SHA-256 of its cases differs"),
        ('"scale": 0.25', '"scale": 0.24', "SHA-256 of its cases differs"),
        ('"radius": 6', '"radius": 7', "SHA-256 of its cases differs"),
        ('"cases_sha256"', '"cases_sha512"', "damaged .KeyError: 'cases_sha256'"),
    ],
)
def test_a_changed_manifest_is_refused(changed, copied, old, new, words):
    path = changed / "manifest.json"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(VectorsError, match=words):
        judge_vectors(changed, copied)


def test_an_array_that_is_not_what_a_changed_manifest_says(changed, copied):
    """The hash fits, the array does not: a manifest made by hand."""
    path, manifest = changed / "quarter-normal.x.npy", changed / "manifest.json"
    old = hashlib.sha256(path.read_bytes()).hexdigest()
    saved(path, lambda x: x.astype(np.float64))
    text = manifest.read_text("utf-8")
    new = hashlib.sha256(path.read_bytes()).hexdigest()
    text = text.replace(old, new)
    data = json.loads(text)
    cases = json.dumps(data["cases"], sort_keys=True, separators=(",", ":")).encode("ascii")
    text = text.replace(data["cases_sha256"], hashlib.sha256(cases).hexdigest())
    manifest.write_text(text, "utf-8")
    with pytest.raises(VectorsError, match=r"holds float64 .* the manifest says float32"):
        judge_vectors(changed, copied)


@pytest.mark.parametrize("dtype", [*TYPES[:3], "uint8", "uint16", ">f4", ">u2"])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 4)])
def test_npy_there_and_back(dtype, shape):
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    back = decode_npy(encode_npy(x))
    assert back.dtype == np.dtype(dtype).newbyteorder("<")
    assert_same_bits(back.astype(back.dtype.newbyteorder("=")), x.astype(back.dtype))


# A stranger: a program in C that knows the documents and shares nothing with this package


@pytest.fixture(scope="module")
def compiler():
    found = shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler: cc is not on the path")
    return found


def build(compiler, source, place, *flags):
    program = place / "stranger"
    (place / "stranger.c").write_text(source, "utf-8")
    command = [compiler, "-std=c99", "-O2", *flags, "-o", program, place / "stranger.c", "-lm"]
    subprocess.run(command, check=True, timeout=120)
    return program


def suits(case):
    """What the program can do: float32, planes of the last two axes, slice, zeros, one scale."""
    axes, last = case["axes"], len(case["shape"]) - 1
    return (
        {case["input_dtype"], case["dtype"]} == {"float32"}
        and [a["axis"] for a in axes] == [last - 1, last]
        and all(a["filter"] and a["sigma"] is None for a in axes)
        and {(a["boundary"], a["sampling"]) for a in axes} == {("zeros", "slice")}
        and len({a["scale"] for a in axes}) == 1
    )


def run_stranger(program, folder, place):
    """The program's results for all cases that it suits; how many."""
    place.mkdir()
    cases = json.loads((folder / "manifest.json").read_text("utf-8"))["cases"]
    chosen = [case for case in cases if suits(case)]
    for case in chosen:
        scale, name = float(Fraction(case["axes"][0]["scale"])), case["name"]
        x, g = (folder / f"{name}.{role}.npy" for role in "xg")
        if "recipe" in case["files"]["x"]:  # without a gradient: any will do, and no file of it
            x, g = (
                f"recipe:{seed}:" + ",".join(map(str, shape))
                for seed, shape in ((case["files"]["x"]["recipe"], case["shape"]),
                                    (0, case["out_shape"]))
            )  # fmt: skip
        gx = place / f"{name}.gx.npy" if "g" in case["files"] else place / "ignored"
        subprocess.run(
            [program, str(scale), x, place / f"{name}.y.npy", g, gx], check=True, timeout=60
        )
    return len(chosen)


STRANGER = (Path(__file__).parent / "stranger.c").read_text("utf-8")


def test_a_stranger_passes(compiler, folder, tmp_path):
    program = build(compiler, STRANGER, tmp_path)
    count = run_stranger(program, folder, tmp_path / "results")
    assert count >= 25
    for claims in ({}, {"form": "direct", "precision": "float32"}):
        j = judge_vectors(folder, tmp_path / "results", **claims)
        judged = [v for v in j.verdicts if v.grade != "missing"]
        assert 2 * count - len(judged) == 4  # large ones, which have no gradient
        assert j.passed, str(j)


def test_a_stranger_in_a_hurry_passes(compiler, telling, tmp_path):
    """Sums in another order, fused, subnormals flushed where the processor can."""
    program = build(compiler, STRANGER, tmp_path, "-O3", "-ffast-math", "-ffp-contract=fast")
    run_stranger(program, telling, tmp_path / "results")
    j = judge_vectors(telling, tmp_path / "results", every=True)
    assert j.passed, str(j)


@pytest.mark.parametrize(
    ("right", "wrong", "first"),
    [
        ("lrintf(4 * sigma)", "4 * sigma + 0.5f", "radius-tie-impulses.y"),
        ("% g.rows * stride + a", "% g.rows * stride + a + 1", "half-single.y"),
        ("g.columns * stride + b", "g.columns * stride + b + stride / 2", "half-single.y"),
        ("(1 / scale - 1) / 2", "1 / scale / 2", "half-single.y"),
        ("taps[b + radius] / total", "taps[b + radius]", "half-single.y"),
        ("row >= x.rows", "row >= x.rows - 1", "half-single.y"),
        ("gx[i] += weight", "gx[i] += 0.999f * weight", "half-single.gx"),
        ("o / (g.rows * g.columns)", "o / (g.rows * g.columns) / 2 * 2", "half-impulses.y"),
    ],
)
def test_a_stranger_who_is_wrong_fails(compiler, telling, tmp_path, right, wrong, first):
    assert STRANGER.count(right) == 1
    program = build(compiler, STRANGER.replace(right, wrong), tmp_path)
    run_stranger(program, telling, tmp_path / "results")
    j = judge_vectors(telling, tmp_path / "results")
    assert j.grade == "fails"
    assert next(v.name for v in j.verdicts if v.grade == "fails") == first
