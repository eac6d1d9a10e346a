"""``aa-ref run``: downsample pictures and arrays: one file, several, or folders of them."""

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import pyvips
import typer

import aa_ref
from aa_ref.backends import get_backend
from aa_ref.dtypes import name_of

from .batch import Batch, Outcome
from .cluster import Computing, Workers, computing_on
from .conversion import Request, convert, output_format, suffix_of, write_video
from .endings import UsageError, ends_cleanly, note, reason_of, stopping, tell
from .inputs import STANDARD, Input, open_input
from .nodata import parse_nodata
from .options import (
    Axes,
    Dtype,
    Overwrite,
    Sampling,
    Scale,
    Sigma,
    parse_integers,
    parse_numbers,
    parse_path,
    parse_words,
)
from .output import (
    Draft,
    check_destination,
    check_standard_output,
    write_file,
    write_standard_output,
)
from .progress import Progress, bar_of_blocks, json_line
from .record import Record
from .selection import is_several, select
from .stores import convert_store, two_stores
from .videos import is_video

__all__ = ["run"]

_MAX_PIXELS = 1 << 28
_MOST_JOBS = 8  # more files at a time want much memory, and disks that answer slowly


@ends_cleanly
def run(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="PNG, JPEG, WebP, TIFF, AVIF, GIF, .npy, .zarr or a video; folders and patterns "
            "of them; - is standard input.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="The suffix says the format; - is standard output. For several inputs and "
            "folders: a folder.",
            show_default=False,
        ),
    ],
    scale: Scale,
    sigma: Sigma = None,
    boundary: Annotated[
        str | None,
        typer.Option(
            "--boundary",
            metavar="RULE[,RULE]",
            help="What stands beyond the ends: zeros, replicate, reflect or circular. "
            "By default reflect for pictures and videos, and zeros for arrays.",
        ),
    ] = None,
    sampling: Sampling = "slice",
    dtype: Dtype = None,
    axes: Axes = None,
    backend: Annotated[
        str | None,
        typer.Option("--backend", metavar="NAME", help="Which one computes; see aa-ref info."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", help="How many threads at most.")
    ] = None,
    linear_light: Annotated[
        bool,
        typer.Option(
            "--linear-light",
            help="Filter the light that a picture's samples stand for by sRGB's curve, not the "
            "samples as stored.",
        ),
    ] = False,
    quality: Annotated[
        int | None,
        typer.Option(
            "--quality",
            metavar="1..100",
            min=1,
            max=100,
            help="Of JPEG (95 by default), WebP and AVIF (by default without loss), and of videos.",
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="The output's format, whatever its suffix: png, tif. In a folder, the results' "
            "suffix, too. Of a picture, for a video: a folder of its frames.",
        ),
    ] = None,
    max_pixels: Annotated[
        int,
        typer.Option("--max-pixels", metavar="N", min=1, help="Refuse larger pictures unread."),
    ] = _MAX_PIXELS,
    nodata: Annotated[
        str | None,
        typer.Option(
            "--nodata",
            metavar="auto|VALUE|ignore",
            help="Leave out samples without data: auto those of the number that a TIFF names "
            "(GDAL_NODATA), VALUE those of this number. ignore takes them as numbers.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            help="How many files at a time, each with its share of the threads. "
            "By default one for each thread, at most 8.",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDRESS",
            help="Of a Dask cluster that sees the same files, to do the work: tcp://host:8786.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON for each file.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Low-pass pictures or arrays and keep every stride-th sample.

    Pictures are filtered along rows and columns as a viewer shows them, on the values as stored,
    with transparency taken into account; of an animation, every frame. Their colour profile is
    kept, and so are EXIF and XMP where the format holds them. Their printed size stays: the
    resolution goes down with the scale.

    The boundary of pictures is reflect, so that a white edge stays white; that of arrays is zeros,
    the layer's own.

    The results of a folder lie under OUTPUT as their inputs do in the folder, those of several
    files side by side. The same command again makes what is missing there, older than its input, or
    made with other options. It replaces what a record in OUTPUT says an earlier run made; anything
    else needs --overwrite. A file that fails is named, and the rest goes on.

    Arrays in .zarr, and large ones in .npy, are read and written in blocks; a .zarr that was broken
    off goes on where it ended.

    A file that is cut off or damaged is refused as far as that can be told: a JPEG has no checksum,
    and wrong samples in it are filtered like right ones.
    """
    for name in (*inputs, output):
        parse_path(name, "--output" if name is output else "INPUT")
    request = Request(
        {
            "scale": parse_numbers(scale, "--scale"),
            "sigma": None if sigma is None else parse_numbers(sigma, "--sigma"),
            "boundary": None if boundary is None else parse_words(boundary),
            "sampling": parse_words(sampling),
            "dtype": None if dtype is None else _storable(dtype),
        },
        None if axes is None else parse_integers(axes, "--axes"),
        backend,
        file_format,
        quality,
        linear_light,
        max_pixels,
        None if nodata is None else parse_nodata(nodata),
    )
    work = _Work(jobs, threads, scheduler, overwrite, json)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of scales that keep all, which is noted
        suffix = None
        if request.format is not None:
            suffix = suffix_of(output_format(output, request.format))
        if is_several(inputs, output, suffix):
            _run_many(inputs, output, suffix, request, work)
        elif two_stores(inputs[0], output, request):
            _run_store(inputs[0], output, request, work)
        else:
            _run_one(inputs[0], output, request, work)


class _Work(NamedTuple):
    """How it is to be done, which changes no result."""

    jobs: int | None
    threads: int | None
    scheduler: str | None
    overwrite: bool
    json: bool

    def prepare(self, request: Request) -> None:
        """Check the options, and set how many threads there are."""
        request.check()
        if self.threads is not None:
            aa_ref.set_num_threads(self.threads)
            pyvips.concurrency_set(self.threads)
        if request.backend is not None:
            get_backend(request.backend)


def _run_one(source: str, output: str, request: Request, work: _Work) -> None:
    name, target = str(Path(source)), str(Path(output))
    piped = target == STANDARD
    with _told(name, target, work, err=piped) as told:
        format_name = output_format(target, request.format)
        request.check_quality(target, format_name)
        if piped:
            check_standard_output()
        else:
            check_destination(Path(target), work.overwrite)
        work.prepare(request)
        if work.scheduler is not None:
            note("one file alone is worked on here, not by the cluster")
        origin = open_input(name)
        if is_video(origin):
            told(_run_video(origin, target, format_name, request, work))
            return
        conversion = convert(origin, target, format_name, request)
        if piped:
            write_standard_output(conversion.parts)
        else:
            write_file(Path(target), conversion.parts, work.overwrite)
        told(conversion.said)


def _run_store(source: str, output: str, request: Request, work: _Work) -> None:
    name, target = str(Path(source)), str(Path(output))
    work.prepare(request)
    with (
        _told(name, target, work) as told,
        computing_on(work.scheduler) as computing,
        bar_of_blocks() as show,
    ):
        said = convert_store(name, Path(target), request, computing, work.overwrite, show=show)
        told(said)


@contextmanager
def _told(
    source: str, target: str, work: _Work, *, err: bool = False
) -> Iterator[Callable[[str], None]]:
    """Tell what became of a file: by what is said of it, or by its error."""
    said = list[str]()
    try:
        yield said.append
    except Exception as error:
        if work.json:
            failed = Outcome(source, target, "failed", reason_of(error))
            typer.echo(json_line(failed), err=err)
        raise
    done = Outcome(source, target, "done", None, *said)
    tell(json_line(done) if work.json else done.said, err=err)


def _run_video(origin: Input, target: str, format_name: str, request: Request, work: _Work) -> str:
    if target == STANDARD:
        raise UsageError(f"OUTPUT is -, and {origin.name} is a video; name a file")
    draft = Draft(Path(target), work.overwrite)
    try:
        said = write_video(origin, draft, format_name, request)
        draft.publish()
    finally:
        draft.discard()
    return said


def _run_many(
    inputs: list[str], output: str, suffix: str | None, request: Request, work: _Work
) -> None:
    if request.format is not None:
        request.check_quality(output, output_format(output, request.format))
    work.prepare(request)
    selection = select(inputs, output, suffix)
    for text in selection.notes:
        note(text)
    record, total = Record(Path(output)), len(selection.items) + len(selection.failures)
    with (
        computing_on(work.scheduler) as computing,
        record.opened(),
        Progress(total, work.json) as progress,
    ):
        for source, reason in selection.failures:
            progress.show(Outcome(source, "", "failed", reason))
        most = _MOST_JOBS if computing.client is None else computing.threads
        jobs = min(work.jobs or min(computing.threads, most), max(1, len(selection.items)))
        share = max(1, computing.threads // jobs) if computing.client is None else 1
        batch = Batch(record, request, computing, work.overwrite)
        with _share_of_libvips(share), _pool(jobs, computing) as pool:
            try:
                for outcome in batch.outcomes(selection.items, pool, 3 * jobs, share):
                    progress.show(outcome)
            except BaseException:
                stopping.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            finally:
                stopping.clear()
    progress.summarise(selection.passed_over)
    if progress.failed:
        raise typer.Exit(1)


def _pool(jobs: int, computing: Computing) -> Executor:
    if computing.client is not None:
        return Workers(computing.client)
    return ThreadPoolExecutor(jobs, "aa_ref")


@contextmanager
def _share_of_libvips(threads: int) -> Iterator[None]:
    before = pyvips.concurrency_get()
    pyvips.concurrency_set(threads)
    try:
        yield
    finally:
        pyvips.concurrency_set(before)


def _storable(dtype: str) -> str:
    """A result type that a file can name."""
    name = name_of(dtype, "--dtype")
    if name == "bfloat16":
        raise UsageError("--dtype is bfloat16, which no file here can name; write float32")
    return name
