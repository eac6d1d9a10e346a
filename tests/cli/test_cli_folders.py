"""Folders, several files and patterns: names, the record, what is resumed, what is refused."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import PHOTOS, call, expected, pixels_of, samples
from PIL import Image

import aa_ref
from aa_ref.cli import batch, selection
from aa_ref.cli import output as output_module

PHOTO = PHOTOS / "motorcycle_left.png"
SMALL = ("--scale", "1/4", "--backend", "numpy")


def save(path, shape=(40, 56, 3), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(samples(shape, seed=seed)).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    """A folder with three pictures, an array, and a file that is none of it."""
    folder = tmp_path / "photos"
    save(folder / "a.png", seed=1)
    save(folder / "sub" / "b.png", (30, 20), seed=2)
    save(folder / "sub" / "deep er" / "c.tif", seed=3)
    np.save(folder / "d.npy", samples((33, 21), "float32"))
    (folder / "notes.txt").write_text("no picture")
    return folder


def run(inputs, output, *options, scale="1/4"):
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    return call("run", *inputs, "-o", output, "--scale", scale, "--backend", "numpy", *options)


def results(folder):
    """The names and bytes of all files in a folder, the record apart."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".aa_ref" not in path.parts
    }


def lines_of(ending):
    return {Path(line["input"]).name: line for line in map(json.loads, ending.stdout.splitlines())}


@pytest.mark.parametrize("jobs", ["1", "2", "5"])
def test_a_folder_is_mirrored(tmp_path, photos, jobs):
    out = tmp_path / "small"
    ending = run(photos, out, "--jobs", jobs)
    assert ending.status == 0, ending.stderr
    assert list(results(out)) == ["a.png", "d.npy", "sub/b.png", "sub/deep er/c.tif"]
    for name in ("a.png", "sub/b.png", "sub/deep er/c.tif"):
        np.testing.assert_array_equal(pixels_of(out / name), expected(pixels_of(photos / name)))
    array = np.load(photos / "d.npy")
    np.testing.assert_array_equal(np.load(out / "d.npy"), aa_ref.downsample(array, 0.25))
    *lines, last = ending.stdout.splitlines()
    assert sum("boundary reflect" in line for line in lines) == 3
    assert sum("boundary zeros" in line for line in lines) == 1
    assert last.startswith("4 done, 0 kept, 0 failed, 1 file that is no picture passed over; ")


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        (["photos/a.png", "photos/d.npy"], ["a.png", "d.npy"]),
        (["photos/a.png", "photos/a.png", "photos/d.npy"], ["a.png", "d.npy"]),
        (["photos/a.png", "photos/sub"], ["a.png", "sub/b.png", "sub/deep er/c.tif"]),
        (["photos/*.png"], ["a.png"]),
        (["photos/**/*.png"], ["a.png", "sub/b.png"]),
        (["photos/s*"], ["sub/b.png", "sub/deep er/c.tif"]),
        (["photos/sub/../[a]*"], ["a.png"]),
        (["photos/*/", "photos/?.npy"], ["d.npy", "sub/b.png", "sub/deep er/c.tif"]),
        (["photos/a.png"], ["a.png"]),
    ],
)
def test_several_files_and_patterns(tmp_path, photos, monkeypatch, inputs, wanted):
    monkeypatch.chdir(tmp_path)
    ending = run(inputs, "small/")
    assert ending.status == 0, ending.stderr
    assert list(results(tmp_path / "small")) == wanted


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    save(tmp_path / "a[1].png")
    save(tmp_path / "a1.png", seed=1)
    assert run(tmp_path / "a[1].png", tmp_path / "o.png").status == 0
    assert pixels_of(tmp_path / "o.png").shape == (10, 14, 3)


def test_a_format_gives_its_suffix(tmp_path, photos):
    (photos / "d.npy").unlink()
    assert run(photos, tmp_path / "small", "--format", "webp").status == 0
    assert list(results(tmp_path / "small")) == ["a.webp", "sub/b.webp", "sub/deep er/c.webp"]


def test_one_file_into_a_folder_that_is_there(tmp_path, photos):
    (tmp_path / "small").mkdir()
    assert run(photos / "a.png", tmp_path / "small").status == 0
    assert list(results(tmp_path / "small")) == ["a.png"]


def changed(photos, out, before):
    """Run again and tell which inputs were done."""
    ending = run(photos, out, "--json")
    assert ending.status == 0, ending.stderr
    assert results(out) == before
    return {name for name, line in lines_of(ending).items() if line["status"] == "done"}


