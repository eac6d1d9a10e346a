"""``aa-ref scoreboard``: a line for each peer and scale, the page and JSON, wrong questions."""

import json

import pytest
from cli_helpers import call

from aa_ref.oracle.scoreboard import GENERATED


def test_page_and_json(tmp_path):
    page, reports = tmp_path / "board.md", tmp_path / "board.json"
    asked = ("scoreboard", "--peer", "aa_ref numpy,pillow reduce", "-s", "1/2", "--page", page)
    ending = call(*asked, "--json", reports)
    assert ending.status == 0
    ours, reduce, *written = ending.stdout.splitlines()
    assert ours.split()[-2:] == ["same", "bits"]
    assert "differs" in reduce
    assert "Pillow reduce" in reduce[len("Pillow reduce") :]
    assert written == [f"wrote {page}", f"wrote {reports}"]
    assert page.read_text("utf-8").startswith(GENERATED)
    assert [row["scale"] for row in json.loads(reports.read_text("utf-8"))["rows"]] == ["1/2"] * 2
    again = call("scoreboard", "--peer", "aa_ref cuda", "-s", "1/2", "--page", page)
    assert again.status == 0, "what was generated may be replaced"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--peer", "gimp"], "peer is 'gimp', which is none"),
        (["--scale", "x"], "--scale is 'x'"),
        (["--scale", "0"], "scale"),
        (["--page", "a.md", "--json", "a.md"], "give each a file of its own"),
        (["--page", "nowhere/a.md"], "there is no folder"),
    ],
)
def test_wrong_questions_are_refused(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ending = call("scoreboard", "--peer", "aa_ref numpy", "--scale", "1/2", *arguments)
    assert ending.status in (1, 2)
    assert ending.stdout == ""
    assert words in ending.stderr


def test_a_page_by_hand_is_kept(tmp_path):
    page = tmp_path / "mine.md"
    page.write_text("# Mine\n", "utf-8")
    ending = call("scoreboard", "--peer", "aa_ref numpy", "--page", page)
    assert (ending.status, ending.stdout) == (1, "")
    assert page.read_text("utf-8") == "# Mine\n"
