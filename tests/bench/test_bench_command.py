"""``aa-ref bench``: what it takes, shows, writes and refuses."""

import json
import sys
from importlib.util import find_spec

import pytest
from bench_helpers import GPU, FakeDevice, call, case, words

from aa_ref import backends
from aa_ref.bench import running
from aa_ref.bench.cuda import host_calls, rotation
from aa_ref.bench.page import GENERATED
from aa_ref.bench.results import Results
from aa_ref.cli import bench_command

pytestmark = pytest.mark.filterwarnings("default")  # other people's, on import
TINY = ("--quick", "--size", "16", "--rounds", "1")


@pytest.fixture
def measured(tmp_path):
    """A tiny run's results on disk."""
    path = tmp_path / "results.json"
    ending = call(
        *TINY, "--scale", "0.5,1/3", "--backend", "numpy", "--peer", "none", "--json", path
    )
    assert ending.status == 0, ending.stderr
    return path


def test_tiny_run_shows_a_table_for_each_case():
    ending = call(*TINY, "--scale", "0.5", "--layout", "CHW,hwc", "--dtype", "float32,uint8")
    assert ending.status == 0, ending.stderr
    for text in ("forward 3×16² CHW float32, s = 0.5", "3×16² HWC uint8", "copy", "numba", "floor"):
        assert text in words(ending.stdout)


def test_all_directions(tmp_path):
    path = tmp_path / "r.json"
    ending = call(*TINY, "--direction", "forward,adjoint,pyramid", "--threads", "1,2",
                  "--backend", "numba", "--peer", "none", "--json", path)  # fmt: skip
    assert ending.status == 0, ending.stderr
    run = Results.from_json(path.read_text(), "")
    assert [b.case.direction for b in run.blocks].count("pyramid") == 1
    assert {r.threads for b in run.blocks for r in b.rows if r.name == "numba"} == {1, 2}
    assert f"wrote {path}" in ending.stdout


def test_the_command_is_kept_without_where_files_lie(measured):
    command = json.loads(measured.read_text())["command"]
    assert command == (
        "aa-ref bench --quick --size 16 --scale 0.5,1/3 --backend numpy --peer none --rounds 1"
    )


def test_peers_by_name(tmp_path):
    pytest.importorskip("scipy", reason="SciPy is not installed")
    ending = call(*TINY, "--scale", "0.25", "--backend", "numpy", "--peer", "scipy")
    assert "SciPy gaussian_filter + slice same result" in words(ending.stdout)
    assert "torch" not in ending.stdout.replace("not installed", "")


def test_missing_peers_are_named(monkeypatch):
    for module in ("kornia", "cv2"):
        monkeypatch.setitem(sys.modules, module, None)
    ending = call(*TINY, "--scale", "0.5", "--backend", "numpy", "--peer", "kornia,opencv")
    assert ending.status == 0, ending.stderr
    for name in ("kornia pyrdown: kornia is not installed", "pyrDown: OpenCV is not installed"):
        assert name in ending.stdout


def test_a_page_from_results(measured, tmp_path):
    page = tmp_path / "page.md"
    ending = call("--page", page, measured)
    assert ending.status == 0, ending.stderr
    assert page.read_text("utf-8").startswith(GENERATED)
    first = page.read_bytes()
    assert call("--page", page, measured).status == 0  # generated, so replaced unasked
    assert page.read_bytes() == first
    page.write_text("by hand")
    refused = call("--page", page, measured)
    assert (refused.status, page.read_text()) == (1, "by hand")
    assert "--overwrite" in refused.stderr


def test_results_given_are_shown(measured):
    ending = call(measured)
    assert ending.status == 0, ending.stderr
    for text in ("forward 3×16² CHW float32, s = 1/3", "Targets", "not measured"):
        assert text in words(ending.stdout)


def test_a_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    path = tmp_path / "p.svg"
    ending = call("--quick", "--size", "8,16", "--scale", "0.5", "--backend", "numpy", "--peer",
                  "none", "--plot", path)  # fmt: skip
    assert ending.status == 0, ending.stderr
    assert b"<svg" in path.read_bytes()


