"""The check: what it accepts, what it finds, and what it says of it."""

import inspect
import json
import os
import re
import subprocess
import sys
import time
import warnings
from fractions import Fraction
from functools import partial
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import aa_ref
from aa_ref import oracle
from aa_ref.errors import AaRefError
from aa_ref.oracle.calling.layouts import as_layout
from aa_ref.oracle.errors import LayoutError, OracleError
from aa_ref.oracle.findings import CODES
from aa_ref.oracle.numerics.formats import PRECISIONS
from aa_ref.oracle.probes import patterns, probes
from aa_ref.oracle.terms import as_terms

downsample = partial(aa_ref.downsample, backend="numpy")
small = partial(oracle.check, scale=0.5, layout="HW")
"""The cheapest check that has all kinds of probes but those of several channels."""


def right(x):
    """The operation at scale 0.5 along the last two axes."""
    return downsample(x, 0.5)


def transpose(g, shape):
    """Its adjoint."""
    return aa_ref.downsample_adjoint(g, 0.5, shape[-2:], backend="numpy")


def codes(report):
    return {finding.code for finding in report.findings}


def run(snippet):
    """What a snippet prints."""
    code = (
        f"import contextlib, io, sys\nsys.path[:0] = {[str(Path(__file__).parent)]!r}\n" + snippet
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip


# What passes.


def test_the_contract_passes_with_its_bits():
    report = small(right, adjoint=transpose)
    assert report.grade == "bit-identical", str(report)
    assert report
    assert report.passed
    assert report.findings == report.suspicions == ()
    assert 0 <= report.worst < 1
    assert "passed" in str(report)


@pytest.mark.parametrize(
    ("layout", "scale", "dtype", "options"),
    [
        ("NCHW", 0.25, "float64", {}),
        ("NHWC", (0.5, Fraction(1, 3)), "float32", {"boundary": ("reflect", "circular")}),
        ("HWC", 0.4, "float16", {"sampling": "nearest", "boundary": "replicate"}),
        ("CHW", 0.25, "bfloat16", {"sigma": 1.0}),
        ("HW", 0.5, "uint8", {}),
        ("NCHW", 0.5, "uint16", {"boundary": "reflect"}),
        ("NCDHW", 0.5, "float32", {}),
        ("L", 0.125, "float64", {"sampling": "nearest"}),
        ("NCL", 0.3, "float32", {}),
        ("HCW", 0.5, "float32", {"sigma": (None, 0.7)}),
        ("HW", 0.75, "float32", {}),
        ("HW", 1, "float32", {}),
        ("HW", 1, "float32", {"sigma": 0.8}),
    ],
)
def test_the_contract_passes_whatever_is_asked(layout, scale, dtype, options):
    axes = as_layout(layout).axes

    def fn(x):
        return downsample(x, scale, axes=axes, **options)

    def adjoint(g, shape):
        lengths = [shape[axis] for axis in axes]
        return aa_ref.downsample_adjoint(g, scale, lengths, axes=axes, backend="numpy", **options)

    report = oracle.check(fn, scale, layout=layout, dtype=dtype, adjoint=adjoint, **options)
    assert report.grade == "bit-identical", str(report)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_function_made_for_so_many_channels(channels):
    def fn(x):
        if x.shape[1] != channels:
            raise ValueError(f"made for {channels} channels, got {x.shape[1]}")
        return right(x)

    assert oracle.check(fn, 0.5, channels=channels)
    assert codes(oracle.check(fn, 0.5)) == {"error"}


def test_warnings_are_no_findings_even_where_they_are_errors():
    def fn(x):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        np.log(np.zeros(1))
        return right(x)

    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert small(fn).grade == "bit-identical"
        assert small(fn, timeout=60).grade == "bit-identical"


def test_flushed_subnormals_are_noted_and_do_not_fail():
    def flushes(x):
        def flushed(a):
            return np.where(np.abs(a) < np.finfo(np.float32).tiny, np.float32(0), a)

        return flushed(right(flushed(x)))

    report = small(flushes)
    assert report.grade == "within-bound", str(report)
    assert any("flushed" in note for note in report.notes)


@pytest.mark.parametrize(
    "spoil", [np.negative, lambda y: np.full_like(y, 1e-38)], ids=["sign", "anything"]
)
def test_not_everything_passes_for_flushed(spoil):
    def fn(x):
        largest = np.abs(x[np.isfinite(x)]).max(initial=0)
        return spoil(right(x)) if 0 < largest < 1e-37 else right(x)

    report = small(fn)
    assert report.grade == "fails"
    assert codes(report) == {"values"}


@pytest.mark.parametrize("spoiled", [True, False])
def test_nothing_wrong_goes_without_a_finding(spoiled):
    """Answers that change for the diagnosis alone, which then can tell nothing else."""
    rng = np.random.default_rng(0)

    def fn(x):
        y = right(x) * np.float32(1.5 if spoiled else 1.0)
        largest = np.abs(x[np.isfinite(x)]).max(initial=0)
        return y + np.float32(rng.random()) if 64 < largest < 1000 else y

    report = small(fn)
    assert (report.worst > 1) is spoiled
    assert (report.grade == "fails") is spoiled
    assert bool(report.findings) is spoiled


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="switched back on Linux only")
def test_a_function_that_switches_the_processor_is_not_judged_by_flushed_numbers():
    torch = pytest.importorskip("torch", reason="torch switches the processor")
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor does not flush")
    least = np.array([5e-324])

    def switches(x):
        torch.set_flush_denormal(True)
        return right(x)

    try:
        report = small(switches)
        assert (least * 1)[0] == 0, "the thread is as the function left it"
    finally:
        torch.set_flush_denormal(False)
    assert report.grade == "within-bound", str(report)
    assert any("subnormal numbers are flushed" in note for note in report.notes), report.notes


