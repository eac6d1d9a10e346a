"""``aa-ref run`` on videos whose frames become pictures: colours, order, folders, the record."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import call, samples
from PIL import Image

av = pytest.importorskip("av", reason="the extra 'video' is not installed")
import pyvips  # noqa: E402
from video_helpers import BT601, BT709, FULL, LIMITED, Film, smaller, watch, write_film  # noqa: E402

import aa_ref  # noqa: E402
from aa_ref.cli.videos import frames as frames_module  # noqa: E402

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(aa_ref.__file__).parents[1])}
BT2020 = 9
MATRICES = {BT709: (0.2126, 0.0722), BT601: (0.299, 0.114), BT2020: (0.2627, 0.0593)}
COLOURS = (LIMITED, BT709)


def run(source, output, *options, suffix="png"):
    return call(
        "run", source, "-o", output, "--scale", "1/4", "--backend", "numpy", "--format", suffix,
        *options,
    )  # fmt: skip


def read(path):
    return pyvips.Image.new_from_file(str(path)).numpy()


def rgb_of(planes, colours, depth, top):
    """ITU-R BT.601, 709 and 2020 as they stand, in real numbers, rounded by nobody."""
    height, width = planes[0].shape
    across, down = (-(-n // m) for n, m in zip((width, height), planes[1].shape[::-1], strict=True))
    y, u, v = (
        plane.astype(float).repeat(b, 0).repeat(a, 1)[:height, :width]
        for plane, (a, b) in zip(planes, [(1, 1), (across, down), (across, down)], strict=True)
    )
    unit, most = 2 ** (depth - 8), 2**depth - 1
    is_full, (red, blue) = colours[0] == FULL, MATRICES[colours[1]]
    y = y / most if is_full else (y - 16 * unit) / (219 * unit)
    u, v = ((c - 128 * unit) / (most if is_full else 224 * unit) for c in (u, v))
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], -1), 0, 1) * top


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize(
    ("pix_fmt", "depth", "suffix", "top", "within"),
    [
        ("yuv444p", 8, "png", 255, 0.6),
        ("yuv444p10le", 10, "png", 65_535, 257),  # a step of eight bits
        ("yuv444p10le", 10, "webp", 255, 1.6),
    ],
)
def test_colours_by_range_and_matrix(
    tmp_path, pix_fmt, depth, suffix, top, within, colour_range, matrix
):
    film = Film(width=67, height=51, pix_fmt=pix_fmt, colours=(colour_range, matrix))
    source = write_film(tmp_path / "a.mkv", film)
    assert run(source, tmp_path / "o", suffix=suffix).status == 0
    found = sorted((tmp_path / "o" / "a").iterdir())
    assert [path.name for path in found] == [f"{n:07}.{suffix}" for n in range(1, 11)]
    for path, planes in zip(found, watch(source).frames, strict=True):
        wanted = rgb_of(smaller(planes), film.colours, depth, top)
        pixels = read(path)
        assert (pixels.shape, pixels.dtype) == (wanted.shape, "u1" if top == 255 else "u2")
        assert np.abs(pixels - wanted).max() <= within


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "yuv422p"])
@pytest.mark.parametrize("width", [67, 64, 96])
def test_colours_of_half_the_size(tmp_path, monkeypatch, pix_fmt, width):
    """Flat ones, so that how they are spread does not matter: the last column is there, too."""
    depth = 10 if "10" in pix_fmt else 8
    film = Film(width=width, height=51, pix_fmt=pix_fmt, colours=COLOURS)
    source = write_film(tmp_path / "a.mkv", film)
    flat = [70 << (depth - 8), 110 << (depth - 8), 170 << (depth - 8)]
    downsample, shapes = frames_module.Planes.downsample, []

    def flattened(self, frame):
        small = downsample(self, frame)
        for plane, value in zip(small.planes, flat, strict=True):
            np.frombuffer(plane, "u1" if depth == 8 else "u2")[:] = value
        shapes.append((small.height, small.width))
        return small

    monkeypatch.setattr(frames_module.Planes, "downsample", flattened)
    assert run(source, tmp_path / "o").status == 0
    top, within = (255, 0.6) if depth == 8 else (65_535, 257)
    wanted = rgb_of([np.full((1, 1), value) for value in flat], COLOURS, depth, top)
    pixels = read(tmp_path / "o" / "a" / "0000001.png")
    assert pixels.shape == (*shapes[0], 3)
    assert np.abs(pixels - wanted).max() <= within


@pytest.mark.parametrize(
    ("pix_fmt", "suffix"), [("gray", "png"), ("gray16le", "tif"), ("bgr0", "png")]
)
def test_grey_and_rgb_to_the_bit(tmp_path, pix_fmt, suffix):
    source = write_film(tmp_path / "a.mkv", Film(width=67, pix_fmt=pix_fmt))
    ending = run(source, tmp_path / "o", suffix=suffix)
    assert (ending.status, ending.stderr) == (0, "")
    for number, (plane, *_) in enumerate(watch(source).frames, 1):
        (wanted,) = smaller([plane])
        if wanted.ndim == 3:
            wanted = wanted[..., 2::-1]
        found = read(tmp_path / "o" / "a" / f"{number:07}.{suffix}")
        np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p"])
def test_the_bytes_depend_on_no_memory_that_nobody_wrote(tmp_path, pix_fmt):
    film = Film(width=96, height=48, pix_fmt=pix_fmt, colours=COLOURS)  # 24 columns, even rows
    source, results = write_film(tmp_path / "a.mkv", film), []
    for filling in "1", "165":  # glibc fills all memory with it, before and after its use
        out = tmp_path / filling
        command = [sys.executable, "-m", "aa_ref.cli", "run", str(source), "-o", str(out)]
        subprocess.run(
            [*command, "--scale", "1/4", "--backend", "numpy", "--format", "png"],
            env=ENVIRONMENT | {"MALLOC_PERTURB_": filling}, check=True, capture_output=True,
        )  # fmt: skip
        results.append([path.read_bytes() for path in sorted((out / "a").iterdir())])
    assert len(results[0]) == 10
    assert results[0] == results[1]


@pytest.mark.parametrize(("turned", "quarters"), [(90, 1), (180, 2), (270, 3)])
def test_upright_as_a_player_shows_it(tmp_path, turned, quarters):
    plain, other = (
        write_film(tmp_path / f"{name}.mp4", Film("libx264", 96, 48, turned=angle, colours=COLOURS))
        for name, angle in (("plain", 0), ("other", turned))
    )
    for source in (plain, other):
        assert run(source, tmp_path / "o").status == 0
    first = [read(tmp_path / "o" / name / "0000001.png") for name in ("plain", "other")]
    np.testing.assert_array_equal(first[1], np.rot90(first[0], quarters))


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((-1, 0, 0, 1), lambda x: x[:, ::-1]),
        ((1, 0, 0, -1), lambda x: x[::-1]),
        ((0, 1, 1, 0), lambda x: x.T),
        ((0, -1, -1, 0), lambda x: x[::-1, ::-1].T),
    ],
)
def test_mirrored(matrix, shown):
    a, b, c, d = (value << 16 for value in matrix)
    video = type("Video", (), {"display_matrix": (a, b, 0, c, d, 0, 0, 0, 1 << 30)})
    turns, mirrored = frames_module._turns_of(video)
    x = samples((3, 5))
    np.testing.assert_array_equal(np.rot90(x[:, ::-1] if mirrored else x, turns), shown(x))


def test_a_folder_of_videos_and_the_record(tmp_path):
    for name, codec in (("a.mp4", "libx264"), ("b/c.webm", "libvpx-vp9")):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write_film(tmp_path / "in" / name, Film(codec, 64, 48, colours=COLOURS))
    Image.fromarray(samples((40, 56, 3))).save(tmp_path / "in" / "d.jpg")
    out = tmp_path / "o"

    def statuses(*options):
        ending = run(tmp_path / "in", out, "--json", *options)
        lines = [json.loads(line) for line in ending.stdout.splitlines()]
        return {line["output"][len(str(out)) + 1 :]: line["status"] for line in lines}

    assert statuses() == {"a": "done", "b/c": "done", "d.png": "done"}
    made = {p: p.read_bytes() for p in out.rglob("*.png")}
    assert len(made) == 21
    assert statuses() == {"a": "kept", "b/c": "kept", "d.png": "kept"}
    assert statuses("--boundary", "zeros") == {"a": "done", "b/c": "done", "d.png": "done"}
    assert statuses() == {"a": "done", "b/c": "done", "d.png": "done"}
    assert {p: p.read_bytes() for p in out.rglob("*.png")} == made
    assert not list(out.rglob("*.tmp"))
    (out / "a" / "notes.txt").write_text("of a user")
    assert statuses("--boundary", "zeros", "--overwrite")["a"] == "failed"
    assert (out / "a" / "notes.txt").exists()


def test_a_video_that_fails_leaves_nothing(tmp_path):
    film = Film("ffv1", 64, 48, times=tuple(range(0, 1000, 40)), colours=COLOURS)
    whole = write_film(tmp_path / "a.mkv", film).read_bytes()
    (tmp_path / "a.mkv").write_bytes(whole[: len(whole) * 6 // 10])
    (tmp_path / "b.mp4").write_bytes(samples((40, 56)).tobytes())
    Image.fromarray(samples((40, 56, 3))).save(tmp_path / "c.png")
    (tmp_path / "c.png").rename(tmp_path / "c.mp4")
    ending = call("run", *(tmp_path / n for n in ("a.mkv", "b.mp4", "c.mp4")), "-o",
                  tmp_path / "o", "-s", "1/4", "--format", "png", "--backend", "numpy")  # fmt: skip
    assert ending.status == 1
    for words in ("ends early", "damaged or no video", "it is no video"):
        assert words in ending.stderr + ending.stdout
    assert [p.name for p in (tmp_path / "o").iterdir()] == [".aa_ref"]
    assert not list((tmp_path / "o").rglob("*.tmp"))


@pytest.mark.parametrize(
    ("film", "output", "options", "words"),
    [
        (Film(), "o.png", ("--format", "png"), ("becomes a folder of pictures", "name a folder")),
        (Film(), "o.png", (), ("is a video", "--format png")),
    ],
)
def test_refused(tmp_path, refused, film, output, options, words):
    source = write_film(tmp_path / "a.mkv", film)
    refused(source, tmp_path / output, words, "--backend", "numpy", *options, status=2)


@pytest.mark.parametrize(
    ("film", "suffix", "options", "words"),
    [
        (Film(), "gif", (), ("--format is gif", "write png")),
        (Film(pix_fmt="yuva420p"), "png", (), ("transparency",)),
        (Film(), "png", ("--dtype", "float32"), ("--dtype is float32", "leave it out")),
        (Film(colours=(LIMITED, 8)), "png", (), ("number 8", "write a video")),
    ],
)
def test_refused_in_a_folder(tmp_path, film, suffix, options, words):
    ending = run(write_film(tmp_path / "a.mkv", film), tmp_path / "o", *options, suffix=suffix)
    assert ending.status == 1
    assert all(word in ending.stdout + ending.stderr for word in words)


def test_what_is_not_kept_is_told(tmp_path):
    source = write_film(tmp_path / "a.mp4", Film("libx264", 64, 48, "yuv420p10le"), audio="aac")
    ending = run(source, tmp_path / "o", suffix="jpg")
    assert ending.status == 0
    for words in ("names no matrix of colours; taken as BT.601", "sound", "holds 8 bits"):
        assert words in ending.stderr


def test_frames_of_both_beside_pictures_in_one_place(tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    write_film(tmp_path / "in" / "a.mkv", Film(colours=COLOURS))
    Image.fromarray(samples((40, 56, 3))).save(tmp_path / "in" / "a" / "x.png")
    ending = run(tmp_path / "in", tmp_path / "o")
    assert ending.status == 1
    assert "its frames would go into a, as a/x.png does" in ending.stdout + ending.stderr
    assert [p.name for p in (tmp_path / "o" / "a").iterdir()] == ["x.png"]
