"""The README and the documents tell the truth: their code runs, what they name exists."""

import contextlib
import io
import os
import re
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import aa_ref
from aa_ref import boundary, errors, filters

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = ROOT / "README.md"
SPEC = ROOT / "docs" / "spec.md"
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?:\.?[\w-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml|yaml)|LICENSE")
INSTALLS = (
    "pip install '.[cli]' && aa-ref demo",
    "pip install -e '.[test]' -c tests/constraints.txt && pytest",
)


class Block(NamedTuple):
    language: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a document, dedented."""
    text = path.read_text("utf-8")
    return [
        Block(
            m[2], re.sub(f"^{m[1]}", "", m[3], flags=re.MULTILINE), text.count("\n", 0, m.start())
        )
        for m in FENCE.finditer(text)
    ]


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", path.read_text("utf-8"))


def ids(value: Any) -> str | None:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else None


def python_with_output(path: Path) -> list[tuple[Block, str]]:
    """Each python block and what it says it prints.

    That is the ``text`` block just below, or else the comments behind its calls of ``print``.
    """
    text, found, all_blocks = path.read_text("utf-8"), [], blocks(path)
    for block, below in pairwise([*all_blocks, Block("", "", -1)]):
        if block.language != "python":
            continue
        gap = text.split("\n")[block.line + block.text.count("\n") + 2 : below.line]
        if below.language == "text" and not "".join(gap).strip():
            found.append((block, below.text))
        else:
            comments = re.findall(r"^print\(.*\)  # (.*\n)", block.text, re.MULTILINE)
            found.append((block, "".join(comments)))
    return found


def squeezed(table: str) -> list[list[str]]:
    """The cells of a markdown table, without its head."""
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.split("\n")[2:]]


def table_after(path: Path, heading: str) -> list[list[str]]:
    """The cells of the table whose head starts with ``heading``."""
    text = path.read_text("utf-8")
    start = text.index(f"\n| {heading}") + 1
    return squeezed(text[start : text.index("\n\n", start)])


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if python_with_output(p)], ids=ids)
def test_python_blocks_print_what_they_say(path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "document"}
    threads = aa_ref.get_num_threads()
    try:
        for block, expected in python_with_output(path):
            if re.search(r"^import torch$", block.text, re.MULTILINE):
                pytest.importorskip("torch")
            printed = io.StringIO()
            code = compile("\n" * (block.line + 1) + block.text, str(path), "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, namespace)
            assert printed.getvalue() == expected, f"{path.name}, line {block.line + 1}"
    finally:
        aa_ref.set_num_threads(threads if "AA_REF_NUM_THREADS" in os.environ else None)


def test_the_documents_have_python_blocks_with_output() -> None:
    assert sum(bool(expected) for _, expected in python_with_output(README)) >= 12
    assert sum(bool(expected) for _, expected in python_with_output(SPEC)) >= 4


def test_readme_shows_what_print_of_a_plan_shows() -> None:
    texts = [b.text for b in blocks(README) if b.language == "text"]
    assert f"{aa_ref.plan((3, 256, 256), 0.25)}\n" in texts


@pytest.mark.parametrize("command", INSTALLS)
def test_readme_has_each_install_command_in_a_block_of_its_own(command: str) -> None:
    assert [b.text for b in blocks(README) if b.language == "sh"].count(command + "\n") == 1


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), f"{path.name} links {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in anchors, f"{path.name} links {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_files_named_exist(path: Path) -> None:
    """Paths and file names in inline code, seen from the root or from ``tests/data``."""
    for code in re.findall(r"`([^`\n]+)`", prose(path)):
        if FILE.fullmatch(code):
            places = [ROOT / code, ROOT / "tests" / "data" / code]
            assert any(place.exists() for place in places), f"{path.name} names {code}"


def test_files_named_in_the_map_of_the_house_exist() -> None:
    path = ROOT / "docs" / "contributing.md"
    (house,) = [b.text for b in blocks(path) if b.text.startswith("aa_ref/\n")]
    folder, seen = ROOT, 0
    for line in house.splitlines():
        name = line.split()[0]
        if line.startswith(" "):
            assert (folder / name).exists(), f"{folder.name}/{name}"
            seen += 1
        else:
            folder = ROOT / name
            assert folder.exists(), name
    assert seen >= 12


def test_every_module_is_on_the_map_of_the_house() -> None:
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    package = ROOT / "aa_ref"
    rooms = [p.name for p in package.glob("[a-z]*.py")]
    rooms += [f"{p.parent.name}/" for p in package.glob("*/__init__.py")]
    missing = [room for room in rooms if not re.search(rf"^  {re.escape(room)} ", text, re.M)]
    assert not missing


def aa_ref_command(*arguments: str, cwd: Path) -> str:
    """What the command prints; it must succeed."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", "from aa_ref.cli import main; main()", *arguments],
        env=environment, cwd=cwd, capture_output=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands() -> list[list[str]]:
    """The arguments of each ``aa-ref`` line in the README's sh blocks, but for installations."""
    return [
        line.split()[1:]
        for block in blocks(README)
        for line in block.text.splitlines()
        if block.language == "sh" and line.startswith("aa-ref ")
    ]