# What does not pass: a dozen mutants and then some.


def with_pad(mode):
    def fn(x):
        x = np.pad(x, 2, mode=mode)
        return downsample(x, 0.5)[1:-1, 1:-1][: (x.shape[0] - 3) // 2, : (x.shape[1] - 3) // 2]

    return fn


MUTANTS = {
    "plain slicing": lambda x: x[::2, ::2].copy(),
    "edge repeated": with_pad("edge"),
    "one sample late": lambda x: downsample(np.roll(x, -1, axis=0), 0.5),
    "another sigma": lambda x: downsample(x, 0.5, sigma=0.51),
    "another radius": lambda x: downsample(x, 0.5, sigma=0.7),
    "taps too large by 1e-5": lambda x: right(x) * np.float32(1.00001),
    "taps too large by 1e-3": lambda x: right(x) * np.float32(1.001),
    "upside down": lambda x: right(x)[::-1],
    "one axis only": lambda x: downsample(x, 0.5, axes=-1)[::2],
    "an offset of 1e-5": lambda x: right(x) + np.float32(1e-5),
    "taps in half precision": lambda x: half_taps(x),
    "sums in half precision": lambda x: right(x.astype(np.float16)).astype(np.float32),
    "input in bfloat16": lambda x: right(x.astype(ml_dtypes.bfloat16).astype(np.float32)),
    "last row copied": lambda x: np.concatenate([right(x)[:-1], right(x[-1:])]),
    "clipped to [0, 1]": lambda x: np.clip(right(x), 0, 1),
    "only the magnitude": lambda x: np.abs(right(x)),
    "quantised": lambda x: np.round(right(x) * 4096) / np.float32(4096),
}


def half_taps(x):
    taps = aa_ref.plan(x.shape, 0.5).axes[0].taps.astype(np.float16).astype(np.float32)
    for axis in (0, 1):
        n = x.shape[axis]
        moved = np.pad(np.moveaxis(x, axis, 0), [(2, 2), (0, 0)])
        x = np.moveaxis(sum(t * moved[k : k + n : 2] for k, t in enumerate(taps)), 0, axis)
    return x


def lost_from(index):
    """Zeros where a buffer or a loop of a fixed size ends."""

    def fn(x):
        y = downsample(x, 0.25).copy()
        y[index] = 0
        return y

    return fn


def nan_lost_where(chosen):
    """NaN is dropped in some places or inputs alone."""

    def fn(x):
        x = x.copy()
        part = x[chosen(x)]
        part[np.isnan(part)] = 0
        return downsample(x, 0.25)

    return fn


@pytest.mark.parametrize(
    ("fn", "code"),
    [
        (lost_from(np.s_[..., 32:]), "values"),
        (lost_from(np.s_[..., 256:]), "values"),
        (lost_from(np.s_[..., 256:, :]), "values"),
        (lost_from(np.s_[2:]), "channels"),
        (lost_from(np.s_[:, 3:]), "channels"),
        (nan_lost_where(lambda x: np.s_[..., -1, -1:]), "nan"),
        (nan_lost_where(lambda x: np.s_[:, 1:]), "nan"),
        (nan_lost_where(lambda x: np.s_[1:]), "nan"),
        (nan_lost_where(lambda x: np.s_[:] if x.shape[1] > 1 else np.s_[:0]), "nan"),
    ],
)
def test_what_is_right_for_few_and_small_ones_alone_fails(fn, code):
    report = oracle.check(fn, 0.25)
    assert not report.passed
    assert codes(report) == {code}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant):
    report = small(MUTANTS[mutant])
    assert report.grade == "fails"
    assert not report
    assert report.worst > 1
    assert codes(report) <= set(CODES)
    for finding in report.findings:
        assert finding.message
        assert finding.example
        assert finding.snippet


