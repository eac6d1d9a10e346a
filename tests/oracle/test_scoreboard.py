"""The scoreboard: known libraries are judged and named, what cannot be asked says why."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import aa_ref
from aa_ref.oracle.conventions import CONVENTIONS, Extent, Match
from aa_ref.oracle.errors import OracleError
from aa_ref.oracle.scoreboard import (
    GENERATED,
    PEERS,
    SCALES,
    Peer,
    chosen,
    page_of,
    rows_of,
    summary_of,
)  # fmt: skip
from aa_ref.peers import LIBRARIES, SAME, Library

PAGE = Path(aa_ref.__file__).parents[1] / "docs" / "scoreboard.md"
VERDICTS = ("same bits", "within the bound", "differs", "not offered", "not available")
ABSENT = Peer("somebody's", "absent", "f(x)", SAME, "own:backend", {"name": "numpy"})


def tables(page):
    """The cells of each table of a page, by the heading that it stands below."""
    found, heading = {}, None
    for line in page.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| "):
            cells = re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |"))
            found.setdefault(heading, []).append(cells)
    return found


@pytest.fixture(scope="module")
def board():
    """One that passes, one that does not, one that has no such scale, one that is not there."""
    pytest.importorskip("PIL", reason="Pillow is one of the peers")
    peers = [*chosen(["aa_ref numpy", "pillow reduce"]), ABSENT]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LIBRARIES, "absent", Library("absent", "", "a_module_that_is_not_there"))
        return summary_of(list(rows_of(peers, [0.5])))


def test_verdicts(board):
    ours, reduce, absent = board.rows
    assert (ours.verdict, ours.convention.name, ours.codes) == ("same bits", "slice (2020)", ())
    assert (reduce.verdict, reduce.convention.name) == ("differs", "Pillow reduce")
    assert reduce.report.match.extent == Extent.WHOLE
    assert {"sigma"} <= set(reduce.codes)
    assert absent.verdict == "not installed"
    assert "a_module_that_is_not_there" in absent.details
    assert absent.convention is None


@pytest.mark.parametrize(
    ("extent", "follows"),
    [
        (Extent.WHOLE, "Pillow BOX"),
        (Extent.INNER, "Pillow BOX, clear of the ends"),
        (Extent.FILTER, "Pillow BOX, but for the size"),
    ],
)
def test_how_far_a_convention_is_followed(board, extent, follows):
    (convention,) = [c for c in CONVENTIONS if c.name == "Pillow BOX"]
    reduce = board.rows[1]
    report = replace(reduce.report, match=Match(convention, extent, "whatever is *said*"))
    assert replace(reduce, report=report).follows == follows


def test_page(board):
    page = page_of(board)
    assert page.startswith(GENERATED + "\n")
    found = tables(page)
    (heading, *lines) = found["Scale 0.5"]
    assert [line[:2] for line in lines] == [
        ["aa_ref numpy", "same bits"],
        ["Pillow reduce", "differs"],
        ["somebody's", "not installed"],
    ]
    assert all(len(line) == len(heading) for line in lines)
    assert lines[0][-2:] == ["untouched", "same"]
    assert found["At a glance"][2] == ["Pillow reduce", "differs", "Pillow reduce"]
    assert "`sigma`: along H and W" in page
    assert ["absent", "not installed"] in found["Made with"]
    assert {line.rstrip() == line for line in page.splitlines()} == {True}


def test_json(board):
    read = json.loads(json.dumps(board.to_dict(), allow_nan=False))
    ours, reduce, absent = read["rows"]
    assert ours["report"]["passed"]
    assert reduce["report"]["findings"][0]["code"] in reduce["report"]["findings"][0].values()
    assert reduce["convention"] == "Pillow reduce"
    assert absent["report"] is None
    assert read["versions"]["NumPy"] == np.__version__


def test_the_page_in_docs_has_every_peer_and_scale():
    """It is made anew when a peer is added: `aa-ref scoreboard --page docs/scoreboard.md`."""
    found = tables(PAGE.read_text("utf-8"))
    names = [peer.name for peer in PEERS]
    assert [line[0] for line in found["At a glance"][1:]] == names
    for scale in SCALES:
        assert [line[0] for line in found[f"Scale {scale}"][1:]] == names
        for _, verdict, _, follows, *_ in found[f"Scale {scale}"][1:]:
            assert verdict in VERDICTS
            assert (follows == "–") == verdict.startswith("not "), "what differs follows somebody"
            assert (follows == "slice (2020)") == (verdict in ("same bits", "within the bound"))
    for peer in PEERS:
        assert f"### {peer.name}\n\n`{peer.call}`\n" in PAGE.read_text("utf-8")


def test_peers_can_be_chosen_by_name_and_library():
    assert {p.library for p in chosen(["SciPy", " opencv"])} == {"SciPy", "OpenCV"}
    assert [p.name for p in chosen(["opencv PYRDOWN"])] == ["OpenCV pyrDown"]
    assert chosen(None) == PEERS
    with pytest.raises(OracleError, match="peer is 'gimp', which is none; write a library"):
        chosen(["gimp"])


def test_names_are_unique_and_without_commas():
    names = [p.name for p in PEERS]
    assert len(set(names)) == len(names)
    assert not [name for name in names if "," in name]


def test_what_only_halves_says_so():
    pytest.importorskip("cv2", reason="it is OpenCV's")
    (row,) = rows_of(chosen(["OpenCV pyrDown"]), [0.16])
    assert (row.verdict, row.details) == ("not offered", "it halves and nothing else")
