"""Peers: their labels, whether what they claim holds, and what happens without them."""

import importlib
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bench_helpers import TINY, case

import aa_ref
from aa_ref.bench import agreement, peer_contenders, running
from aa_ref.bench.agreement import compare
from aa_ref.bench.errors import BenchError
from aa_ref.bench.inputs import input_of
from aa_ref.bench.memory import needed_memory
from aa_ref.bench.peer_contenders import TIMED_LIBRARIES, chosen, peers_of
from aa_ref.bench.running import Run, measure_case
from aa_ref.peers import LIBRARIES, OTHER, SAME, Asker, Peer, Prepared, Task, function_at, peers_for

PEERS = peers_for(Asker.BENCH)
LABELS = {
    "original torch layer": SAME,
    "original torch layer backward": SAME,
    "torch strided conv2d": SAME,
    "torch separable conv2d": SAME,
    "torch conv_transpose2d": SAME,
    "SciPy gaussian_filter + slice": SAME,
    "OpenCV GaussianBlur + slice": SAME,
    "OpenCV sepFilter2D + slice": SAME,
    "OpenCV pyrDown": OTHER,
    "OpenCV INTER_AREA": OTHER,
    "torch interpolate antialias": OTHER,
    "scikit-image rescale": OTHER,
    "Pillow resize BILINEAR": OTHER,
    "Pillow reduce": OTHER,
    "kornia blur_pool2d": OTHER,
    "CuPy correlate1d + slice": SAME,
    "kornia pyrdown": OTHER,
}
FITS = {  # what each can do, where not all
    "OpenCV pyrDown": {"scales": (0.5,)},
    "kornia pyrdown": {"scales": (0.5,)},
}


@pytest.fixture
def installed(monkeypatch):
    """See that a peer's library is there. SciPy, which has the same functions, is CuPy here."""

    def see(peer):
        if peer.library == "CuPy":
            arrays = SimpleNamespace(asarray=np.asarray, asnumpy=np.asarray)
            monkeypatch.setitem(sys.modules, "cupy", arrays)
            ndimage = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed")
            monkeypatch.setitem(sys.modules, "cupyx.scipy.ndimage", ndimage)
        return _imported(peer)

    return see


def _imported(peer):
    library = LIBRARIES[peer.library]
    return pytest.importorskip(library.module, reason=f"{library.name} is not installed")


def test_labels():
    assert {p.name: p.label for p in PEERS} == LABELS


@pytest.mark.parametrize("name", LABELS)
def test_every_peer_names_a_function_that_says_what_it_is(name):
    (peer,) = (p for p in PEERS if p.name == name)
    for where in filter(None, (peer.prepare, LIBRARIES[peer.library].threads)):
        assert function_at(where).__doc__


@pytest.mark.filterwarnings("default")  # other people's
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize(
    ("peer", "dtype"),
    [(p, t) for p in PEERS for t in ("float32", "uint8") if t == "float32" or not p.adjoint],
    ids=lambda value: getattr(value, "name", value),
)
def test_claims_hold_where_a_peer_does_the_case(peer, dtype, layout, installed):
    installed(peer)
    direction = "adjoint" if peer.adjoint else "forward"
    left_out = {}
    of = case(direction, (3, 48, 80), FITS.get(peer.name, {"scales": (0.25,)})["scales"],
              layout=layout, dtype=dtype)  # fmt: skip
    for contender in peers_of(of, input_of(of), [peer], left_out):
        contender.before()
        contender.call()
        assert contender.kind == peer.label
        if peer.label == SAME:
            found = contender.check()
            assert found.holds
            assert found.of_bound <= 1
    assert left_out == {} or dtype == "uint8" or (layout == "HWC" and peer.library == "Pillow")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("peer", [p for p in PEERS if p.label == OTHER], ids=lambda p: p.name)
def test_other_filters_would_not_pass_for_the_same(peer, installed):
    installed(peer)
    of = case(size=(3, 48, 80), scales=(0.5,))
    x, module = input_of(of), importlib.import_module(LIBRARIES[peer.library].module)
    prepared = peer.prepared(module, Task(of.plans[0], x, "CHW"))
    result = prepared.view(prepared.call())
    assert not compare(of.plans[0], "forward", x, result, 100).holds


@pytest.mark.parametrize("direction", ["forward", "adjoint"])
def test_a_wrong_result_does_not_agree(direction):
    of = case(direction, (2, 24, 30), (0.5,))
    x, plan = input_of(of), of.plans[0]
    right = (plan if direction == "forward" else plan.adjoint)(x)
    found = compare(plan, direction, x, right, 10)
    assert (found.difference, found.of_bound, found.holds) == (0, 0, True)
    for wrong in (right * np.float32(1.001), np.roll(right, 1, -1), np.full_like(right, np.nan)):
        assert not compare(plan, direction, x, wrong, 10).holds


@pytest.mark.parametrize("place", [(0, 0, 0), (1, 5, 7), (1, 11, 14)])
@pytest.mark.parametrize("error", [1.0, np.nan])
def test_one_wrong_sample_is_seen_in_whichever_piece(monkeypatch, place, error):
    monkeypatch.setattr(agreement, "_PIECE", 16)
    of = case(size=(2, 24, 30))
    x, plan = input_of(of), of.plans[0]
    wrong = np.asfortranarray(plan(x))  # other strides than ours
    assert compare(plan, "forward", x, wrong, 10) == (0, 0)
    wrong[place] += error
    assert not compare(plan, "forward", x, wrong, 10).holds