def test_a_picture_without_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    ending = call(*TINY, "--plot", tmp_path / "p.png")
    assert (ending.status, ending.stdout) == (2, "")
    assert "pip install 'aa-ref[plot]'" in ending.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--size", "0"], ["--size", "'0'", "512"]),
        (["--size", "3x4x5x6"], ["--size", "24x1024"]),
        (["--size", "big"], ["--size", "'big'"]),
        (["--dtype", "int8"], ["--dtype", "'int8'", "float32"]),
        (["--dtype", "float64"], ["--dtype", "'float64'", "float16"]),
        (["--scale", "x"], ["--scale", "1/4"]),
        (["--scale", "2"], ["scale is 2.0", "1/2"]),
        (["--layout", "NHWC"], ["--layout", "CHW, HWC"]),
        (["--direction", "back"], ["--direction", "adjoint"]),
        (["--threads", "0"], ["--threads", "from 1 to 1,024"]),
        (["--threads", "two"], ["--threads", "'two'"]),
        (["--backend", "gpu"], ["--backend", "'gpu'", "numba", "cuda"]),
        (["--backend", "cuda,numba"], ["cuda,numba", "--backend cuda alone"]),
        (["--backend", "cuda", "--threads", "2"], ["--threads", "GPU"]),
        (["--backend", "cuda", "--peer", "opencv"], ["'opencv'", "on a GPU", "torch"]),
        (["--backend", "cuda", "--targets", "--scale", "0.5"], ["--targets", "--scale"]),
        (["--direction", "layer", "--backend", "numba"], ["is layer", "leave --backend out"]),
        (["--backend", "cuda", "--direction", "pyramid-training"], ["is pyramid-training"]),
        (["--direction", "layer", "--dtype", "uint8"], ["layer", "uint8", "float32"]),
        (["--peer", "gimp"], ["--peer", "'gimp'", "OpenCV"]),
        (["--direction", "adjoint", "--dtype", "uint8"], ["uint8", "float32"]),
        (["--targets", "--size", "16"], ["--targets", "--size"]),
        (["--plot", "p.gif"], ["p.gif", ".png"]),
        (["--quick", "old.json"], ["old.json", "--quick"]),
        (["--quick", "--targets"], ["--quick", "--targets", "--rounds 5"]),
        (["--quick", "--targets", "--backend", "cuda"], ["--quick", "--targets"]),
        (["--json", ""], ["--json", "empty"]),
        (["--plot", "p.svg", *TINY, "--scale", "0.5"], ["--plot", "--size 256,512,1024"]),
        (["--json", "r.svg", "--plot", "./r.svg"], ["--json and --plot", "r.svg"]),
        (["--json", "r.md", "--page", "r.md"], ["--json and --page", "r.md"]),
        (["--page", "r.json", "r.json"], ["--page", "r.json", "another"]),
        (["--json", "r.json", "a.json", "b.json"], ["--json", "one run"]),
    ],
)
def test_wrong_options_are_refused_in_a_line_before_anything_is_measured(
    arguments, told, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench_command, "measure", None)
    status, stdout, stderr = call(*arguments)
    assert list(tmp_path.iterdir()) == []
    assert (status, stdout, len(stderr.splitlines())) == (2, "", 1)
    assert stderr.startswith("aa-ref: ")
    for word in told:
        assert word in stderr


