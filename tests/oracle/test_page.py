"""Reports as pages: what they show, what they escape, and how a browser takes them."""

import dataclasses
import io
import math
import re
from base64 import b64decode
from fractions import Fraction
from functools import partial
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest
from browser import visit
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import aa_ref
from aa_ref import oracle
from aa_ref.oracle.answers import Case
from aa_ref.oracle.calling import Question
from aa_ref.oracle.conventions import CONVENTIONS, Extent, Match
from aa_ref.oracle.html.charts import response, taps_along
from aa_ref.oracle.html.images import (
    NO_ANSWER,
    NO_NUMBER,
    data_uri,
    error_scale,
    grey_scale,
    picture_section,
    shown_plane,
)
from aa_ref.oracle.html.markup import Markup, number, tag
from aa_ref.oracle.probes import Probe, patterns
from aa_ref.oracle.terms import as_terms
from aa_ref.oracle.verdict import Evidence

downsample = partial(aa_ref.downsample, backend="numpy")
STYLE = (files("aa_ref.oracle.html") / "style.css").read_text("utf-8")


def right(x):
    return downsample(x, 0.5)


def late(x):
    """Every output a sample late along the columns alone, and one column too few."""
    return downsample(np.roll(x, -1, axis=-1), 0.5)[..., :-1]


def reflecting(x):
    return downsample(x, 0.5, boundary="reflect")


def boxes(x):
    y = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, 1), (0, 1)])
    y = (y[..., :-1, :] + y[..., 1:, :])[..., ::2, :]
    return (y[..., :-1] + y[..., 1:])[..., ::2] / x.dtype.type(4)


def refuses(x):
    raise ValueError("</p><script>alert('x')</script> & more")


def forgets(x, asked=[]):  # noqa: B006
    asked.append(x)
    return right(x) + x.dtype.type(len(asked) % 2)