def test_another_border_does_not_agree():
    of = case(size=(2, 24, 30), scales=(0.25,))
    other = aa_ref.downsample(input_of(of), 0.25, boundary="reflect")
    assert not compare(of.plans[0], "forward", input_of(of), other, 30).holds


def test_a_claim_that_does_not_hold_is_told(monkeypatch):
    (peer,) = chosen(["original torch layer"])
    peer = replace(peer, library="Pillow")

    def wrong(_peer, _library, task):
        result = task.plan(task.x) + np.float32(0.01)
        return Prepared(lambda: result, np.asarray, 10)

    pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    monkeypatch.setattr(Peer, "prepared", wrong)
    block = measure_case(case(), Run([], [peer], ["numpy"], TINY))
    row = block.find(peer.name)
    assert row.kind == "differs"
    # adding 0.01 to binary32 samples of size 1 rounds by 6e-8, 6e-6 of it
    assert row.difference == pytest.approx(0.01, rel=1e-3)
    assert row.of_bound > 1


@pytest.mark.parametrize("library", TIMED_LIBRARIES, ids=lambda lib: lib.name)
def test_a_missing_peer_is_named_and_the_run_goes_on(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library.module, None)
    peers = [p for p in [p for p in PEERS if LIBRARIES[p.library] is library] if not p.adjoint]
    block = measure_case(case(), Run([], peers, ["numpy"], TINY))
    for peer in peers:
        assert f"{library.name} is not installed" in block.left_out[peer.name]
    assert block.find("numpy")


def test_what_a_library_refuses_is_told_in_a_line(monkeypatch):
    pytest.importorskip("PIL.Image", reason="Pillow is not installed")

    def refusing(_peer, _library, _task):
        raise ArithmeticError("not today\nand more")

    monkeypatch.setattr(Peer, "prepared", refusing)
    left_out = {}
    assert peers_of(case(), input_of(case()), chosen(["Pillow reduce"]), left_out) == []
    assert left_out == {"Pillow reduce": "Pillow says: not today"}


def test_a_peer_that_takes_minutes_a_call_is_not_waited_for(monkeypatch):
    pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    (peer,), of = chosen(["Pillow resize BILINEAR"]), case(dtype="uint8", layout="HWC")
    left_out = {}
    assert len(peers_of(of, input_of(of), [peer], left_out)) == 1
    assert left_out == {}
    moments = iter([100.0, 141.0])
    monkeypatch.setattr(peer_contenders, "perf_counter", lambda: next(moments))
    assert peers_of(of, input_of(of), [peer], left_out) == []
    assert left_out == {peer.name: "too slow, one call took 41 s"}


def test_large_arrays_do_without_those_at_full_resolution():
    left_out = {}
    of = case(size=(3, 2049, 2049))
    peers = [p for p in PEERS if p.full and not p.adjoint]
    assert peers_of(of, np.zeros(1, np.float32), peers, left_out) == []
    assert all("too slow" in left_out[p.name] for p in peers)


def test_threads_are_set_for_those_that_have_them():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    before = cv2.getNumThreads()
    of = case(threads=(1, 2))
    try:
        one, two = peers_of(of, input_of(of), chosen(["OpenCV INTER_AREA"]), {})
        assert (one.threads, two.threads) == (1, 2)
        two.before()
        assert cv2.getNumThreads() == 2
        one.before()
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


def test_choosing():
    assert chosen(None) == tuple(p for p in PEERS if p.library != "CuPy")
    assert chosen(["none"]) == ()
    assert {p.library for p in chosen(["opencv"])} == {"OpenCV"}
    assert [p.name for p in chosen(["OpenCV pyrDown"])] == ["OpenCV pyrDown"]
    with pytest.raises(BenchError, match=r"'opencb'.*OpenCV"):
        chosen(["opencb"])


def test_a_pyramid_of_a_peer_has_all_levels():
    pytest.importorskip("scipy", reason="SciPy is not installed")
    of = case("pyramid", (3, 32, 32), (0.5, 0.25))
    (peer,) = peers_of(of, input_of(of), chosen(["SciPy"]), {})
    assert [y.shape for y in peer.call()] == [(3, 16, 16), (3, 8, 8)]
    assert peer.check().holds


def test_too_little_memory_leaves_a_case_out(monkeypatch):
    monkeypatch.setattr(running, "available_memory", lambda: 1000)
    block = measure_case(case(size=(3, 1024, 1024)), Run([], [], ["numpy"], TINY))
    assert block.rows == ()
    assert block.left_out == {"all": "about 96 MiB of memory needed, 0 MiB free"}


def test_too_little_memory_for_peers_leaves_them_out(monkeypatch):
    of = case(size=(3, 100, 100))
    monkeypatch.setattr(running, "available_memory", lambda: needed_memory(of) - 1)
    block = measure_case(of, Run([], chosen(None), ["numpy"], TINY))
    assert [r.name for r in block.rows] == ["copy", "limit", "numpy"]
    assert block.case == of
    assert block.left_out == {"peers": "about 2 MiB of memory needed, 2 MiB free"}


def test_a_case_that_runs_out_of_memory_leaves_the_others(monkeypatch):
    def none_left(of):
        raise MemoryError

    monkeypatch.setattr(running, "input_of", none_left)
    block = measure_case(case(), Run([], [], ["numpy"], TINY))
    assert (block.rows, block.left_out) == ((), {"all": "there was not enough memory"})