def test_files_that_are_no_results(tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    assert "holds no results" in call(wrong).stderr
    missing = call(tmp_path / "missing.json")
    assert missing.status == 1
    assert "cannot read" in missing.stderr


def test_existing_results_are_kept(measured):
    before = measured.read_bytes()
    ending = call(*TINY, "--json", measured)
    assert (ending.status, ending.stdout, measured.read_bytes()) == (1, "", before)
    assert "--overwrite" in ending.stderr


@pytest.mark.parametrize(
    ("option", "name"), [("--json", "no/r.json"), ("--page", "no/p.md"), ("--plot", "no/p.svg")]
)
def test_where_nothing_can_be_written_nothing_is_measured(monkeypatch, tmp_path, option, name):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    monkeypatch.setattr(bench_command, "measure", None)
    ending = call("--quick", option, tmp_path / name)
    assert (ending.status, ending.stdout) == (1, "")
    assert "there is no folder" in ending.stderr


def test_a_backend_asked_for_by_name_runs_or_is_refused(monkeypatch):
    def missing(name):
        raise ImportError("the package numba is not installed.")

    monkeypatch.setattr(backends, "_load", missing)
    status, stdout, stderr = call(*TINY, "--backend", "numba")
    assert (status, stdout) == (2, "")
    assert "'numba', which cannot run here: the package numba is not installed; " in stderr


def test_a_scale_that_drops_nothing_is_noted_in_this_commands_words():
    ending = call(*TINY, "--scale", "0.75,0.5", "--backend", "numpy", "--peer", "none")
    assert ending.status == 0
    (line,) = ending.stderr.splitlines()
    assert line.startswith("note: --scale 0.75 has stride int(1/scale) = 1")
    assert "--sampling" not in line


def test_a_size_named_twice_is_measured_once():
    ending = call("--quick", "--size", "16,16", "--scale", "0.5,0.50", "--backend", "numpy",
                  "--peer", "none")  # fmt: skip
    assert words(ending.stdout).count("forward 3×16² CHW float32, s = 0.5") == 1


def test_blanks_after_commas():
    ending = call(*TINY, "--scale", "0.5, 0.25", "--backend", "numpy", "--peer", "none, none")
    assert ending.status == 0, ending.stderr


def test_where_nothing_fits_into_memory_that_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(running, "available_memory", lambda: 0)
    ending = call(*SIZES, "--json", tmp_path / "r.json")
    assert ending.status == 2
    assert ending.stdout.count("MiB of memory needed") == 4
    assert "nothing could be measured, as said above; write a smaller --size" in ending.stderr
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------ Ctrl-C


@pytest.fixture
def stopped_at(monkeypatch):
    """A function: let Ctrl-C come when that case begins."""

    def stop(number):
        measure_case, begun = running.measure_case, []

        def interrupted(case, run):
            begun.append(case)
            if len(begun) == number:
                raise KeyboardInterrupt
            return measure_case(case, run)

        monkeypatch.setattr(running, "measure_case", interrupted)

    return stop


SIZES = ("--quick", "--size", "8,12,16,20", "--scale", "0.5", "--rounds", "1", "--backend", "numpy",
         "--peer", "none")  # fmt: skip


def test_what_was_measured_before_ctrl_c_is_kept(stopped_at, tmp_path):
    json_file, page = tmp_path / "r.json", tmp_path / "p.md"
    stopped_at(3)
    ending = call(*SIZES, "--json", json_file, "--page", page)
    assert ending.status == 130
    assert ending.stderr.splitlines()[-1] == (
        "aa-ref: interrupted, 2 of 4 cases were measured and written"
    )
    run = Results.from_json(json_file.read_text("utf-8"), "")
    assert ([b.case.size[1] for b in run.blocks], run.complete) == ([8, 12], False)
    assert "2 of 4, then interrupted" in page.read_text("utf-8")


def test_ctrl_c_with_nowhere_to_write_says_how_to_keep_it(stopped_at):
    stopped_at(2)
    ending = call(*SIZES)
    assert ending.status == 130
    assert "3×8²" in ending.stdout
    assert "1 of 4 cases were measured; --json FILE would have kept them" in ending.stderr


def test_ctrl_c_before_there_is_anything(stopped_at, tmp_path):
    stopped_at(1)
    ending = call(*SIZES, "--json", tmp_path / "r.json")
    assert (ending.status, ending.stderr.splitlines()[-1]) == (130, "aa-ref: interrupted")
    assert list(tmp_path.iterdir()) == []


def test_too_little_to_draw_after_ctrl_c_is_a_note(stopped_at, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    stopped_at(2)
    ending = call(*SIZES, "--json", tmp_path / "r.json", "--plot", tmp_path / "p.png")
    assert ending.status == 130
    assert "note: --plot needs" in ending.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


# ----------------------------------------------------------------------------- a page


def test_a_page_shows_the_picture_beside_it(measured, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    page, picture = tmp_path / "page.md", tmp_path / "cost.svg"
    ending = call("--page", page, "--plot", picture, measured)
    assert ending.status == 0, ending.stderr
    text = page.read_text("utf-8")
    assert "](cost.svg)" in text
    assert "--plot docs/cost.svg docs/results/*.json" in text
    other = tmp_path / "other"
    other.mkdir()
    assert call("--page", page, "--plot", other / "cost.svg", measured).status == 0
    assert "cost.svg" not in page.read_text("utf-8")


def test_help_names_every_option():
    ending = call("--help")
    assert ending.status == 0
    for option in ("--quick", "--targets", "--json", "--plot", "--page", "--peer", "--threads"):
        assert option in ending.stdout


@pytest.mark.parametrize(
    ("option", "selection"), [("--quick", "quick"), ("--targets", "of_targets"), (None, "standard")]
)
def test_which_cases_are_taken(monkeypatch, option, selection):
    asked = []

    def select(threads):
        asked.append(threads)
        return [case(size=(1, 8, 8))]

    monkeypatch.setattr(bench_command, selection, select)
    monkeypatch.setenv("AA_REF_NUM_THREADS", "3")
    options = [option] if option else []
    ending = call(*options, "--rounds", "1", "--backend", "numpy", "--peer", "none")
    assert ending.status == 0, ending.stderr
    assert asked == [(1, 2, 3) if selection == "standard" else (3,)]
    assert ("limit / ours" in ending.stdout) == (selection == "of_targets")


# --------------------------------------------------------------------------------- GPUs


@pytest.fixture
def gpu(monkeypatch):
    """A device that a fake stands in for, and cases as small as it is."""
    device = FakeDevice()
    device.tick = 1.0
    monkeypatch.setattr(bench_command, "open_device", lambda: device)
    monkeypatch.setattr(rotation, "LEAST", 1)
    monkeypatch.setattr(host_calls, "LITTLE", 0)
    return device


def test_without_a_gpu_it_says_what_is_missing(monkeypatch):
    def missing(name):
        raise ImportError("there is no working NVIDIA driver: none")

    monkeypatch.setattr(backends, "_load", missing)
    status, stdout, stderr = call("--backend", "cuda")
    assert (status, stdout, len(stderr.splitlines())) == (2, "", 1)
    for words_ in (
        "'cuda', which cannot run here",
        "no working NVIDIA driver",
        "leave --backend out",
    ):
        assert words_ in stderr


def test_a_run_on_a_gpu(gpu, tmp_path):
    path, page = tmp_path / "gpu.json", tmp_path / "page.md"
    ending = call("--backend", "cuda", *TINY, "--peer", "none", "--json", path)
    assert ending.status == 0, ending.stderr
    for text in ("forward 3×16² CHW float32, s = 0.5", "copy", "Python call"):
        assert text in words(ending.stdout)
    assert "opencv" not in ending.stdout.casefold()
    assert ("CuPy (pip install cupy-cuda13x)" in ending.stdout) == (find_spec("cupy") is None)
    run = Results.from_json(path.read_text(), "")
    assert run.machine["gpu"] == GPU
    assert run.command.startswith("aa-ref bench --quick --size 16 --backend cuda")
    assert call("--page", page, path).status == 0
    assert f"## {GPU['name']}, " in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("option", "selection"), [("--quick", "quick"), ("--targets", "of_targets"), (None, "standard")]
)
def test_which_cases_are_taken_on_a_gpu(gpu, monkeypatch, option, selection):
    cases = [case(size=(1, 8, 8), threads=(1,))]
    monkeypatch.setattr(bench_command.cuda_selections, selection, lambda: cases)
    options = [option] if option else []
    ending = call(*options, "--backend", "cuda", "--rounds", "1", "--peer", "none")
    assert ending.status == 0, ending.stderr
    assert "forward 1×8² CHW float32" in words(ending.stdout)
    assert ("Python call, ready plan" in words(ending.stdout)) == (option == "--targets")


def test_on_the_processor_the_gpu_takes_no_part(monkeypatch, tmp_path):
    path = tmp_path / "r.json"
    assert call(*TINY, "--scale", "0.5", "--peer", "none", "--json", path).status == 0
    (block,) = Results.from_json(path.read_text(), "").blocks
    assert "cuda" not in {r.name for r in block.rows} | block.left_out.keys()