@pytest.mark.parametrize(
    ("mutant", "code"),
    [
        ("edge repeated", "boundary"),
        ("one sample late", "phase"),
        ("another sigma", "sigma"),
        ("upside down", "flip"),
        ("one axis only", "axes"),
        ("taps too large by 1e-3", "normalisation"),
    ],
)
def test_wrong_values_are_diagnosed(mutant, code):
    assert code in codes(small(MUTANTS[mutant]))


def test_a_known_convention_is_named():
    report = small(lambda x: right(x)[: x.shape[0] // 2, : x.shape[1] // 2])
    assert codes(report) == {"size"}
    assert "nearest" in report.convention
    assert report.convention in " ".join(str(report).split())
    assert json.loads(report.to_json())["recovered"]["H"]["stride"] == 2


def test_errors_in_answers_to_the_diagnosis_are_findings():
    shapes = {probe.x.shape for probe in all_probes("HW", 0.5)}

    def fn(x):
        if x.shape not in shapes:
            raise ValueError("never seen")
        return right(x) + 1

    report = small(fn)
    assert {"error", "values"} <= codes(report)
    (finding,) = (f for f in report.findings if f.code == "error")
    assert "never seen" in finding.message
    assert "diagnosis" in finding.example


def test_the_first_failure_is_the_smallest():
    def fn(x):
        y = right(x)
        return y if x.size < 30 else y + 1

    smallest = min(p.x.size for p in all_probes("HW", 0.5) if p.x.size >= 30)
    (finding,) = small(fn).findings
    shape = [int(n) for n in finding.example.partition("shape ")[2].partition(")")[0].split("×")]
    assert np.prod(shape) == smallest


def all_probes(layout, scale, dtype="float32"):
    return list(probes(as_terms(scale, layout=layout, dtype=dtype)))


# Each way to answer wrongly has a code, and goes on with what can be compared.


def raises(x):
    raise ValueError("no\nsuch thing")


def ends_python(x):
    sys.exit(3)


def returns_a_list(x):
    return right(x).tolist()


def returns_float64(x):
    return right(x).astype(np.float64)


def returns_objects(x):
    return right(x).astype(object)


def returns_complex(x):
    return right(x).astype(np.complex64)


def returns_big_endian(x):
    return right(x).astype(">f4")


def drops_a_row(x):
    return right(x)[: x.shape[0] // 2]


def adds_a_dimension(x):
    return right(x)[None]


def writes(x):
    y = right(x)
    x[0] = 0
    return y


def drops_nan(x):
    return np.nan_to_num(right(x), nan=0, posinf=3e38, neginf=-3e38)


def spreads_nan(x):
    y = right(x)
    return y if np.isfinite(x).all() else np.full_like(y, np.nan)


def ignores_strides(x):
    if x.strides[0] != x.shape[1] * x.itemsize or x.strides[1] != x.itemsize:
        x = np.roll(x, 1)
    return right(x)


class Counts:
    """Answers the second time another way."""

    def __init__(self):
        self.seen = set()

    def __call__(self, x):
        again = (x.tobytes(), x.shape) in self.seen
        self.seen.add((x.tobytes(), x.shape))
        return np.nextafter(right(x), np.float32(0)) if again else right(x)


@pytest.mark.parametrize(
    ("fn", "found"),
    [
        (raises, {"error"}),
        (ends_python, {"error"}),
        (returns_a_list, {"dtype"}),
        (returns_float64, {"dtype"}),
        (returns_objects, {"dtype"}),
        (returns_complex, {"dtype"}),
        (returns_big_endian, {"dtype"}),
        (drops_a_row, {"size"}),
        (adds_a_dimension, {"size"}),
        (writes, {"mutates"}),
        (drops_nan, {"nan"}),
        (spreads_nan, {"nan"}),
        (ignores_strides, {"values"}),
        (Counts(), {"unstable"}),
        (lambda x: None, {"dtype"}),
        (lambda: None, {"error"}),
        (lambda x: right(x).astype(np.float64)[:-1] + 1, {"dtype", "size", "values"}),
    ],
)
def test_codes(fn, found):
    report = small(fn)
    assert codes(report) == found, str(report)
    assert report.grade == "fails"


def test_channels():
    def mixes(x):
        return right(np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape))

    def shifts_entries(x):
        return np.roll(right(x), 1, axis=0)

    for fn in (mixes, shifts_entries):
        assert codes(oracle.check(fn, 0.5)) == {"channels"}


def test_what_an_answer_was_is_said():
    (finding,) = small(raises).findings
    assert "ValueError: no such thing" in finding.message
    assert "1×1" in finding.example
    (finding,) = small(returns_a_list).findings
    assert "list" in finding.message
    (finding,) = small(drops_a_row).findings
    assert "floor(n/2)" in finding.message
    assert "shape (0, 1), expected (1, 1)" in finding.example


# The adjoint.


def test_a_wrong_adjoint_beside_a_right_forward():
    report = small(right, adjoint=lambda g, shape: transpose(g, shape) * np.float32(4))
    assert codes(report) == {"adjoint"}
    assert "not the transpose of the forward" in report.findings[0].message


def test_an_adjoint_of_another_convention():
    fn = partial(downsample, scale=0.5, boundary="reflect")

    def adjoint(g, shape):
        return aa_ref.downsample_adjoint(g, 0.5, shape, boundary="reflect", backend="numpy")

    report = small(fn, adjoint=adjoint)
    assert "adjoint" in codes(report)
    (finding,) = (f for f in report.findings if f.code == "adjoint")
    assert "is the transpose of the forward" in finding.message
    assert small(fn, adjoint=adjoint, boundary="reflect").grade == "bit-identical"


@pytest.mark.parametrize(
    ("adjoint", "code"),
    [
        (lambda g, shape: transpose(g, shape)[:-1], "adjoint"),
        (lambda g, shape: transpose(g, shape).astype(np.float64), "adjoint"),
        (lambda g, shape: 1 / 0, "error"),
        (lambda g: g, "error"),
        (lambda g, shape: (transpose(g, shape), g.fill(7))[0], "mutates"),
    ],
)
def test_ways_of_adjoints_to_be_wrong(adjoint, code):
    assert codes(small(right, adjoint=adjoint)) == {code}


@pytest.mark.parametrize("of_type", [np.complex64, "U9", "V8", object])
def test_a_right_adjoint_beside_a_forward_of_no_numbers(of_type):
    report = small(lambda x: np.zeros(right(x).shape, of_type), adjoint=transpose)
    assert "dtype" in codes(report) or "error" in codes(report)
    assert "adjoint" not in codes(report)


def test_gradients_of_integers_are_float32():
    seen = set()

    def adjoint(g, shape):
        seen.add(g.dtype.name)
        return transpose(g, shape)

    assert small(right, dtype="uint8", adjoint=adjoint).grade == "bit-identical"
    assert seen == {"float32"}


# Precisions.


def test_the_next_coarser_precision_is_told_apart():
    def fn(x):
        return right(x.astype(np.float16)).astype(np.float32)

    assert codes(small(fn)) == {"precision"}
    assert small(fn, precision="binary16").grade != "fails"

    def single(x):
        return right(x.astype(np.float32)).astype(np.float64)

    assert codes(small(single, dtype="float64")) == {"precision"}
    assert small(single, dtype="float64", precision="binary32")


def test_where_the_bound_says_nothing_there_is_no_verdict():
    def fn(x):
        return downsample(x, 0.25) * np.float32(1.01)

    report = oracle.check(fn, 0.25, layout="HW", precision="pure-bfloat16")
    assert report.grade == "cannot-judge"
    assert not report.passed


# Calls that do not come back.


def hangs_on_thirty(x):
    if x.size >= 30:
        time.sleep(3600)
    return right(x)


def dies_on_thirty(x):
    if x.size >= 30:
        os.abort()
    return right(x)


def prints(x):
    print("to stdout, which is not the answer", flush=True)
    os.write(1, b"and past Python")
    return right(x)


def test_a_call_that_hangs_is_left():
    begun = time.monotonic()
    report = small(hangs_on_thirty, timeout=0.3)
    assert codes(report) == {"timeout"}
    assert "0.3 s" in report.findings[0].message
    assert time.monotonic() - begun < 60
    assert any("nothing was asked after" in note for note in report.notes)


def test_in_a_process_of_its_own():
    report = small(prints, adjoint=transpose, isolate=True, timeout=60)
    assert report.grade == "bit-identical", str(report)
    assert report.name == f"{__name__}:prints"
    assert report.to_dict() | {"name": ""} == small(right, adjoint=transpose).to_dict() | {
        "name": ""
    }


def test_a_crash_in_a_process_of_its_own_is_a_finding():
    report = small(dies_on_thirty, isolate=True)
    assert codes(report) == {"error"}
    if os.name == "posix":
        assert "SIGABRT" in report.findings[0].message


def test_a_module_that_dies_on_import_is_refused(tmp_path, monkeypatch):
    (tmp_path / "dying_module.py").write_text("import os\nos.abort()\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(OracleError, match=r"^dying_module:fn cannot .*(by SIGABRT|exit status)"):
        small("dying_module:fn", isolate=True)
    with pytest.raises(OracleError, match=r"^missing_module:fn cannot be imported: Mod"):
        small("missing_module:fn", isolate=True)


def mirrors(x):
    return right(x)[..., ::-1].copy()


def test_progress_is_told():
    told = []
    report = small(right, adjoint=transpose, progress=lambda *numbers: told.append(numbers))
    assert list(dict.fromkeys(asked for asked, _ in told)) == [*range(report.calls + 1)]
    assert all(asked <= planned for asked, planned in told)  # which the large arrays add to
    assert told[-1] == (report.calls, report.calls)
    told.clear()
    report = small(mirrors, progress=lambda *numbers: told.append(numbers))
    known = [asked for asked, planned in told if planned is not None]
    assert known == [*range(told[0][1] + 1)]
    assert told[len(known) :] == [(k, None) for k in range(known[-1], report.calls + 1)]


def test_a_text_of_a_report_is_as_short_as_is_asked():
    report = small(mirrors)
    whole = str(report)
    for most in (200, 40, 12, 4, 1):
        lines = report.text(most).splitlines()
        assert len(lines) <= most
        assert lines == whole.splitlines() or re.match("left out here|… and", lines[-1])


def test_a_process_that_hangs_is_ended():
    assert codes(small(hangs_on_thirty, isolate=True, timeout=1)) == {"timeout"}


def test_findings_in_a_process_of_its_own_are_the_same():
    for fn in (raises, returns_objects, writes, drops_a_row):
        here, there = small(fn), small(fn, isolate=True)
        assert [f.to_dict() for f in here.findings] == [f.to_dict() for f in there.findings]


# Snippets run as they are.


@pytest.mark.parametrize(
    ("fn", "shown"),
    [
        (drops_a_row, "(0, 1) expected: (1, 1)"),
        (returns_a_list, "<class 'list'>"),
        (returns_float64, "float64"),
        (writes, "x after the call: [0.]"),
        (drops_nan, "expected: nan"),
        (ignores_strides, "expected: "),
    ],
)
def test_snippets_run_as_they_are(fn, shown):
    (finding,) = small(fn).findings
    done = run(finding.snippet)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_a_snippet_of_an_exception_raises_it():
    done = run(small(raises).findings[0].snippet)
    assert done.returncode == 1
    assert "ValueError: no\nsuch thing" in done.stderr


def gains(x):
    return (right(x) * (0.5 if x.dtype.kind == "u" else 1.5)).astype(x.dtype)


def gains_when_large(x):
    return gains(x) if x.size > 900 else right(x)


def gains_when_nearly_even(x):
    return gains(x) if x.size > 4 and np.ptp(x) in (1, 255) else right(x)


def carries_too_much(g, shape):
    return transpose(g, shape) * np.asarray(2, g.dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "uint8"])
@pytest.mark.parametrize("fn", [gains, gains_when_large, gains_when_nearly_even])
def test_snippets_show_the_very_numbers(fn, dtype):
    """Of small arrays, large ones, and ones that are mostly the same."""
    finding = small(fn, dtype=dtype).findings[0]
    done = run(finding.snippet)
    assert done.returncode == 0, done.stderr
    got = finding.example.partition("of the result is ")[2].partition(",")[0]
    printed = done.stdout.removeprefix("result: ").partition(" expected")[0]
    printed, got = (patterns.cast(np.array(float(v)), dtype) for v in (printed, got))
    assert printed == got


def test_a_snippet_of_an_adjoint():
    (finding,) = small(right, adjoint=carries_too_much).findings
    done = run(finding.snippet)
    assert done.returncode == 0, done.stderr
    assert "expected: " in done.stdout


def test_a_snippet_of_a_function_without_a_name_says_so():
    (finding,) = small(lambda x: right(x)[:-1]).findings
    assert "# fn: the function that was checked" in finding.snippet
    namespace = {"fn": lambda x: right(x)[:-1]}
    exec(finding.snippet, namespace)
    assert namespace["y"].shape == (0, 1)


# Reports.


def test_reports_as_json(tmp_path):
    report = small(drops_nan)
    path = tmp_path / "report.json"
    text = report.to_json(path)
    assert path.read_text("utf-8") == text
    data = json.loads(text, parse_constant=pytest.fail)
    assert data["passed"] is False
    assert data["grade"] == "fails"
    assert data["worst"] is None
    assert [f["code"] for f in data["findings"]] == ["nan"]
    assert data["terms"]["scale"] == 0.5
    assert set(data["findings"][0]) == {"code", "message", "example", "snippet"}
    exact = json.loads(oracle.check(right, Fraction(1, 2), layout="HW").to_json())
    assert exact["terms"]["scale"] == "1/2"


def test_what_is_printed():
    text = str(small(drops_a_row))
    for part in (
        "test_check:drops_a_row: FAILED",
        "scale 0.5, HW, float32",
        "size",
        "import numpy",
    ):
        assert part in text
    prose = [line for line in text.splitlines() if not line.startswith("       ")]
    assert max(map(len, prose)) <= 100


def test_an_example_of_several_findings_is_printed_once():
    report = small(lambda x: right(x)[::-1] * x.dtype.type(2))
    assert len(report.findings) > 1
    assert len({f.snippet for f in report.findings}) == 1
    text = str(report)
    assert text.count("import numpy as np") == 1
    assert text.count("the example of 1 shows this, too") == len(report.findings) - 1


def test_the_package_names_all_its_modules():
    modules = {
        p.stem for p in Path(oracle.__file__).parent.glob("[a-z]*") if p.suffix in (".py", "")
    }
    assert set(re.findall(r"^`(\w+)`  ", oracle.__doc__, re.MULTILINE)) == modules


def test_the_document_has_every_code_option_and_grade():
    page = (Path(__file__).parents[2] / "docs" / "oracle.md").read_text("utf-8")
    table = page.partition("## Findings")[2]
    assert re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", table, re.MULTILINE) == [*CODES.items()]
    named = set(re.findall(r"`([\w-]+)`", page))
    assert set(inspect.signature(oracle.check).parameters) <= named
    assert {"bit-identical", "within-bound", "cannot-judge", "fails"} <= named
    assert {p.name for p in PRECISIONS.values()} <= named


# Questions that are wrong.


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"layout": "WH"}, LayoutError, "a letter for each dimension"),
        ({"scale": 4}, AaRefError, "was 1/4 meant"),
        ({"dtype": "int32"}, AaRefError, "float32"),
        ({"precision": "half"}, OracleError, "binary16"),
        ({"form": "winograd"}, OracleError, "separable"),
        ({"taps": "mine"}, OracleError, "given"),
        ({"boundary": "wrap"}, AaRefError, "circular"),
        ({"scale": (0.5, 0.5, 0.5)}, AaRefError, "one for each"),
        ({"channels": 0, "layout": "CHW"}, OracleError, "channels is 0"),
        ({"channels": 3}, OracleError, "no C"),
        ({"timeout": 0}, OracleError, "timeout is 0"),
        ({"seed": -1}, OracleError, "seed is -1"),
        ({"seed": 0.5}, OracleError, "seed is 0.5"),
        ({"minutes": 1}, OracleError, "add thorough=True"),
        ({"thorough": True, "minutes": 0}, OracleError, "minutes is 0"),
        ({"fn": 3}, OracleError, "called"),
        ({"fn": "nowhere"}, OracleError, "package.module:function"),
        ({"fn": "nowhere:fn"}, OracleError, "cannot be imported"),
        ({"fn": "math:nothing"}, OracleError, "cannot be imported"),
        ({"fn": "math:pi"}, OracleError, "something that is called"),
        ({"fn": lambda x: x, "isolate": True}, OracleError, "at the top of a module"),
    ],
)
def test_wrong_questions(options, error, words):
    with pytest.raises(error, match=words):
        small(**{"fn": raises, **options})