REPORTS = {
    "right": lambda: oracle.check(right, 0.5, layout="HW"),
    "late": lambda: oracle.check(late, 0.5, layout="HW"),
    "reflecting": lambda: oracle.check(reflecting, 0.5, layout="HW"),
    "boxes": lambda: oracle.check(boxes, 0.5, layout="HW"),
    "nearest": lambda: oracle.check(
        lambda x: downsample(x, 0.3, sampling="nearest"), 0.3, layout="HW"
    ),
    "refuses": lambda: oracle.check(refuses, 0.5, layout="HW"),
    "forgets": lambda: oracle.check(forgets, 0.5, layout="HW"),
    "no array": lambda: oracle.check(lambda x: None, 0.5, layout="HW"),
    "nothing": lambda: oracle.check(lambda x: right(x)[:0], 0.5, layout="HW"),
    "a dimension less": lambda: oracle.check(lambda x: right(x)[0], 0.5, layout="CHW"),
    "NaN": lambda: oracle.check(lambda x: right(x) * x.dtype.type("nan"), 0.5, layout="HW"),
    "infinity": lambda: oracle.check(lambda x: right(x) / x.dtype.type(0), 0.5, layout="HW"),
    "NaN lost": lambda: oracle.check(lambda x: right(np.nan_to_num(x)), 0.5, layout="HW"),
    "volume": lambda: oracle.check(
        lambda x: downsample(x, 0.5, axes=(1, 2, 3)) * np.float32(1.01), 0.5, layout="CDHW"
    ),
    "signal": lambda: oracle.check(
        lambda x: downsample(x, 0.3, axes=0, sampling="nearest", boundary="circular"),
        0.3, layout="LC", sampling="nearest", boundary="circular",
    ),
    "integers": lambda: oracle.check(right, 0.5, layout="HW", dtype="uint8"),
    "bfloat16": lambda: oracle.check(right, 0.5, layout="HW", dtype="bfloat16"),
    "one axis left alone": lambda: oracle.check(
        lambda x: downsample(x, (1, 0.5)), (1, 0.5), layout="HW"
    ),
    "no axis filtered": lambda: oracle.check(lambda x: x.copy(), 1, layout="HW"),
    "of the coarsest": lambda: oracle.check(
        right, 0.5, layout="HW", dtype="float16", precision="pure-bfloat16"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def reports():
    """Each made once, when it is first asked for."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = REPORTS[name]()
        return made[name]

    return get


class Reader(HTMLParser):
    """Elements, attributes and texts; every element must be closed where it ought to be."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.texts, self.titles, self.emphasised = [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        assert len(dict(attributes)) == len(attributes)
        if name not in ("meta", "link"):
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, text):
        if self.open and self.open[-1] == "title":
            self.titles.append(text)
        elif self.open and self.open[-1] != "style":
            self.texts.append(text)
        if self.open and self.open[-1] == "em":
            self.emphasised.append(text)

    @property
    def text(self):
        return "".join(self.texts)

    def named(self, name):
        return [attributes for found, attributes in self.elements if found == name]


# Of all pages.


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_makes_a_page_of_its_own(reports, name):
    """Well formed, the same each time, with all that is said, and nothing from elsewhere."""
    report = reports(name)
    page = report.to_html()
    assert page == report.to_html()
    read = Reader(page)
    for words in (report.name, report.verdict, report.terms_in_words, report.worst_in_words):
        assert words in read.text
    for f in report.findings:
        assert f.message in read.text
        assert f.code in read.text
    assert all(f.snippet in read.text and f.example in read.text for f in report.findings[:1])
    assert all(words in read.text for words in (*report.suspicions, *report.notes))
    name = re.search(r"\*(.*?)\*", report.convention or "")
    if name:
        assert [name[1]] == read.emphasised
        assert report.convention.replace(name[0], name[1]) in read.text
    assert not {"script", "iframe", "object", "embed", "form", "base"} & {
        n for n, _ in read.elements
    }
    for element, attributes in read.elements:
        for key in ("src", "href", "action", "srcset", "xlink:href"):
            assert attributes.get(key, "data:").startswith("data:"), element
        assert not [key for key in attributes if key.startswith("on")]
        assert "url(" not in (attributes.get("style") or "")
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    (policy,) = [m["content"] for m in read.named("meta") if "http-equiv" in m]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert len(page) < 200_000


def test_it_is_written_where_asked(reports, tmp_path):
    page = reports("reflecting").to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == page
    assert "evidence" not in reports("reflecting").to_json()


def test_a_report_without_evidence_is_a_page_of_words(reports):
    bare = dataclasses.replace(reports("reflecting"), evidence=None)
    assert bare == reports("reflecting")
    read = Reader(bare.to_html())
    assert read.named("svg") == []
    assert bare.findings[0].message in read.text


HOSTILE = '<img src=http://evil.test/x onerror=alert(1)> & "quo\'tes" </title></pre>\0\x1b\ud800é漢'


def test_whatever_is_said_is_text(reports):
    finding = oracle.Finding("values", HOSTILE, HOSTILE, HOSTILE)
    report = dataclasses.replace(
        reports("reflecting"), name=HOSTILE, terms_in_words=HOSTILE, findings=(finding,),
        suspicions=(HOSTILE,), notes=(HOSTILE,), match=Match(CONVENTIONS[0], Extent.WHOLE, HOSTILE),
    )  # fmt: skip
    page = report.to_html()
    page.encode("utf-8")
    read = Reader(page)
    assert read.named("img") == []
    assert read.text.count('<img src=http://evil.test/x onerror=alert(1)> & "quo\'tes"') == 8
    assert "é漢" in read.text
    assert "\0" not in page
    assert "\x1b" not in page


@given(st.text(), st.text())
def test_markup_is_escaped_but_once(text, value):
    read = Reader(tag("p", tag("b", text), text, title=value))
    assert len(read.elements) == 2
    clean = [
        re.sub("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]", "�", t) for t in (text, value)
    ]
    assert read.text == 2 * clean[0]
    assert read.named("p") == [{"title": clean[1]}]
    assert tag("i", Markup("<b>")) == "<i><b></i>"


# Taps and their response.


QUESTIONS = [
    {"scale": 0.25},
    {"scale": 0.3, "sampling": "nearest", "boundary": "reflect"},
    {"scale": (0.5, 0.25), "boundary": ("circular", "replicate"), "layout": "HWC"},
    {"scale": (1, 0.5), "layout": "NHWC"},
    {"scale": 0.5, "boundary": "reflect", "layout": "DHW"},
    {"scale": 0.125, "layout": "NCL"},
    {"scale": 1, "sigma": 0.75, "layout": "HW"},
]


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_impulses_show_all_taps_of_what_is_right(question):
    """In binary64: each tap is off by at most the roundings of 3 taps, 3 products, 3 factors."""
    layout = question.get("layout", "NCHW")
    axes = [k for k, letter in enumerate(layout) if letter in "DHWL"]
    function = partial(downsample, axes=axes, **{k: question[k] for k in question if k != "layout"})
    report = oracle.check(function, dtype="float64", **question)
    assert report.grade == "bit-identical"
    found = list(taps_along(report.evidence, report.recovered))
    scales = np.broadcast_to(question["scale"], len(axes))
    assert len(found) == sum(s != 1 or "sigma" in question for s in scales)
    for axis in found:
        assert not axis.diagnosed
        assert axis.complete
        assert axis.seen.keys() == axis.true.keys()
        for place, true in axis.true.items():
            assert abs(axis.difference(place)) <= 16 * 2.0**-53 * true


def test_a_wrong_tap_shows_where_it_is():
    def wrong(x):
        y = right(x)
        before = x[1::2, ::2]  # for each row of outputs but the first, the input's row before
        y[1:] = y[1:] // 2 + before[: len(y) - 1] // 2
        return y

    report = oracle.check(wrong, 0.5, layout="HW", dtype="uint8")  # which is not diagnosed
    first, second = taps_along(report.evidence, report.recovered)
    away = {p: first.difference(p) for p in first.seen}
    assert not first.diagnosed
    assert max(away, key=lambda p: abs(away[p])) == -1, away
    assert second.seen.keys() == second.true.keys()


def test_recovered_taps_are_those_of_the_diagnosis(reports):
    report = reports("boxes")
    for axis in taps_along(report.evidence, report.recovered):
        assert axis.diagnosed
        assert list(axis.seen.values()) == report.recovered[axis.letter]["taps"]
        assert axis.seen == pytest.approx({-0.5: 0.5, 0.5: 0.5})
    read = Reader(report.to_html())
    assert "≠ " in read.text
    assert any("0.5 from the centre\ntrue: none\nrecovered: 0.5" in t for t in read.titles)


def test_values_show_on_hover_and_in_a_table(reports):
    report = reports("right")
    read = Reader(report.to_html())
    (first, _) = taps_along(report.evidence, report.recovered)
    for place, tap in first.true.items():
        words = f"{number(place)} from the centre\ntrue: {number(tap, 9)}\n"
        assert sum(t.startswith(words) for t in read.titles) == 2  # H and W
        assert number(tap, 9) in read.text
    assert read.text.count("Nyquist of stride 2: 0.25") == 2
    assert sum("cycles per sample\ntrue: " in t and "recovered: " in t for t in read.titles) > 100


def test_where_no_answer_tells_the_true_filter_stands_alone(reports):
    read = Reader(reports("refuses").to_html())
    assert "this is what it should be" in read.text
    assert not any("recovered" in t for t in read.titles)
    assert any("true: " in t for t in read.titles)


def test_the_response_of_a_binomial_is_a_power_of_a_cosine():
    """cos²(pi f) for taps 1/4, 1/2, 1/4, wherever their centre; 0 at the highest frequency."""
    f = np.linspace(0, 0.45, 10)
    for shift in (0.0, 2.5):
        taps = {shift - 1: 0.25, shift: 0.5, shift + 1: 0.25}
        assert response(taps, f) == pytest.approx(40 * np.log10(np.cos(np.pi * f)), abs=1e-10)
    assert response({-1: 0.25, 0: 0.5, 1: 0.25}, np.array([0.5]))[0] < -300


def test_the_response_of_what_is_true_falls_as_a_gaussian_does(reports):
    """Until the cut-off tails show, the response of sigma is exp(-2 (pi sigma f)²)."""
    first, _ = taps_along(reports("right").evidence, {})
    sigma = float(first.plan.sigma)
    f = np.array([0.0, 0.05, 0.1])
    wanted = 20 * np.log10(np.exp(-2 * (np.pi * sigma * f) ** 2))
    tail = 1 - math.erf((first.plan.radius + 0.5) / sigma / math.sqrt(2))
    # The sum of samples differs from the integral by its aliases, too.
    alias = 2 * math.exp(-2 * (math.pi * sigma * 0.9) ** 2)
    assert response(first.true, f) == pytest.approx(wanted, abs=20 * (2 * tail + 2 * alias))


# Pictures.


def test_the_picture_and_the_worst_probe_are_shown(reports):
    report = reports("reflecting")
    kinds = [case.probe.kind for case in report.evidence.pictures]
    assert kinds[0] == "picture"
    assert len(kinds) == 2
    worst = report.evidence.pictures[1]
    assert worst.comparison.worst == report.worst
    read = Reader(report.to_html())
    assert "The probe with the worst error" in read.text
    assert f"{number(worst.comparison.got, 9)}" in read.text


def test_adjoints_have_no_part_in_it():
    """Not even where the function's own answers, complex ones here, could not be compared."""
    report = oracle.check(
        lambda x: right(x).astype(np.complex64), 0.5, layout="HW",
        adjoint=lambda g, shape: aa_ref.downsample_adjoint(g, 0.5, shape, backend="numpy"),
    )  # fmt: skip
    assert report.evidence.pictures == report.evidence.impulses == ()
    assert "Errors over the image" not in report.to_html()


def test_planes_hold_the_worst_error():
    def wrong(x):  # in one place of the second channel, in depth 1
        y = downsample(x, 0.5, axes=(0, 2, 3))
        if y.shape[1] > 1 and y.shape[0] > 1:
            y[1, 1, 1, 0] += 64
        return y

    report = oracle.check(wrong, 0.5, layout="DCHW", channels=2)
    (case,) = [c for c in report.evidence.pictures if c.probe.kind == "picture"]
    planes = shown_plane(case, report.evidence.terms)
    assert case.comparison.where == (1, 1, 1, 0)
    assert planes.which == "D = 1, C = 1"
    assert (planes.letters, planes.worst) == ("HW", (1, 0))
    assert abs(planes.errors[1, 0]) > 1
    assert (np.abs(planes.errors) > 1).sum() == 1
    assert np.array_equal(planes.given, case.probe.x[2, 1])
    assert planes.answer[1, 0] - planes.true[1, 0] == pytest.approx(64, abs=1e-3)


def test_of_a_large_plane_a_part_is_drawn():
    """About the worst error, as many samples as make a page of less than a megabyte."""
    terms = as_terms(0.5, layout="HW")
    x = np.random.default_rng(0).random((900, 410), dtype=np.float32)
    y = right(x)
    y[440, 3] += 1
    comparison = terms.compare(y, x, terms.plan(x.shape), "forward")
    case = Case(Probe("large", "large", x, "random"), Question("forward", x), y, [], y, comparison)
    planes = shown_plane(case, terms)
    assert planes.part == (
        "Drawn are outputs 322 to 449 of 450 along H, 1 of 2 inputs along H, outputs 0 to 127 of "
        "205 along W, 1 of 2 inputs along W."
    )
    assert planes.errors.shape == planes.true.shape == planes.answer.shape == (128, 128)
    assert planes.worst == (118, 3)
    assert abs(planes.errors[planes.worst]) == comparison.worst
    assert np.array_equal(planes.given, x[644:899:2, 0:255:2])
    page = picture_section(case, terms, "A picture")
    assert planes.part in page
    assert len(page) < 250_000


def test_code_that_is_long_is_not_on_the_page(reports):
    report = reports("boxes")
    finding = dataclasses.replace(report.findings[0], snippet="x" * 1_000_000)
    page = dataclasses.replace(report, findings=(finding,)).to_html()
    assert "1,000,000 letters; --json writes it" in page
    assert len(page) < 250_000
    several = [dataclasses.replace(finding, snippet=letter * 50_000) for letter in "abcdcba"]
    page = dataclasses.replace(report, findings=tuple(several)).to_html()
    assert all(letter * 50_000 in page for letter in "abc")
    assert page.count("50,000 letters; --json writes it") == 1
    assert all(f"The example of {k} shows this" in page for k in (1, 2, 3))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("scale", [Fraction(1, 100), Fraction(1, 128)])
def test_pages_at_small_scales_stay_below_a_megabyte(reports, scale, dtype):
    """With as much on them as there can be: all taps, two large pictures of noise, long code."""
    terms = as_terms(
        scale, layout="HW", dtype=dtype, precision=None, form="any", taps="recomputed",
        sigma=None, boundary="zeros", sampling="slice",
    )  # fmt: skip
    x = patterns.random((1300, 600), dtype, 3).astype(dtype)
    y = aa_ref.downsample(x, scale, backend="numpy", boundary="reflect")
    comparison = terms.compare(y, x, terms.plan(x.shape), "forward")
    case = Case(Probe("noise", "noise", x, "random"), Question("forward", x), y, [], y, comparison)
    report, noise = reports("boxes"), np.random.default_rng(1)
    recovered = {}
    for letter in "HW":
        taps = noise.random(2 * terms.plan(x.shape).axes[0].radius + 31)
        recovered[letter] = {
            **report.recovered[letter], "taps": taps.tolist(), "first_tap_at": -len(taps) / 2
        }  # fmt: skip
    first = report.findings[0]
    findings = [dataclasses.replace(first, snippet=f"&{k}" * 9_000) for k in range(9)]
    large = dataclasses.replace(
        report, findings=tuple(findings), evidence=Evidence(terms, (), (case, case)),
        recovered=recovered,
    )  # fmt: skip
    page = large.to_html()
    assert page.count("<polyline") == 4
    assert 300_000 < len(page.encode()) <= 1_000_000
    assert len(large.text(60).splitlines()) <= 60


def test_what_is_not_answered_is_grey(reports):
    report = reports("late")
    case = report.evidence.pictures[0]
    planes = shown_plane(case, report.evidence.terms)
    assert planes.unanswered[:, -1].all()
    assert not planes.unanswered[:, :-1].any()
    page = report.to_html()
    rows, columns = planes.true.shape
    assert f"{rows}×{columns - 1} samples; where {rows}×{columns} are expected" in page
    assert any((picture[:, -1] == NO_ANSWER).all() for picture in pictures_of(page))


def pictures_of(page):
    uris = re.findall(r'href="data:image/png;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(b64decode(u))).convert("RGB")) for u in uris]


def test_nan_is_pink(reports):
    page = reports("NaN lost").to_html()
    assert "pink is NaN or infinity" in page
    assert any((picture == NO_NUMBER).all(-1).any() for picture in pictures_of(page))
    assert not any((p == NO_NUMBER).all(-1).any() for p in pictures_of(reports("right").to_html()))


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (7, 300)])
def test_pictures_are_the_pixels(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    (found,) = pictures_of(f'href="{data_uri(pixels)}"')
    assert np.array_equal(found, pixels)


def luminance(pixels):
    return pixels @ np.array([0.2126, 0.7152, 0.0722])


def test_errors_within_the_bound_are_drawn_in_proportion():
    errors = np.array([[-0.5, -0.25, 0.0, 0.25, 0.5]])
    scale = error_scale(errors)
    assert not scale.beyond
    assert scale.shares(errors).tolist() == [[-1, -0.5, 0, 0.5, 1]]
    light = luminance(scale.pixels(errors))[0]
    assert light[0] < light[1] < light[2] > light[3] > light[4]
    assert error_scale(0 * errors).shares(0 * errors).tolist() == [[0] * 5]


@pytest.mark.parametrize("most", [1.0000001, 9.0, 1e4, 1e300, math.inf])
def test_errors_beyond_the_bound_are_told_from_those_within(most):
    errors = np.array([[-most, -2.0, -1.0, -0.9, 0.0, 1.0, np.nextafter(1, 2), most]])
    scale = error_scale(errors)
    assert scale.beyond
    pixels = scale.pixels(errors)[0]
    assert (pixels[2:6] == pixels[4]).all()
    differ = np.abs(pixels.astype(int) - pixels[4]).sum(-1)
    assert (differ[[0, 1, 6, 7]] > 30).all()
    blue, orange = pixels[1].astype(int), pixels[6].astype(int)
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]
    assert (scale.ramp(101)[0, 50] == pixels[4]).all()


