"""``aa-ref run`` on videos: planes to the bit, times, tags and audio kept, what is refused."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import call, call_with_input, samples
from PIL import Image

import aa_ref

av = pytest.importorskip("av", reason="the extra 'video' is not installed")
from video_helpers import (  # noqa: E402
    BT601,
    BT709,
    FULL,
    LIMITED,
    Film,
    damaged,
    planes_of,
    smaller,
    watch,
    write_film,
)  # fmt: skip

from aa_ref.cli import run_command  # noqa: E402
from aa_ref.cli.endings import FileError  # noqa: E402
from aa_ref.cli.videos import writing  # noqa: E402

UNEVEN = (0, 33, 67, 150, 151, 300, 420)
NTSC = {"base": Fraction(1, 30000), "rate": Fraction(30000, 1001)}
NTSC_TIMES = tuple(range(0, 1001 * 14, 1001))
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(aa_ref.__file__).parents[1])}


def run(source, output, *options, scale="1/4"):
    return call("run", source, "-o", output, "--scale", scale, "--backend", "numpy", *options)


def assert_same_planes(found, wanted):
    assert len(found) == len(wanted)
    for frame, expected in zip(found, wanted, strict=True):
        for plane, other in zip(frame, expected, strict=True):
            np.testing.assert_array_equal(plane, other)


@pytest.mark.parametrize(
    ("film", "scale", "options"),
    [  # in Matroska
        (Film(), "1/4", {}),
        (Film(width=67, height=51, times=UNEVEN), "1/3", {}),
        (Film(pix_fmt="yuv422p10le", width=67, height=51), "1/4", {"boundary": "zeros"}),
        (Film(pix_fmt="yuv444p", width=41, height=70, suffix=".mp4"), "1/2,1/4", {}),
        (Film(pix_fmt="yuv420p12le"), "1/2", {"sigma": 2.5}),
        (Film(pix_fmt="gray", width=67), "1/4", {"boundary": ("replicate", "circular")}),
        (Film(pix_fmt="gray16le", width=67), "1/4", {}),
        (Film(pix_fmt="gbrp10le", width=67), "2/5", {"sampling": "nearest"}),
        (Film(pix_fmt="bgr0", width=67), "1/4", {}),
        (Film(width=80, height=40), "2/5", {"sampling": "nearest"}),
        (Film(pix_fmt="yuv410p", width=83, height=45), "1/3", {}),
    ],
    ids=lambda value: getattr(value, "pix_fmt", None),
)
def test_every_plane_is_downsampled_to_the_bit(tmp_path, film, scale, options):
    source, target = (tmp_path / f"{name}{film.suffix}" for name in "ao")
    write_film(source, film)
    given = [
        f"--{name}={value if not isinstance(value, tuple) else ','.join(value)}"
        for name, value in options.items()
    ]
    ending = run(source, target, *given, scale=scale)
    assert (ending.status, ending.stderr) == (0, "")
    scales = [Fraction(part) for part in scale.split(",")]
    before, after = watch(source), watch(target)
    scale = tuple(scales) if len(scales) > 1 else scales[0]
    assert_same_planes(after.frames, [smaller(f, scale, **options) for f in before.frames])
    assert len(after.frames) == len(film.times) - 1
    assert after.times == before.times
    assert (after.codec, after.pix_fmt) == ("ffv1", film.pix_fmt)


def test_semiplanar_and_packed_frames(tmp_path):
    """Colours beside one another in a plane are channels."""
    source = write_film(tmp_path / "a.avi", Film("rawvideo", 80, 56, "nv12", base=Fraction(1, 25),
                                                times=tuple(range(5))))  # fmt: skip
    ending = run(source, tmp_path / "o.avi")
    assert (ending.status, ending.stderr) == (0, "")
    before, after = watch(source), watch(tmp_path / "o.avi")
    assert before.pix_fmt == after.pix_fmt == "nv12"
    assert_same_planes(after.frames, [smaller(f) for f in before.frames])


LOSSY = {
    "H.264, fractional rate, aspect, sound": (
        "mp4",
        Film("libx264", 64, 48, times=NTSC_TIMES, **NTSC, aspect=Fraction(4, 3),
             colours=(LIMITED, BT709)),
        "aac",
    ),
    "H.264, varying rate, full range": (
        "mov", Film("libx264", 72, 40, times=UNEVEN, colours=(FULL, BT601)), "aac",
    ),
    "H.264 of 10 bits in Matroska": (
        "mkv", Film("libx264", 64, 48, "yuv420p10le", aspect=Fraction(16, 11)), "libopus",
    ),
    "H.264 in a transport stream": (
        "ts",
        Film("libx264", 64, 48, base=Fraction(1, 25), times=tuple(range(60))),
        "aac",
    ),
    "H.264 in AVI": ("avi", Film("libx264", 64, 48, base=Fraction(1, 25), times=tuple(range(20)),
                                 options=(("bf", "0"),)), None),
    "H.265, turned": (
        "mp4",
        Film("libx265", 128, 96, "yuv420p10le", turned=90, colours=(LIMITED, 9),
             options=(("x265-params", "log-level=none"),)),
        None,
    ),
    "VP9, odd, varying rate": (
        "webm", Film("libvpx-vp9", 67, 51, times=UNEVEN, colours=(FULL, BT709)), "libopus",
    ),
    "VP9 with an aspect": ("mp4", Film("libvpx-vp9", 67, 51, aspect=Fraction(3, 2)), None),
    "VP8": ("webm", Film("libvpx", 67, 51, times=UNEVEN), "libopus"),
    "MPEG-4": ("avi", Film("mpeg4", 67, 51, base=Fraction(1, 25), times=tuple(range(9)),
                           aspect=Fraction(4, 3)), None),
    "MPEG-4, varying rate": ("mp4", Film("mpeg4", 67, 51, base=Fraction(1, 500), times=UNEVEN,
                                         rate=Fraction(24)), None),
    "Motion JPEG": ("avi", Film("mjpeg", 67, 51, "yuvj420p", base=Fraction(1, 25),
                                times=tuple(range(5)), colours=(FULL, 5)), None),
    "ProRes": ("mov", Film("prores_ks", 64, 48, "yuv422p10le", times=tuple(range(0, 250, 50))),
               "pcm_s16le"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSY)
def test_what_goes_to_the_encoder_and_what_a_player_sees(tmp_path, monkeypatch, name):
    suffix, film, audio = LOSSY[name]
    source = write_film(tmp_path / f"a.{suffix}", film, audio=audio)
    encoded, encode = [], writing.Writer.encode
    monkeypatch.setattr(
        writing.Writer, "encode", lambda w, f: (encoded.append(planes_of(f)), encode(w, f))
    )
    ending = run(source, tmp_path / f"o.{suffix}")
    assert (ending.status, ending.stderr) == (0, "")
    before, after = watch(source), watch(tmp_path / f"o.{suffix}")
    assert len(before.frames) == len(film.times) - 1
    assert_same_planes(encoded, [smaller(frame) for frame in before.frames])
    assert [plane.shape for plane in after.frames[0]] == [plane.shape for plane in encoded[0]]
    mean_error = [
        np.abs(np.subtract(a, b, dtype=float)).mean() for a, b in zip(after.frames[2], encoded[2],
                                                                     strict=True)
    ]  # fmt: skip
    assert max(mean_error) < (30 if "10le" in film.pix_fmt else 8)  # that it is the same picture
    assert after[1:] == before[1:]
    assert len(before.audio) > 0 or audio is None


def test_other_tags_and_chapters_are_kept(tmp_path):
    source = write_film(tmp_path / "a.mkv", Film(), title="a höhe\nof two lines", language="fin")
    assert run(source, tmp_path / "o.mkv").status == 0
    with av.open(str(tmp_path / "o.mkv")) as result:
        assert result.metadata["title"] == "a höhe\nof two lines"
        assert result.streams.video[0].metadata["language"] == "fin"
        (chapter,) = result.chapters()
        assert (chapter["end"] * chapter["time_base"], chapter["metadata"]) == (
            Fraction(1, 5), {"title": "first"},
        )  # fmt: skip


@pytest.mark.parametrize(("turned", "scale", "size"), [(0, "1/2,1/4", (16, 24)),
                                                       (90, "1/2,1/4", (32, 12))])  # fmt: skip
def test_scales_of_rows_and_columns_as_a_player_shows_them(tmp_path, turned, scale, size):
    source = write_film(tmp_path / "a.mp4", Film("libx264", 64, 48, turned=turned))
    assert run(source, tmp_path / "o.mp4", scale=scale).status == 0
    seen = watch(tmp_path / "o.mp4")
    assert seen.frames[0][0].shape[::-1] == size
    assert seen.turned == turned
    assert seen.aspect == (Fraction(1, 2) if turned else 2)  # so it looks as before


def test_another_container_gets_its_own_codec(tmp_path):
    source = write_film(tmp_path / "a.mp4", Film("libx264", 64, 48))
    ending = run(source, tmp_path / "o.webm")
    assert ending.status == 0
    assert "o.webm is encoded as VP9, since .webm holds no H.264" in ending.stderr
    assert watch(tmp_path / "o.webm").codec == "vp9"


def test_quality(tmp_path):
    source = write_film(tmp_path / "a.mp4", Film("libx264", 64, 48, times=NTSC_TIMES, **NTSC))
    sizes = []
    for quality in ((), ("--quality", "1"), ("--quality", "60"), ("--quality", "100")):
        out = tmp_path / f"o{len(sizes)}.mp4"
        assert run(source, out, *quality).status == 0
        sizes.append(out.stat().st_size)
    assert sizes[1] < sizes[2] < sizes[0] < sizes[3]


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9", "ffv1"])
def test_the_bytes_depend_on_no_thread_count(tmp_path, codec):
    source = write_film(tmp_path / "a.mkv", Film(codec, 128, 96))
    for threads in "12":
        assert run(source, tmp_path / f"{threads}.mkv", "--threads", threads).status == 0
    assert (tmp_path / "1.mkv").read_bytes() == (tmp_path / "2.mkv").read_bytes()


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9"])
def test_the_bytes_depend_on_no_memory_that_nobody_wrote(tmp_path, codec):
    source = write_film(tmp_path / "a.mkv", Film(codec, 408, 264))
    results = []
    for filling in "1", "165":  # glibc fills all memory with it, before and after its use
        out = tmp_path / f"{filling}.mkv"
        command = [sys.executable, "-m", "aa_ref.cli", "run", str(source), "-o", str(out)]
        subprocess.run(
            [*command, "--scale", "1/4", "--backend", "numpy"],
            env=ENVIRONMENT | {"MALLOC_PERTURB_": filling}, check=True, capture_output=True,
        )  # fmt: skip
        results.append(out.read_bytes())
    assert results[0] == results[1]


def test_standard_input(tmp_path):
    source = write_film(tmp_path / "a.mkv", Film())
    ending = call_with_input(
        source.read_bytes(), "run", "-", "-o", tmp_path / "o.mkv", "-s", "1/4", "--backend", "numpy"
    )
    assert ending.status == 0, ending.stderr
    assert_same_planes(watch(tmp_path / "o.mkv").frames, [smaller(f) for f in watch(source).frames])


def test_an_odd_size_says_what_to_write(tmp_path, refused):
    source = write_film(tmp_path / "a.mp4", Film("libx264", 66, 50))
    ending = refused(
        source, tmp_path / "o.mp4",
        ("13 rows and 17 columns", "H.264 in yuv420p holds even numbers only", ".webm"),
        "--backend", "numpy", status=2,
    )  # fmt: skip
    advised = ending.stderr.rsplit("--scale ", 1)[1].strip()
    assert run(source, tmp_path / "o.mp4", scale=advised).status == 0
    assert run(source, tmp_path / "o.webm").status == 0
    assert watch(tmp_path / "o.webm").frames[0][0].shape == (13, 17)


@pytest.mark.parametrize(
    ("film", "audio", "output", "options", "words"),
    [
        (Film("libx264", 64, 48), "aac", "o.webm", (), ("audio (aac)", ".mkv")),
        (Film("libx264", 64, 48), None, "o.png", (), ("is a video", ".mp4")),
        (Film(), None, "o.mkv", ("--linear-light",), ("--linear-light", "leave it out")),
        (Film(), None, "o.mkv", ("--nodata", "0"), ("--nodata", "leave it out")),
        (Film(), None, "o.mkv", ("--dtype", "float32"), ("--dtype is float32", "leave it out")),
        (Film(), None, "o.mkv", ("--axes", "0,1"), ("--axes is 0,1", "leave it out")),
        (Film(), None, "o.mkv", ("--quality", "80"), ("--quality is 80", "without loss")),
        (Film(), None, "o.mkv", ("--max-pixels", "3299"), ("66×50", "raise --max-pixels")),
        (Film(), None, "o.mkv", ("--sampling", "nearest", "--scale", "3/10"),
         ("nearest", "yuv420p cannot hold")),
        (Film(pix_fmt="yuva420p"), None, "o.mkv", (), ("transparency", "PNG")),
        (Film(times=UNEVEN), None, "o.avi", (), ("constant rate", ".mkv")),
        (Film(aspect=Fraction(4, 3), codec="libvpx-vp9", suffix=".mp4"), None, "o.webm", (),
         ("4/3 times as wide", "write .mp4")),
        (Film(pix_fmt="gray16le"), None, "o.webm", (), ("VP9 takes no gray16le", ".mkv")),
        (Film(), None, "o.mkv", ("--scale", "1/2,1/4"), ("2 times as wide", "write .mp4")),
        (Film(), None, "no/o.mkv", (), ("there is no folder",)),
    ],
)  # fmt: skip
def test_refused(tmp_path, refused, film, audio, output, options, words):
    source = write_film(tmp_path / f"a{film.suffix}", film, audio=audio)
    refused(source, tmp_path / output, words, "--backend", "numpy", *options)


def test_no_video_in_it_and_no_video_for_it(tmp_path, refused):
    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        stream = output.add_stream("aac", rate=8000, layout="mono")
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        tone.sample_rate, tone.pts = 8000, 0
        output.mux(stream.encode(tone))
        output.mux(stream.encode(None))
    refused(tmp_path / "a.mp4", tmp_path / "o.mp4", ("there is no video in it",), status=1)
    (tmp_path / "b.mp4").write_bytes(b"no video, whatever the name says")
    refused(tmp_path / "b.mp4", tmp_path / "o.mp4", ("damaged or no video",), status=1)
    Image.fromarray(samples((40, 56, 3))).save(tmp_path / "c.png")
    refused(tmp_path / "c.png", tmp_path / "o.mp4", ("c.png is none", ".png"), status=2)
    np.save(tmp_path / "d.npy", samples((40, 56)))
    refused(tmp_path / "d.npy", tmp_path / "o.mkv", ("d.npy is none", ".npy"), status=2)
    source = write_film(tmp_path / "e.mkv", Film())
    refused(source, "-", ("OUTPUT is -", "name a file"), "--format", "mkv", status=2)


def test_a_change_of_size_is_refused(tmp_path, refused):
    parts = [
        write_film(tmp_path / f"{width}.ts",
                   Film("libx264", width, 48, base=Fraction(1, 25), times=range(begin, begin + 40)))
        for begin, width in ((0, 64), (50, 80))
    ]  # fmt: skip
    (tmp_path / "a.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    refused(tmp_path / "a.ts", tmp_path / "o.ts", ("64×48", "80×48", "frame 40", "cut it there"),
            "--backend", "numpy", status=1)  # fmt: skip


@pytest.mark.parametrize(
    ("suffix", "codec", "at", "words"),
    [
        (".mkv", "ffv1", 0.6, "ends early, after"),
        (".webm", "libvpx-vp9", 0.6, "ends early, after"),
        (".mp4", "libx264", 0.6, "cut off, damaged or no video"),
        (".mov", "libx264", 0.99, "cut off, damaged or no video"),
        (".avi", "ffv1", 0.6, ""),
        (".ts", "libx264", 0.601, ""),
    ],
)
def test_a_video_that_ends_early(tmp_path, refused, suffix, codec, at, words):
    film = Film(codec, 64, 48, base=Fraction(1, 25), times=tuple(range(41)))
    whole = write_film(tmp_path / f"whole{suffix}", film).read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(whole[: int(at * len(whole))])
    (tmp_path / f"o{suffix}").write_bytes(b"what was there")
    refused(tmp_path / f"a{suffix}", tmp_path / f"o{suffix}", ("cannot read", f"a{suffix}", words),
            "--backend", "numpy", "--overwrite", status=1)  # fmt: skip
    assert (tmp_path / f"o{suffix}").read_bytes() == b"what was there"


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize(
    ("failing", "words"),
    [
        (range(24, 25), "frame 24 is too much"),
        (range(7, 99), "frame 7 is too much"),
        (range(22, 99), "frame 22 is too much"),
        ((), "ends early"),
    ],
)
def test_the_first_failure_is_told_whichever_thread_it_is_on(
    tmp_path, refused, monkeypatch, threads, failing, words
):
    """Of a video that breaks off after 24 frames, all read before the last is encoded."""
    film = Film("ffv1", 64, 48, base=Fraction(1, 25), times=tuple(range(41)))
    whole = write_film(tmp_path / "whole.mkv", film).read_bytes()
    (tmp_path / "a.mkv").write_bytes(whole[: int(0.6 * len(whole))])
    encode = writing.Writer.encode

    def late(writer, frame):
        time.sleep(0.005)
        number = round(frame.pts * frame.time_base * 25) + 1
        if number in failing:
            raise FileError(f"frame {number} is too much")
        encode(writer, frame)

    monkeypatch.setattr(writing.Writer, "encode", late)
    refused(tmp_path / "a.mkv", tmp_path / "o.mkv", (words,), "--backend", "numpy",
            "--threads", threads, status=1)  # fmt: skip


def test_damaged_videos_end_in_one_line(tmp_path):
    films = [
        write_film(tmp_path / f"whole{number}{suffix}",
                   Film(codec, 64, 48, base=Fraction(1, 25), times=tuple(range(21))), audio=audio)
        for number, (suffix, codec, audio) in enumerate(
            [(".mp4", "libx264", "aac"), (".webm", "libvpx-vp9", "libopus"), (".mkv", "ffv1", None),
             (".ts", "libx264", "aac"), (".avi", "mpeg4", None)]
        )
    ]  # fmt: skip
    folder, rng = tmp_path / "damaged", np.random.default_rng(4)
    folder.mkdir()
    for number in range(15):
        path = films[number % len(films)]
        (folder / f"{number}{path.suffix}").write_bytes(damaged(path.read_bytes(), rng))
    ending = run(folder, tmp_path / "out", "--json")
    lines = [json.loads(line) for line in ending.stdout.splitlines()]
    assert len(lines) == 15
    assert "Traceback" not in ending.stderr
    for line in lines:
        there = Path(tmp_path / "out" / Path(line["input"]).name)
        assert there.exists() == (line["status"] == "done"), line
        assert line["status"] == "done" or "Error:" not in line["reason"], line
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_folders_of_videos(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    write_film(folder / "a.mkv", Film())
    write_film(folder / "sub" / "b.mp4", Film("libx264", 64, 48), audio="aac")
    Image.fromarray(samples((40, 56, 3))).save(folder / "c.png")
    (folder / "d.txt").write_text("no video")
    ending = run(folder, out, "--jobs", "2")
    assert ending.status == 0, ending.stderr
    assert "3 done, 0 kept, 0 failed, 1 file that is no picture" in ending.stdout
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*") if p.is_file())
    assert files == [".aa_ref/record.jsonl", "a.mkv", "c.png", "sub/b.mp4"]
    first = (out / "sub" / "b.mp4").read_bytes()
    assert "0 done, 3 kept" in run(folder, out).stdout
    (out / "sub" / "b.mp4").unlink()
    assert "1 done, 2 kept" in run(folder, out, "--jobs", "1").stdout
    assert (out / "sub" / "b.mp4").read_bytes() == first
    (out / "a.mkv").write_bytes(b"mine")
    assert "add --overwrite" in run(folder, out).stderr
    assert run(folder, tmp_path / "all", "--format", "mkv").status == 1  # a picture is no video
    assert (tmp_path / "all" / "sub" / "b.mkv").exists()


def test_an_interrupt_ends_a_long_video(tmp_path, monkeypatch):
    """In the midst of it, not at its end."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        write_film(folder / f"{name}.mkv", Film(times=tuple(range(0, 40 * 101, 40))))
    count, encode = [0], writing.Writer.encode

    def interrupting(writer, frame):
        time.sleep(0.01)
        count[0] += 1
        if count[0] == 10:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        encode(writer, frame)

    monkeypatch.setattr(writing.Writer, "encode", interrupting)
    ending = run(folder, tmp_path / "out", "--jobs", "2")
    assert ending.status == 130
    assert count[0] < 100
    assert not run_command.stopping.is_set()
    assert [p.name for p in (tmp_path / "out").rglob("*")] == [".aa_ref", "lock", "record.jsonl"]
    monkeypatch.undo()
    assert "2 done" in run(folder, tmp_path / "out").stdout


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_encoding_leaves_nothing(tmp_path, name, status):
    source = write_film(tmp_path / "a.mp4", Film("libx264", 64, 48))
    program = f"""
import os, signal, sys
from aa_ref.cli import main
from aa_ref.cli.videos.writing import Writer
encode = Writer.encode
def kill(writer, frame):
    encode(writer, frame)
    if writer.frames == 5:
        os.kill(os.getpid(), signal.{name})
Writer.encode = kill
sys.argv = ["aa-ref", "run", {str(source)!r}, "-o", {str(tmp_path / "o.mp4")!r}, "-s", "1/4",
            "--backend", "numpy"]
main()
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (status, "")
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_without_pyav(tmp_path):
    """What to install is said for a video, and pictures go on."""
    source = write_film(tmp_path / "a.mkv", Film())
    Image.fromarray(samples((40, 56, 3))).save(tmp_path / "b.png")
    program = f"""
import sys
sys.modules["av"] = None
from aa_ref.cli import main
sys.argv = ["aa-ref", "run", {str(source)!r}, {str(tmp_path / "b.png")!r}, "-o",
            {str(tmp_path / "out")!r}, "-s", "1/4", "--backend", "numpy"]
main()
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 1
    assert "1 done, 0 kept, 1 failed" in result.stdout
    assert "needs the extra 'video': pip install 'aa-ref[cli,video]'" in result.stderr


def test_no_space(tmp_path):
    source = write_film(tmp_path / "a.mkv", Film(times=tuple(range(0, 40 * 60, 40))))
    program = f"""
import resource, sys
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
from aa_ref.cli import main
sys.argv = ["aa-ref", "run", {str(source)!r}, "-o", {str(tmp_path / "o.mkv")!r}, "-s", "1/4",
            "--backend", "numpy"]
main()
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("aa-ref: cannot write ")
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