def test_the_same_command_again_makes_what_is_missing_or_old(tmp_path, photos):
    out = tmp_path / "small"
    run(photos, out)
    before, record = results(out), (out / ".aa_ref" / "record.jsonl").read_bytes()
    assert changed(photos, out, before) == set()
    (out / "sub" / "b.png").unlink()
    assert changed(photos, out, before) == {"b.png"}
    (out / "a.png").write_bytes(b"")  # as a power cut may leave it
    assert changed(photos, out, before) == {"a.png"}
    assert (out / ".aa_ref" / "record.jsonl").read_bytes() == record
    os.utime(photos / "d.npy", ns=(5, 5))
    assert changed(photos, out, before) == {"d.npy"}
    save(photos / "a.png", seed=9)
    assert lines_of(run(photos, out, "--json"))["a.png"]["status"] == "done"
    np.testing.assert_array_equal(pixels_of(out / "a.png"), expected(pixels_of(photos / "a.png")))


@pytest.mark.parametrize(
    ("options", "done"),
    [
        ((), 0),
        (("--jobs", "3", "--threads", "2"), 0),
        (("--sampling", "nearest"), 4),
        (("--boundary", "reflect"), 4),
        (("--sigma", "1"), 4),
    ],
)
def test_other_parameters_make_results_anew(tmp_path, photos, options, done):
    run(photos, tmp_path / "small", scale="1/4")
    ending = run(photos, tmp_path / "small", *options, scale="0.25")
    assert ending.status == 0, ending.stderr
    assert ending.stdout.splitlines()[-1].startswith(f"{done} done, {4 - done} kept, 0 failed")


def test_what_the_record_does_not_know_is_kept(tmp_path, photos):
    out = tmp_path / "small"
    save(out / "a.png", (7, 5), seed=5)
    mine = (out / "a.png").read_bytes()
    ending = run(photos, out)
    assert ending.status == 1
    assert (out / "a.png").read_bytes() == mine
    assert "1 file failed" in ending.stderr
    assert f"  {photos / 'a.png'}: {out / 'a.png'} exists" in ending.stderr
    assert "--overwrite" in ending.stderr
    assert run(photos, out, "--overwrite").status == 0
    np.testing.assert_array_equal(pixels_of(out / "a.png"), expected(pixels_of(photos / "a.png")))


def test_a_result_that_somebody_changed_is_kept(tmp_path, photos):
    out = tmp_path / "small"
    run(photos, out)
    save(out / "a.png", (7, 5), seed=5)
    mine = (out / "a.png").read_bytes()
    ending = run(photos, out, scale="1/2")
    assert ending.status == 1
    assert ending.stdout.splitlines()[-1].startswith("3 done, 0 kept, 1 failed")
    assert (out / "a.png").read_bytes() == mine


def test_the_record_is_lines_of_json(tmp_path, photos):
    run(photos, tmp_path / "small", "--quality", "80", "--format", "jpg")
    lines = (tmp_path / "small/.aa_ref/record.jsonl").read_text().splitlines()
    line = json.loads(lines[0])
    status, result = (photos / "a.png").stat(), (tmp_path / "small/a.jpg").read_bytes()
    assert {key: line[key] for key in ("output", "input", "size", "mtime_ns", "bytes")} == {
        "output": "a.jpg",
        "input": str(photos / "a.png"),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "bytes": len(result),
    }
    assert len(line["sha256"]) == 64
    assert line["parameters"] == {
        "scale": "1/4", "sigma": None, "boundary": None, "sampling": "slice", "dtype": None,
        "axes": None, "format": "jpg", "quality": 80, "linear_light": False, "nodata": None,
    }  # fmt: skip


@pytest.mark.parametrize("rest", [b'{"output": "b.p', b"\xff\xfe garbage\n", b'{"output": 1}\n\n'])
def test_a_record_that_was_broken_off(tmp_path, photos, rest):
    out = tmp_path / "small"
    run(photos, out)
    before, record = results(out), out / ".aa_ref" / "record.jsonl"
    (first, *_) = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(first + rest)
    for name in ("d.npy", "sub/b.png", "sub/deep er/c.tif"):  # without a line: not ours
        (out / name).unlink()
    assert changed(photos, out, before) == {"d.npy", "b.png", "c.tif"}
    assert len(record.read_bytes().splitlines()) == 4