@given(st.lists(st.floats(), min_size=1, max_size=9))
def test_greys_take_any_numbers(values):
    array = np.array([values])
    pixels = grey_scale(array).pixels(array)
    finite = np.isfinite(array)
    assert (pixels[~finite] == NO_NUMBER).all()
    assert (pixels[finite].max(-1, initial=0) == pixels[finite].min(-1, initial=255)).all() or (
        not finite.any()
    )
    if finite.any() and np.ptp(array[finite] / 2) > 0:
        assert {0, 255} <= set(pixels[finite].ravel().tolist())


# In a browser.


@pytest.mark.parametrize(("name", "width", "height"), [("right", 1200, 2200), ("late", 500, 5200)])
def test_a_browser_shows_it_and_asks_for_nothing(reports, tmp_path, name, width, height):
    report, page = reports(name), tmp_path / "page.html"
    text = report.to_html(page)
    seen = visit(page, tmp_path / "browser", width, height)
    assert seen.requests == []
    assert seen.complaints == []
    for element in ("<svg", "<image", "<figure", "<article", "<polyline", "<tr"):
        assert seen.dom.count(element) == text.count(element)  # nothing moved or dropped
    shown = np.asarray(Image.open(seen.picture).convert("RGB")).astype(np.uint32)
    assert shown.shape == (height, width, 3)
    shown = shown @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours = set(np.unique(shown).tolist())
    for variable in ("true", "seen", "ink"):  # drawn, and in the colours of a light screen
        assert int(re.search(rf"--{variable}: #([0-9a-f]{{6}})", STYLE)[1], 16) in colours
    planes = shown_plane(report.evidence.pictures[0], report.evidence.terms)
    drawn = error_scale(planes.errors).pixels(planes.errors)[~planes.unanswered]
    assert {int.from_bytes(pixel.tobytes(), "big") for pixel in drawn} <= colours
    blank = shown == shown[0, 0]
    assert 0.3 < blank[:1000].mean() < 0.97
    assert blank[:, -4:].all()  # nothing sticks out to the right


def test_the_policy_stops_what_would_have_slipped_in_and_the_test_sees_it(reports, tmp_path):
    """Else the test above could not fail: requests and complaints are seen where there are some."""
    spoilt = '<img src="http://elsewhere.invalid/x.png"><script>console.log("ran")</script></main>'
    held = reports("refuses").to_html().replace("</main>", spoilt)
    free = re.sub("<meta http-equiv[^>]*>", "", held)
    pages = {}
    for name, text in (("held", held), ("free", free)):
        (tmp_path / f"{name}.html").write_text(text, "utf-8")
        pages[name] = visit(tmp_path / f"{name}.html", tmp_path / name, 600, 400)
    assert pages["held"].requests == []
    assert any("violates" in c and "img" in c for c in pages["held"].complaints)
    assert not any('"ran"' in c for c in pages["held"].complaints)
    assert pages["free"].requests != []
    assert any('"ran"' in c for c in pages["free"].complaints)