def test_commands_and_options_named_in_readme_exist(tmp_path: Path) -> None:
    pytest.importorskip("typer")
    subcommands = {arguments[0] for arguments in commands()}
    assert subcommands == {"run", "plan", "info", "compile", "demo", "check"}
    helps = {name: aa_ref_command(name, "--help", cwd=tmp_path) for name in subcommands}
    for name, *rest in commands():
        for option in rest:
            if option.startswith("-"):
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", helps[name]), f"{name} {option}"
    for option in re.findall(r"`[^`\n]*?(--[a-z-]+)[^`\n]*`", prose(README)):
        assert any(re.search(rf"(?<![\w-]){option}(?![\w-])", h) for h in helps.values()), option


def test_readme_commands_run(tmp_path: Path) -> None:
    """All but the demonstration, which has tests of its own."""
    pytest.importorskip("typer")
    image = pytest.importorskip("PIL.Image")
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    image.fromarray(picture).save(tmp_path / "photo.jpg")
    (tmp_path / "photos").mkdir()
    image.fromarray(picture).save(tmp_path / "photos" / "one.png")
    port = "import aa_ref\n\n\ndef downsample(x):\n    return aa_ref.downsample(x, 0.25)\n"
    (tmp_path / "my_port.py").write_text(port, "utf-8")
    for arguments in commands():
        if arguments[0] != "demo":
            printed = aa_ref_command(*arguments, cwd=tmp_path)
            if arguments[0] == "plan":
                assert str(aa_ref.plan((3, 256, 256), Fraction(1, 4))) in printed
            if arguments[0] == "check":
                assert printed.startswith("my_port:downsample: passed")
    for result in ("small.png", "small/one.png"):
        with image.open(tmp_path / result) as small:
            assert small.size == (15, 10)


def test_readme_lists_the_backends() -> None:
    named = [row[0].strip('`"') for row in table_after(README, "`backend=`")]
    assert named == [backend.name for backend in aa_ref.list_backends()]


def test_example_scales_of_the_spec() -> None:
    rows = table_after(SPEC, "scale | 1/s")
    assert len(rows) >= 12
    for text, *shown in rows:
        scale = filters.as_scale(eval(text, {"Fraction": Fraction}))
        sigma = filters.sigma_of(scale)
        radius = filters.radius_of(sigma)
        taps = filters.taps_of(sigma, np.dtype(np.float32)).size
        facts = (1 / scale, filters.stride_of(scale), sigma, 4 * sigma, radius, taps)
        assert shown == [str(fact) for fact in facts], text


def test_other_names_of_boundaries_in_the_spec() -> None:
    found: dict[str, dict[str, str]] = {library: {} for library in boundary.OTHER_NAMES}
    for here, *there in table_after(SPEC, "here |"):
        for library, words in zip(found, there, strict=True):
            found[library] |= dict.fromkeys(re.findall(r"`(.*?)`", words), here.strip("`"))
    assert found == boundary.OTHER_NAMES


def test_errors_of_the_spec() -> None:
    rows = table_after(SPEC, "exception |")
    names = [row[0].strip("`") for row in rows]
    assert sorted([*names, "AaRefError"]) == sorted(errors.__all__)
    for row in rows:
        bases = {base.__name__ for base in getattr(errors, row[0].strip("`")).__bases__}
        assert {"AaRefError", *re.findall(r"`(\w+)`", row[1])} == bases, row[0]


def test_changelog_knows_this_version() -> None:
    text = (ROOT / "docs" / "changelog.md").read_text("utf-8")
    assert re.search(rf"^## \[{re.escape(aa_ref.__version__)}\]", text, re.MULTILINE)
