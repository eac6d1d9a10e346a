"""Results: to JSON and back, as tables, as a page, as a picture, against the targets."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bench_helpers import GPU, block, case, on_gpu, results, row

from aa_ref.bench.errors import BenchError
from aa_ref.bench.page import GENERATED, page_of
from aa_ref.bench.plots import digest_of, draw, panels_of, require_growth
from aa_ref.bench.results import SCHEMA, Block, Results, repeated
from aa_ref.bench.tables import cost_against, left_out, one_case, peers_against_ours
from aa_ref.bench.targets import Outcome, outcomes_of
from aa_ref.bench.yardsticks import COMPILED, LOOPS

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "performance.svg"
PAGE, STORED = ROOT / "docs" / "performance.md", sorted((ROOT / "docs" / "results").glob("*.json"))
BATCH, PHOTO, LARGE = (24, 1024, 1024), (3, 2048, 2048), (3, 4096, 4096)


def sample():
    peers = [
        row("SciPy gaussian_filter + slice", "same result", 60.0, 1, difference=1e-7, of_bound=0.1),
        row("OpenCV sepFilter2D + slice", "differs", 3.0, difference=2.0, of_bound=1.9),
        row("OpenCV INTER_AREA", "other filter", 0.8),
    ]
    sides = [block(case(size=(3, n, n)), 1.5, 0.5 * n, *peers) for n in (8, 16, 32, 64)]
    threads = block(
        case("pyramid", scales=(0.5, 0.25), threads=(1, 2)), 2.0, 1.0,
        row("numba", "ours", 3.9, 1), row("copy", "copy", 1.9, 1),
        left_out={"kornia pyrdown": "kornia is not installed"},
    )  # fmt: skip
    return results(*sides, threads)


def test_json_there_and_back():
    text = sample().to_json()
    assert Results.from_json(text, "text") == sample()
    assert Results.from_json(text, "text").to_json() == text
    assert json.loads(text)["schema"] == SCHEMA


def test_json_keeps_the_gpu():
    of = case(size=(96, 1024, 1024), threads=(1,))
    run = on_gpu(Block(of, (row("copy", "copy", 1.6, 1), row("cuda", "ours", 1.25, 1))))
    assert json.loads(run.to_json())["machine"]["gpu"] == GPU
    again = Results.from_json(run.to_json(), "text")
    assert (again, again.on_gpu, again.measured_on) == (run, True, GPU["name"])
    assert (sample().on_gpu, sample().measured_on) == (False, "A processor")


def test_code_for_another_processor_is_said():
    run = sample()
    other = replace(run, machine=run.machine | {"compiled_for": "haswell"})
    assert other.measured_on == "A processor, compiled for haswell"
    assert replace(run, machine=run.machine | {"compiled_for": None}).measured_on == "A processor"


def test_json_holds_what_a_reader_needs():
    data = json.loads(sample().to_json())
    assert {
        "schema",
        "date",
        "command",
        "machine",
        "versions",
        "effort",
        "blocks",
        "planned",
    } == data.keys()
    for b in data["blocks"]:
        for r in b["rows"]:
            assert {"name", "kind", "threads", "median", "lower", "upper", "rounds"} <= r.keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "mine.json holds no results"),
        ("[1]", "holds no results"),
        ("3", "holds no results"),
        ('{"schema": 99}', "schema 99, this version reads 1"),
        ('{"schema": 1}', "is damaged"),
        (sample().to_json().replace('"median"', '"mean"'), "is damaged"),
        (
            '{"schema": 1, "date": 1, "command": 2, "machine": 3, "versions": 4, "effort": 5, '
            '"blocks": []}',
            "is damaged",
        ),
        (
            '{"schema": 1, "date": "", "command": "", "machine": {}, "versions": {}, "effort": {}, '
            '"blocks": []}',
            "is damaged",
        ),
    ],
)
def test_wrong_json_is_refused(text, message):
    with pytest.raises(BenchError, match=message):
        Results.from_json(text, "mine.json")


def test_table_of_a_case():
    table = one_case(sample().blocks[0])
    cells = {r[0]: r for r in table.rows}
    assert cells["numba"][3:6] == ("1.5", "1.35–1.65", "1")
    assert cells["OpenCV INTER_AREA"][5] == "0.533"
    assert cells["SciPy gaussian_filter + slice"][5] == "40"
    assert cells["SciPy gaussian_filter + slice"][-1] == "1e-07, 0.1 of bound"
    assert cells["numba"][6] == f"{4 * 0.625 / 1.5:.3g}"


def test_cost_against_size_and_threads():
    (size,) = cost_against(sample(), "size")
    assert [r[0] for r in size.rows] == ["3×8²", "3×16²", "3×32²", "3×64²"]
    (threads,) = cost_against(sample(), "threads")
    assert [(r[0], r[-1]) for r in threads.rows] == [("1", "1"), ("2", "1.95")]
    assert cost_against(sample(), "stride") == []


def test_peers_beside_each_other_by_size():
    (table,) = peers_against_ours(sample())
    assert table.headings[2:] == ("3×8²", "3×16²", "3×32²", "3×64²")
    gives = {r[0]: r[1] for r in table.rows}
    assert gives["OpenCV sepFilter2D + slice"] == "same filter, but differs by 2"
    assert gives["OpenCV INTER_AREA"] == "other filter"


def test_peers_beside_each_other_by_scale():
    peer = row("OpenCV INTER_AREA", "other filter", 3.0)
    blocks = [block(case(scales=(s,)), 1.0, 1.0, peer) for s in (0.25, 0.5)]
    (table,) = peers_against_ours(results(*blocks))
    assert table.headings[2:] == ("s = 0.5", "s = 0.25")
    assert table.rows[1][2] == "3× (3 ms)"


def test_who_was_left_out():
    assert left_out(sample()) == [("kornia pyrdown", "kornia is not installed", 1)]


def test_the_page_says_all():
    page = page_of([sample()])
    assert page.startswith(GENERATED)
    for words in ("A processor", "aa-ref bench --page", "kornia not installed", "not measured",
                  "GPUs: no result", "`aa-ref bench --quick`", "| kornia pyrdown |"):  # fmt: skip
        assert words in page
    assert page_of([Results.from_json(sample().to_json(), "")]) == page


def test_the_page_explains_its_labels():
    page = page_of([sample()])
    for label in ("same result", "differs", "other filter"):
        assert f"- **{label}**: " in page
    for word in ("**Floor.**", "**Cases.**", "stride is 4"):
        assert word in page


def test_targets_of_several_runs_stand_beside_each_other():
    runs = [results(block(case(size=BATCH), ours, limit=5.0), date=date)
            for ours, date in ((5.0, "2026-01-01"), (10.0, "2026-01-02"))]  # fmt: skip
    page = page_of(runs)
    assert page.count("## Targets") == 1
    for line in ("| target | wanted | run 1 | run 2 |",
                 "| forward 24×1024² CHW at 0.5: limit / ours | ≥ 0.75 | 1, met | 0.5, not met |",
                 "| met |  | 1 of 1 measured | 0 of 1 measured |"):  # fmt: skip
        assert f"\n{line}\n" in page


def test_a_run_within_another_has_no_section_of_its_own():
    wide = results(*(block(case(size=(3, n, n))) for n in (8, 16)), date="2026-01-01")
    narrow = results(block(case(size=(3, 8, 8))), date="2026-01-02", command="aa-ref bench few")
    page = page_of([narrow, wide])
    assert "\n## A processor, 2026-01-01\n" in page
    assert "\n## A processor, 2026-01-02\n" not in page
    row = (
        "| 1 | 2026-01-02 | A processor | `aa-ref bench few` | 1, all of them in another run too |"
    )
    assert row in page
    for different in (on_gpu(block(case(size=(3, 8, 8)))), results(block(case(size=(3, 9, 9))))):
        assert not repeated(different, [different, wide])
    again = results(*wide.blocks, date="2026-01-03")
    assert [repeated(run, [wide, again]) for run in (wide, again)] == [True, False]


def test_what_was_not_measured_has_no_empty_section():
    page = page_of([results(block(case()))])
    assert "### Against the floor" in page
    assert "### Cost against" not in page
    assert "### Against peers" not in page


def test_the_page_has_a_section_for_each_gpu():
    of = case(size=(96, 1024, 1024), threads=(1,))
    peer = row("torch strided conv2d", "same result", 8.0, 1)
    gpu = on_gpu(Block(of, (row("copy", "copy", 1.6, 1), row("cuda", "ours", 1.25, 1), peer)))
    page = page_of([sample(), gpu])
    before, _, section = page.partition("\n## A GPU, compute capability 9.0, 2026-01-02")
    assert "\n## A processor, " in before
    for words in ("| GPU | A GPU", "100, at 2 GHz at most", "| 50 MiB |", "| 80 GiB |",
                  "580.95.05, for CUDA 13.0", "| CUDA toolkit | 13.1 |", "| processor | A proc",
                  "by events before and after", "6.4× (8 ms)"):  # fmt: skip
        assert words in section
    assert "| 96×1024² at 0.5: torch strided conv2d / ours | ≥ 3 | 6.4, met |" in before
    assert "Cost against threads" not in section
    assert "no result here comes from one" not in page
    assert page_of([Results.from_json(r.to_json(), "") for r in (sample(), gpu)]) == page


def test_the_page_says_plainly_that_no_gpu_was_measured():
    _, _, section = page_of([sample()]).partition("## Not measured")
    assert "GPUs: no result here comes from one. The CUDA backend's speed is not known." in section
    only_gpu = page_of([on_gpu()]).partition("## Not measured")[2]
    assert "Processors" in only_gpu
    assert "GPUs" not in only_gpu


def test_a_driver_that_is_not_known():
    run = on_gpu()
    run.machine["gpu"]["driver"] = None
    assert "| driver | version not known, for CUDA 13.0 |" in page_of([run])


def test_the_page_in_docs_is_what_its_results_give():
    if not PAGE.exists():
        assert not STORED
        return
    runs = [Results.from_json(p.read_text("utf-8"), p.name) for p in STORED]
    picture = PICTURE.name if PICTURE.exists() else None
    again = (
        "run: aa-ref bench --page docs/performance.md --plot docs/performance.svg --overwrite "
        "docs/results/*.json"
    )
    assert PAGE.read_text("utf-8") == page_of(runs, picture), again
    if picture:
        assert digest_of(runs) in PICTURE.read_text("utf-8"), again


def test_panels_of_the_picture():
    size, threads = panels_of(sample())
    assert (size.quantity, threads.quantity) == ("size", "threads")
    assert list(size.ticks.values()) == ["3×8²", "3×16²", "3×32²", "3×64²"]
    samples = [3 * n * n for n in (8, 16, 32, 64)]
    assert size.lines["numba"] == [(n, pytest.approx(1.5e6 / n)) for n in samples]
    assert {"floor", "SciPy gaussian_filter + slice"} < size.lines.keys()
    assert threads.lines["numba"] == [
        (1, pytest.approx(3.9e6 / 960)),
        (2, pytest.approx(2e6 / 960)),
    ]
    assert "copy" not in size.lines


def test_a_few_points_are_drawn_where_nothing_has_many():
    scales = [block(case(scales=(s,))) for s in (0.25, 0.75, 0.5)]
    (panel,) = panels_of(results(*scales))
    assert panel.title == "forward, 3×16×20, CHW, float32, 2 threads"
    assert panel.ticks == {1: "1 (s = 0.75)", 2: "2", 4: "4"}
    many = [block(case(size=(3, n, n))) for n in (8, 16, 32, 64)]
    assert [p.quantity for p in panels_of(results(*scales, *many))] == ["size"]


@pytest.mark.parametrize(
    ("cases", "enough"),
    [
        ([case()], False),
        ([case(), case(dtype="uint8"), case("adjoint", (3, 8, 8)), case(layout="HWC")], False),
        ([case(), case(size=(3, 8, 8), scales=(0.25,))], False),
        ([case(), case(size=(3, 8, 8))], True),
        ([case(), case(scales=(0.25,))], True),
        ([case(threads=(1, 2))], True),
        ([case("pyramid", scales=(0.5, 0.25)), case("pyramid", (3, 8, 8), (0.5, 0.25))], True),
    ],
)
def test_what_can_be_drawn_is_known_before(cases, enough):
    if enough:
        require_growth(cases)
        return
    with pytest.raises(BenchError, match="--size 256,512,1024"):
        require_growth(cases)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_picture_is_drawn(kind, magic):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    assert draw([sample()], kind).startswith(magic)
    apart = [results(block(case())), results(block(case(size=(3, 8, 8))))]
    for runs in (apart, [results(block(case()), Block(case(size=(3, 8, 8)), ()))]):
        with pytest.raises(BenchError, match="--plot needs"):
            draw(runs, kind)


@pytest.mark.filterwarnings("default")
def test_the_picture_names_all_and_tells_what_they_give():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    text = draw([sample()], "svg").decode()
    for label in ("floor", "numba", "OpenCV INTER_AREA (other filter)", "3×64²", "A processor",
                  "OpenCV sepFilter2D + slice (differs)", "Cost against threads"):  # fmt: skip
        assert label in text


def outcome(run, start):
    """The first one that begins so and was measured, or else the first."""
    found = [o for o in outcomes_of(run) if o.what.startswith(start)]
    return next((o for o in found if o.measured is not None), found[0])


def test_targets_are_all_there_and_say_what_was_not_measured():
    found = outcomes_of(results())
    assert len({o.what for o in found}) == len(found) == 69
    assert {(o.measured, o.met) for o in found} == {(None, None)}


@pytest.mark.parametrize(
    ("run", "start", "measured", "met"),
    [
        (block(case(size=BATCH), 5.0, limit=5.0), "forward 24×1024² CHW at 0.5", 1.0, True),
        (block(case(size=BATCH), 10.0, limit=5.0), "forward 24×1024² CHW at 0.5", 0.5, False),
        (block(case("adjoint", LARGE, layout="HWC"), 6.25, limit=5.0),
         "adjoint 3×4096² HWC at 0.5", 0.8, True),
        (block(case("pyramid", BATCH, (0.5, 0.25, 0.125)), 3.0, limit=1.2),
         "pyramid 24×1024² CHW: limit", 0.4, False),
        (block(case("pyramid", BATCH, (0.5, 0.25, 0.125)), 3.0, 8.0,
               row("numba, largest level alone", "yardstick", 2.0)),
         "pyramid 24×1024² CHW: all", 1.5, True),
        (block(case(size=PHOTO, layout="HWC", dtype="uint8"), 2.0, 1.0,
               row("OpenCV pyrDown", "other filter", 3.0)),
         "2048×2048×3 uint8 at 0.5", 1.5, True),
        (block(case(size=PHOTO), 2.0, 1.0, row("a", "same result", 9.0, 1),
               row("b", "same result", 3.0), row("c", "differs", 1.0)),
         "3×2048² CHW at 0.5: fastest peer", 1.5, False),
        (block(case(size=PHOTO, scales=(0.125,)), 2.0, 1.0,
               row("original torch layer", "same result", 600.0)),
         "3×2048² at 0.125: original", 300.0, True),
        (block(case(size=(3, 256, 256), scales=(0.25,)), 0.05, 1.0,
               row(LOOPS, "yardstick", 0.06, 1)),
         "3×256² at 0.25: specialised", 1.2, True),
        (block(case(size=(3, 256, 256), scales=(0.25,)), 0.05, 1.0,
               row(COMPILED, "yardstick", 0.04, 1)),
         "3×256² at 0.25: a call beyond", 10.0, False),
        (block(case(size=(3, 256, 256), scales=(0.25,)), 0.05),
         "3×256² at 0.25: a call", 50.0, False),
        (block(case(size=BATCH, threads=(1, 2)), 2.0, 1.0, row("numba", "ours", 3.8, 1),
               row("limit", "limit", 2.0, 1)),
         "24×1024² at 0.5: one thread", 0.95, True),
    ],
)  # fmt: skip
def test_targets(run, start, measured, met):
    found = outcome(results(run), start)
    assert found.measured == pytest.approx(measured)  # quotients of times, in binary64
    assert found.met is met


def test_targets_are_about_two_threads():
    run = results(block(case(size=BATCH, threads=(4,)), 1.0, 8.0))
    assert outcome(run, "forward 24×1024² CHW at 0.5").met is None


def test_at_most():
    assert Outcome("w", 8.0, 7.0, at_most=True).met
    assert not Outcome("w", 8.0, 9.0, at_most=True).met
