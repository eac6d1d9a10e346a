"""``aa-ref bench``: what it takes, shows, writes and refuses."""

import json
import sys

import pytest
from bench_helpers import GPU, FakeDevice, call, case, words

from aa_ref import backends
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
        (["--peer", "gimp"], ["--peer", "'gimp'", "OpenCV"]),
        (["--direction", "adjoint", "--dtype", "uint8"], ["uint8", "float32"]),
        (["--targets", "--size", "16"], ["--targets", "--size"]),
        (["--plot", "p.gif"], ["p.gif", ".png"]),
        (["--quick", "old.json"], ["old.json", "--quick"]),
    ],
)
def test_wrong_options_are_refused_in_a_line(arguments, told):
    status, stdout, stderr = call(*arguments)
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
    assert ("floor / ours" in ending.stdout) == (selection == "of_targets")


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
    for words_ in ("'cuda' cannot run here", "no working NVIDIA driver", "leave --backend out"):
        assert words_ in stderr


def test_a_run_on_a_gpu(gpu, tmp_path):
    path, page = tmp_path / "gpu.json", tmp_path / "page.md"
    ending = call("--backend", "cuda", *TINY, "--peer", "none", "--json", path)
    assert ending.status == 0, ending.stderr
    for text in ("forward 3×16² CHW float32, s = 0.5", "copy", "Python call"):
        assert text in words(ending.stdout)
    assert "opencv" not in ending.stdout.casefold()
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