@pytest.mark.parametrize("published", [True, False])
def test_a_line_whose_result_was_not_published(tmp_path, photos, published):
    """Killed between the line and the name, or after it: the hash tells which result is there."""
    out = tmp_path / "small"
    run(photos, out, scale="1/2")
    record = out / ".aa_ref" / "record.jsonl"
    lines, old = record.read_bytes(), results(out)
    run(photos, out)
    new = results(out)
    if not published:
        for name, data in old.items():
            (out / name).write_bytes(data)
    record.write_bytes(lines + record.read_bytes())
    ending = run(photos, out)
    assert ending.status == 0, ending.stderr
    assert ending.stdout.splitlines()[-1].startswith("0 done, 4" if published else "4 done, 0")
    assert results(out) == new


def test_temporary_files_of_a_run_that_was_killed_go(tmp_path, photos):
    left = tmp_path / "small" / ".aa_ref" / ".aa_ref-0123456789abcdef.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    run(photos, tmp_path / "small")
    assert not left.exists()


def test_two_runs_in_one_folder(tmp_path, photos):
    from aa_ref.cli.record import Record

    with Record(tmp_path / "small").opened():
        ending = run(photos, tmp_path / "small")
    assert (ending.status, results(tmp_path / "small")) == (1, {})
    assert "another aa-ref works in" in ending.stderr


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_a_file_that_fails_is_named_and_the_rest_goes_on(tmp_path, photos, jobs):
    (photos / "cut.jpg").write_bytes((PHOTOS / "rocket.jpg").read_bytes()[:30_000])
    (photos / "empty.png").write_bytes(b"")
    (photos / "text.webp").write_text("no picture")
    (photos / "gone.png").symlink_to("nowhere")
    ending = run(photos, tmp_path / "small", "--jobs", jobs)
    assert ending.status == 1
    assert len(results(tmp_path / "small")) == 4
    told = ending.stderr.splitlines()
    at = told.index("aa-ref: 4 files failed:")
    for name, reason in (
        ("cut.jpg", "cut off or damaged"),
        ("empty.png", "it is empty"),
        (
            "text.webp",
            "contents are not a picture (PNG, JPEG, WebP, TIFF, AVIF, GIF), an array (.npy) or",
        ),
        ("gone.png", "No such file"),
    ):
        (line,) = [line for line in told[at + 1 :] if line.startswith(f"  {photos / name}: ")]
        assert reason in line
    again = lines_of(run(photos, tmp_path / "small", "--json"))
    assert {line["status"] for line in again.values()} == {"kept", "failed"}


def test_every_failure_has_its_own_words(tmp_path):
    """libvips has one buffer of messages for all threads."""
    folder, kinds = tmp_path / "in", {"jpg": 200, "png": 600, "tif": 90}
    folder.mkdir()
    for suffix, end in kinds.items():
        save(tmp_path / f"whole.{suffix}")
        data = (tmp_path / f"whole.{suffix}").read_bytes()
        for number in range(12):
            (folder / f"{number}.{suffix}").write_bytes(data[: end + number])
    alone = lines_of(run(folder, tmp_path / "alone", "--json", "--jobs", "1"))
    beside = lines_of(run(folder, tmp_path / "beside", "--json", "--jobs", "6"))
    assert len(alone) == 36
    for name, line in alone.items():
        assert line["status"] == "failed"
        assert beside[name]["reason"] == line["reason"]


def test_json(tmp_path, photos):
    (photos / "e.png").write_text("no picture")
    ending = run(photos, tmp_path / "small", "--json")
    lines = lines_of(ending)
    assert set(lines) == {"a.png", "b.png", "c.tif", "d.npy", "e.png"}
    assert lines["a.png"] == {
        "input": str(photos / "a.png"),
        "output": str(tmp_path / "small" / "a.png"),
        "status": "done",
        "reason": None,
    }
    assert lines["e.png"]["status"] == "failed"
    assert "contents are not" in lines["e.png"]["reason"]


@pytest.mark.parametrize("damage", [False, True])
def test_json_of_one_file(tmp_path, damage):
    source = save(tmp_path / "a.png")
    if damage:
        source.write_bytes(source.read_bytes()[:300])
    ending = run(source, tmp_path / "o.png", "--json")
    (line,) = lines_of(ending).values()
    assert ending.status == int(damage)
    assert line["status"] == ("failed" if damage else "done")
    assert line["output"] == str(tmp_path / "o.png")


@pytest.mark.parametrize("name", ["o.png", "o.bmp", "no/o.png"])
def test_json_of_one_file_that_may_not_be_written(tmp_path, name):
    source = save(tmp_path / "a.png")
    save(tmp_path / "o.png")
    ending = run(source, tmp_path / name, "--json")
    (line,) = lines_of(ending).values()
    assert ending.status in (1, 2)
    assert (line["status"], line["output"]) == ("failed", str(tmp_path / name))
    assert ending.stderr == f"aa-ref: {line['reason']}\n"


