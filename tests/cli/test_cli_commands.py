"""``aa-ref plan``, ``info``, ``demo`` and what surrounds them."""

import json
import platform
import re
from fractions import Fraction
from importlib.metadata import version

import numpy as np
import pytest
from cli_helpers import call, pixels_of

import aa_ref
from aa_ref.backends.numba import caching
from aa_ref.backends.numba.levels import OCTAVES
from aa_ref.backends.numba.variants import GENERIC
from aa_ref.cli import demo_command, scenes, sheet
from aa_ref.cli.app import app
from aa_ref.cli.sheet import Comparison, compose


@pytest.mark.parametrize(
    ("arguments", "shape", "scale", "keywords"),
    [
        (["3,256,250", "--scale", "0.25"], (3, 256, 250), 0.25, {}),
        (["3, 256, 250", "-s", "1/3"], (3, 256, 250), Fraction(1, 3), {}),
        (["99", "--scale", "0.5", "--axes", "-1"], (99,), 0.5, {"axes": -1}),
        (
            ["64,48,3", "--scale", "1/2,1/4", "--axes", "0,1", "--sampling", "nearest"],
            (64, 48, 3),
            (Fraction(1, 2), Fraction(1, 4)),
            {"axes": (0, 1), "sampling": "nearest"},
        ),
        (
            ["64,48", "--scale=0.5", "--sigma=2,1", "--boundary=reflect", "--dtype=float16"],
            (64, 48),
            0.5,
            {"sigma": (2.0, 1.0), "boundary": "reflect", "dtype": "float16"},
        ),
        (["64,48", "-s", "0.5", "--input-dtype", "uint8"], (64, 48), 0.5, {"input_dtype": "uint8"}),
    ],
)
def test_plan_prints_the_plan(arguments, shape, scale, keywords):
    ending = call("plan", *arguments)
    assert ending == (0, f"{aa_ref.plan(shape, scale, **keywords)}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["3,x", "--scale", "0.25"], ["SHAPE", "3,x"]),
        (["3,", "--scale", "0.25"], ["SHAPE"]),
        (["256", "--scale", "0.25"], ["out of range"]),
        (["3,256", "--scale", "2"], ["--scale is 2.0", "1/2"]),
        (["3,256", "--scale", "0.5", "--axes", "x"], ["--axes"]),
        (["3,256", "--scale", "0.5", "--input-dtype", "int8"], ["--input-dtype", "int8", "uint8"]),
        (["8", "-s", "1/2"], ["--axes -1"]),
        (["8,8", "-s", "1/2", "--dtype", "int8"], ["--dtype is 'int8'", "name one"]),
        (["8,8", "--scale=-1/4"], ["--scale is -1/4,"]),
        (["8,8", "-s", "1/100", "--sampling", "nearest"], ["--sampling slice"]),
        (["8,8", "-s", "1/2", "--axes", "1,1"], ["--axes is 1,1"]),
        (["8,8", "-s", "1/2,1/3,1/4"], ["--scale is 1/2,1/3,1/4: 3 value(s)"]),
        (["8,8", "-s", "1/2", "--boundary", "mirror"], ["--boundary is 'mirror'"]),
    ],
)
def test_plan_refuses_in_one_line(arguments, words):
    status, stdout, stderr = call("plan", *arguments)
    assert (status, stdout, len(stderr.splitlines())) == (2, "", 1)
    assert stderr.startswith("aa-ref: ")
    for word in words:
        assert word in stderr
    for python in ("Fraction(", "axes=", "scale=", "sampling=", "None", "astype"):
        assert python not in stderr


def test_info_tells_versions_and_backends():
    status, stdout, _ = call("info")
    assert status == 0
    told = [aa_ref.__version__, platform.python_version(), np.__version__, platform.platform()]
    told += [b.name for b in aa_ref.list_backends()]
    told += [b.reason for b in aa_ref.list_backends()]
    told += [f"{name} {version(name)}" for name in ("pyvips", "tifffile", "typer", "rich")]
    for fact in told:
        assert fact in " ".join(stdout.split())


def test_info_as_json():
    facts = json.loads(call("info", "--json").stdout)
    assert facts["versions"]["aa_ref"] == aa_ref.__version__
    backends = {b["name"]: b for b in facts["backends"]}
    for entry in aa_ref.list_backends():
        assert backends[entry.name]["available"] == entry.available
        assert backends[entry.name]["reason"] == entry.reason
        if entry.available:
            details = aa_ref.backends.get_backend(entry.name).details()
            assert backends[entry.name]["details"].keys() == details.keys()
    assert facts["default_backend"] in backends


def test_info_lists_every_compiled_function():
    caching.compiled("adjoint", np.float32, OCTAVES[-1])
    backends = {b["name"]: b for b in json.loads(call("info", "--json").stdout)["backends"]}
    details = backends["numba"]["details"]
    stdout = call("info").stdout
    special = {"adjoint": OCTAVES, "levels": OCTAVES}
    headings = [
        *(
            f"{name}, {t}, {GENERIC}"
            for name in ("forward", "adjoint")
            for t in ("float32", "float64")
        ),
        *(f"{name}, float32, {which}" for name, every in special.items() for which in every),
    ]
    for heading in headings:
        assert f"numba: {heading}: {details[heading]}\n" in stdout
    assert details[f"adjoint, float32, {OCTAVES[-1]}"] == "compiled"
    assert len(set(headings)) == len(headings)
    assert details.keys() >= {"cache folder", *headings}