def test_a_function_by_its_name():
    report = small("test_check:drops_a_row")
    assert report.name == "test_check:drops_a_row"
    assert codes(report) == {"size"}


def test_the_oracle_needs_numpy_alone():
    code = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy", "aa_ref"}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Refuse())
import numpy as np
from aa_ref import oracle

def fn(x):
    taps = np.exp(-np.arange(-2.0, 3) ** 2 / 0.5)
    taps /= taps.sum()
    y = x.astype(np.float64)
    for axis in (0, 1):
        n, y = y.shape[axis], np.pad(np.moveaxis(y, axis, 0), [(2, 2), (0, 0)])
        y = np.moveaxis(sum(t * y[k:k + n:2] for k, t in enumerate(taps)), 0, axis)
    return y.astype(x.dtype)

def adjoint(g, shape):
    return np.zeros(shape, g.dtype)

report = oracle.check(fn, 0.5, layout="HW", adjoint=adjoint)
assert [f.code for f in report.findings] == ["adjoint"], str(report)
assert oracle.check(fn, 0.5, layout="HW"), str(report)
try:
    oracle.check(fn, 0.5, dtype="bfloat16")
except oracle.errors.OracleError as error:
    assert "ml_dtypes" in str(error)
else:
    raise SystemExit("bfloat16 without ml_dtypes")
assert "numba" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(aa_ref.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_centres_at_the_ends_that_are_right_are_no_fault():
    """With a rule of its own for centres, those at the ends can only be guessed from the others."""
    report = oracle.check(lambda x: aa_ref.downsample(x, 0.16, sampling="nearest"), 0.16)
    told = [f.message for f in report.findings if f.code == "phase"]
    assert len(told) == 1
    assert "output 4 is centred on 25 rather than 24" in told[0]