def test_two_inputs_for_one_output(tmp_path, photos):
    save(photos / "a.tif", seed=8)
    ending = run(photos, tmp_path / "small", "--format", "png")
    assert ending.status == 1
    assert "a.png" not in results(tmp_path / "small")
    for name, other in (("a.png", "a.tif"), ("a.tif", "a.png")):
        assert f"  {photos / name}: its result would be a.png, as that of {photos / other}" in (
            ending.stderr
        )


def test_links_that_lead_round(tmp_path, photos):
    (photos / "sub" / "round").symlink_to(photos)
    (photos / "self").symlink_to("self")
    (photos / "self.png").symlink_to("self.png")
    (photos / "twice").symlink_to(photos / "sub" / "deep er")
    ending = run(photos, tmp_path / "small")
    assert ending.status == 1
    assert "aa-ref: 3 files failed:" in ending.stderr
    assert f"  {photos / 'sub' / 'round'}: it is a link to a folder that it lies in" in (
        ending.stderr
    )
    assert os.strerror(errno.ELOOP) in ending.stderr
    assert len(results(tmp_path / "small")) == 5


def test_a_folder_that_cannot_be_read(tmp_path, photos, monkeypatch):
    real = os.scandir

    def scandir(path):
        if Path(path).name == "sub":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path)

    monkeypatch.setattr(selection.os, "scandir", scandir)
    ending = run(photos, tmp_path / "small")
    assert ending.status == 1
    assert f"  {photos / 'sub'}: cannot read it: Permission denied" in ending.stderr
    assert list(results(tmp_path / "small")) == ["a.png", "d.npy"]


def test_out_inside_the_input(tmp_path, photos):
    for status in ("done", "kept"):
        ending = run(photos, photos / "small", "--json")
        assert ending.status == 0
        assert {line["status"] for line in lines_of(ending).values()} == {status}
        assert ("OUTPUT, so it is not taken" in ending.stderr) == (status == "kept")
    assert len(results(photos / "small")) == 4


@pytest.mark.parametrize(
    ("inputs", "out"),
    [
        (["photos/*"], "photos/small"),
        (["photos/**/*.png"], "photos/sub/small"),
        (["photos/**"], "linked"),
        (["photos/s*", "photos/a.png"], "photos/sub/small"),
        (["photos/a.png", "photos/small", "photos/sub"], "photos/small"),  # as a shell expands *
    ],
)
def test_out_inside_what_patterns_match(tmp_path, photos, monkeypatch, inputs, out):
    monkeypatch.chdir(tmp_path)
    Path("linked").symlink_to("photos/sub/small")
    Path(out).resolve().mkdir()
    found = []
    for status in ("done", "kept", "kept"):
        ending = run(inputs, out, "--json")
        assert ending.status == 0, ending.stderr
        assert {line["status"] for line in lines_of(ending).values()} == {status}
        found.append(results(tmp_path / out))
    assert ending.stderr.count("OUTPUT, so it is not taken as input") == 1
    assert found[0] == found[1] == found[2]


def test_never_outside_of_out(tmp_path, photos):
    out, outside = tmp_path / "small", tmp_path / "outside"
    outside.mkdir()
    out.mkdir()
    (out / "sub").symlink_to(outside)
    save(outside / "mine.png", (7, 5))
    (out / "a.png").symlink_to(outside / "mine.png")
    before = results(outside)
    ending = run(photos, out, "--overwrite")
    assert ending.status == 1
    assert "aa-ref: 3 files failed:" in ending.stderr
    assert "leads out of" in ending.stderr
    assert results(outside) == before


@pytest.mark.parametrize(
    ("inputs", "output", "words", "status"),
    [
        (["photos"], "o.png", ["photos is a folder", "o.png/"], 2),
        (["photos/a.png", "photos/d.npy"], "o.png", ["2 inputs", "o.png/"], 2),
        (["photos/*.png"], "-", ["pattern", "folder"], 2),
        (["photos"], "photos", ["is an INPUT"], 2),
        (["photos/*.bmp"], "small", ["nothing matches"], 1),
        (["photos/*/../../a.png"], "small", [".."], 2),
        (["-", "photos/a.png"], "small", ["alone"], 2),
        (["photos/a.png", ""], "small", ["INPUT is empty"], 2),
        (["photos"], "photos/notes.txt", ["cannot write in"], 1),
        (["photos", "--jobs", "0"], "small", ["jobs"], 2),
    ],
)
def test_refused(tmp_path, photos, monkeypatch, inputs, output, words, status):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    ending = run(inputs, output)
    assert ending.status == status, ending
    assert "Traceback" not in ending.stderr
    for word in words:
        assert word in ending.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_result_that_would_replace_an_input(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "sub" / "a.png", seed=1)
    before = results(tmp_path)
    ending = run([tmp_path / "a.png", tmp_path / "sub"], tmp_path, "--overwrite")
    assert ending.status == 1
    for name in ("a.png", "sub/a.png"):
        assert f"  {tmp_path / name}: its result {tmp_path / name} would replace" in ending.stderr
    assert results(tmp_path) == before