@pytest.mark.parametrize(
    ("value", "count", "source"),
    [(None, aa_ref.get_num_threads, "processors"), ("3", lambda: 3, "AA_REF_NUM_THREADS")],
)
def test_info_tells_where_the_thread_count_came_from(monkeypatch, value, count, source):
    monkeypatch.delenv("AA_REF_NUM_THREADS", raising=False)
    if value is not None:
        monkeypatch.setenv("AA_REF_NUM_THREADS", value)
    threads = json.loads(call("info", "--json").stdout)["threads"]
    assert threads["count"] == count()
    assert threads["from"].startswith(source)
    assert f"{count()}, from {source}" in call("info").stdout


def test_info_survives_a_wrong_thread_count(monkeypatch):
    monkeypatch.setenv("AA_REF_NUM_THREADS", "many")
    status, stdout, _ = call("info")
    assert status == 0
    assert "AA_REF_NUM_THREADS is 'many'" in stdout


def test_version():
    assert call("--version") == (0, f"aa-ref {aa_ref.__version__}\n", "")


@pytest.mark.parametrize("command", [[], ["run"], ["plan"], ["info"], ["demo"]])
def test_help(command):
    ending = call(*command, "--help")
    assert ending.status == 0
    assert "Usage" in ending.stdout


def test_help_is_wrapped_by_the_terminal_alone():
    for command in app.registered_commands:
        assert command.help
        assert re.search(r"[^\n]\n[^\n]", command.help) is None


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory):
    """The demo, run twice in a folder of its own: what it said and what it wrote."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        endings = [call("demo"), call("demo")]
    return folder, endings


def test_demo_needs_nothing_and_can_be_repeated(demonstrated):
    folder, endings = demonstrated
    assert [path.name for path in folder.iterdir()] == ["aa_ref_demo.png"]
    for ending in endings:
        assert ending.status == 0, ending
        assert "wrote aa_ref_demo.png" in ending.stdout
        for backend in aa_ref.list_backends():
            assert backend.name in ending.stdout
            assert backend.reason in " ".join(ending.stdout.split())


def test_demo_shows_what_it_computed(demonstrated):
    folder, _ = demonstrated
    sheet = pixels_of(folder / "aa_ref_demo.png")
    sources = [np.stack([scenes.zone_plate()] * 3, -1), scenes.street()]
    for scale, enlarged in ((0.5, 1), (0.25, 2), (0.125, 4)):
        stride = int(1 / scale)
        for x in sources:
            filtered = aa_ref.downsample(x, scale, axes=(0, 1), boundary="reflect")
            for panel in (x[::stride, ::stride], filtered):
                assert holds(sheet, panel.repeat(enlarged, 0).repeat(enlarged, 1))


def holds(sheet, panel):
    """Whether the panel stands somewhere on the sheet, pixel by pixel."""
    height, width = panel.shape[:2]
    for y in range(len(sheet) - height + 1):
        x = sheet[y].tobytes().find(panel[0].tobytes()) // 3
        if x >= 0 and np.array_equal(sheet[y : y + height, x : x + width], panel):
            return True
    return False


def test_demo_has_no_words_where_the_machine_has_no_font(monkeypatch):
    """Without fonts, libvips draws the same box for every letter."""
    panels = [[Comparison(2, "0.5", np.zeros((4, 6), np.uint8), np.ones((4, 6), np.uint8))]]
    with_words = compose(panels, (8, 12), "title", ["subtitle"])
    monkeypatch.setattr(sheet, "_has_font", lambda: False)
    without = compose(panels, (8, 12), "title", ["subtitle"])
    assert without.shape == with_words.shape
    assert (without[:150] == 255).all()


def test_demo_does_not_replace_a_file_that_it_was_given(tmp_path):
    path = tmp_path / "mine.png"
    path.write_bytes(b"precious")
    status, _, stderr = call("demo", "-o", path)
    assert (status, path.read_bytes()) == (1, b"precious")
    assert "--overwrite" in stderr
    assert call("demo", "-o", tmp_path / "mine.jpg").status == 2


def test_demo_fails_if_backends_disagree(tmp_path, monkeypatch):
    real = demo_command._filtered

    def off_by_one(x, scale, backend):
        return real(x, scale, backend) + np.uint8(backend == "numpy" and scale == 0.25)

    monkeypatch.setattr(demo_command, "_filtered", off_by_one)
    status, stdout, stderr = call("demo", "-o", tmp_path / "o.png")
    assert status == 1
    assert "DIFFER in 2 of 6" in stdout
    assert "backends disagree" in stderr


def test_zone_plate_reaches_nyquist_at_the_sides():
    row = scenes.zone_plate()[scenes.HEIGHT // 2].astype(float) - 127.5
    assert np.all(row[:6:2] * row[1:6:2] < 0)  # alternates from sample to sample
    middle = row[scenes.WIDTH // 2 - 6 : scenes.WIDTH // 2 + 6]
    assert np.all(middle > 0)


@pytest.mark.parametrize("make", [scenes.zone_plate, scenes.street])
def test_scenes_alias_badly(make):
    x = make()
    assert x.shape[:2] == (scenes.HEIGHT, scenes.WIDTH)
    assert x.dtype == np.uint8
    detail = [
        np.abs(np.diff(y.astype(float), axis=1)).mean()
        for y in (x[::4, ::4], aa_ref.downsample(x, 0.25, axes=(0, 1), boundary="reflect"))
    ]
    assert detail[0] > 2 * detail[1]