def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path, photos, monkeypatch):
    out, real = tmp_path / "small", output_module.Draft.write
    for number in range(20):
        save(photos / "z" / f"{number}.png", seed=number)

    def write(draft, parts, **options):
        if "b.png" in draft.path.name:
            with output_module.worded(draft.path):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(draft, parts, **options)

    with monkeypatch.context() as context:
        context.setattr(output_module.Draft, "write", write)
        ending = run(photos, out, "--jobs", "1")
    assert ending.status == 1
    assert os.strerror(errno.ENOSPC) in ending.stderr
    assert "not begun, since no space is left" in ending.stderr
    made = results(out)
    assert "sub/b.png" not in made
    assert 2 <= len(made) < 12
    assert [path.name for path in (out / ".aa_ref").iterdir() if path.suffix == ".tmp"] == []
    ending = run(photos, out)
    last = ending.stdout.splitlines()[-1]
    assert last.startswith(f"{24 - len(made)} done, {len(made)} kept, 0 failed")


def test_jobs_share_the_threads(tmp_path, photos, monkeypatch):
    seen, real = [], batch.convert

    def convert(*arguments, **options):
        seen.append((aa_ref.get_num_threads(), threading.current_thread().name[:6]))
        return real(*arguments, **options)

    monkeypatch.setattr(batch, "convert", convert)
    assert run(photos, tmp_path / "small", "--threads", "6", "--jobs", "2").status == 0
    assert seen == [(3, "aa_ref")] * 4
    seen.clear()
    assert run(photos, tmp_path / "other", "--threads", "6", "--jobs", "1").status == 0
    assert seen == [(6, "aa_ref")] * 4


def test_names_of_any_bytes(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    name = os.fsdecode(b"\xff\xfe [x].png")
    (folder / name).write_bytes(save(tmp_path / "a.png").read_bytes())
    for word in ("1 done, 0 kept", "0 done, 1 kept"):
        process = start("run", folder, "-o", tmp_path / "small", *SMALL)
        stdout, stderr = process.communicate(timeout=60)
        assert (process.returncode, stderr) == (0, "")
        assert stdout.splitlines()[-1].startswith(word)
    assert {path.name for path in (tmp_path / "small").iterdir()} == {name, ".aa_ref"}


ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(aa_ref.__file__).parents[1])}


def start(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "aa_ref.cli", *map(str, arguments)],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (9, -9, "")],
)
def test_ended_in_the_middle_and_resumed(tmp_path, number, status, word):
    folder, whole, out = tmp_path / "in", tmp_path / "whole", tmp_path / "out"
    for index in range(60):
        save(folder / f"{index}.png", (120 + index, 160, 3), seed=index)
    run(folder, whole)
    process = start("run", folder, "-o", out, *SMALL, "--jobs", "2")
    for _ in range(5):
        assert process.stdout.readline()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == status
    assert stderr == (f"aa-ref: {word}\n" if word else "")
    if word:
        assert [path.name for path in out.rglob("*.tmp")] == []
    made, wanted = results(out), results(whole)
    assert 5 <= len(made) < 60
    assert made.items() <= wanted.items()
    ending = run(folder, out)
    assert ending.status == 0, ending.stderr
    assert results(out) == wanted
    record = ".aa_ref/record.jsonl"
    assert (out / record).read_bytes() == (whole / record).read_bytes()


def test_a_bar_on_a_terminal(tmp_path, photos):
    pty = pytest.importorskip("pty")
    above, below = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "aa_ref.cli", "run", photos, "-o", tmp_path / "small", *SMALL],
        env=ENVIRONMENT | {"TERM": "xterm"}, stdout=below, stderr=below,
    )  # fmt: skip
    os.close(below)
    shown = b""
    while True:
        try:
            data = os.read(above, 1 << 16)
        except OSError:  # the other end has gone
            break
        if not data:
            break
        shown += data
    os.close(above)
    assert process.wait(60) == 0
    assert b"4/4" in shown
    assert b"files/s" in shown
    assert b"boundary" not in shown
    assert b"4 done, 0 kept, 0 failed" in shown
