"""``aa-ref pyramid``: write an image's pyramid as OME-Zarr."""

import logging
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from aa_ref.backends import get_backend

from .endings import FileError, UsageError, ends_cleanly, note, tell
from .options import (
    Dtype,
    Overwrite,
    Sampling,
    Sigma,
    parse_integers,
    parse_numbers,
    parse_path,
    parse_words,
)

__all__ = ["PyramidCommand", "pyramid"]

_SCALES = ("--scales", "-s")
_NEEDED = ("dask", "zarr", "ome_zarr_models")


class PyramidCommand(TyperCommand):
    """A command whose ``--scales`` takes all numbers that follow: ``--scales 1/2 1/4 1/8``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its numbers, as click wants it."""
        spelt: list[str] = []
        takes = False
        for i, arg in enumerate(args):
            is_number = re.fullmatch(r"[\d.]+(/\d+)?(,[\d.]+(/\d+)?)*", arg) is not None
            if takes and is_number and args[i - 1] not in _SCALES:
                spelt.append(_SCALES[0])
            else:
                takes = (
                    arg in _SCALES
                    or arg.startswith(f"{_SCALES[0]}=")
                    or (takes and args[i - 1] in _SCALES)
                )
            spelt.append(arg)
        return super().parse_args(ctx, spelt)


@ends_cleanly
def pyramid(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="A folder of Zarr or OME-Zarr, a .npy or a TIFF."),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="The folder of OME-Zarr to make: name.ome.zarr.",
            show_default=False,
        ),
    ],
    scales: Annotated[
        list[str] | None,
        typer.Option(
            *_SCALES,
            metavar="S [S ...]",
            help="Of each level, the largest first; 1 copies the full resolution. "
            "With commas, one for each axis: 1/2,1/4.",
            show_default="1 1/2 1/4 1/8",
        ),
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(
            "--axes",
            metavar="NAMES",
            help="What is filtered, such as zyx; the other axes stay.",
            show_default="yx",
        ),
    ] = None,
    dims: Annotated[
        str | None,
        typer.Option(
            "--dims",
            metavar="NAMES",
            help="The input's axes in its order, such as tczyx, where it does not name them.",
        ),
    ] = None,
    sigma: Sigma = None,
    boundary: Annotated[
        str,
        typer.Option(
            "--boundary",
            metavar="RULE[,RULE]",
            help="What stands beyond the ends: zeros, replicate, reflect or circular.",
        ),
    ] = "reflect",
    sampling: Sampling = "slice",
    dtype: Dtype = None,
    chunks: Annotated[
        str | None,
        typer.Option(
            "--chunks",
            metavar="N,N",
            help="The shape of stored chunks, one size for each axis that is written.",
            show_default="a Zarr input's own, or tiles of 2**20 samples",
        ),
    ] = None,
    shards: Annotated[
        str | None,
        typer.Option(
            "--shards", metavar="N,N", help="The shape of shards, files of many chunks each."
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option("--backend", metavar="NAME", help="Which one computes; see aa-ref info."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", metavar="N", min=1, help="How many threads at most."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a low-passed pyramid as OME-Zarr 0.5, for images larger than memory.

    Every level is made from the full resolution, not from the level above, and the input is read
    once for all. Takes Zarr (versions 2 and 3), OME-Zarr (0.4 and 0.5), .npy and TIFF; names,
    units, pixel sizes, channels and labels are kept.

    OUTPUT has its name when all of it is written, and not before.
    """
    _see_that_the_extra_is_there()
    path = parse_path(output, "--output")
    options: dict[str, Any] = {
        "scales": [parse_numbers(s, "--scales") for s in scales or ("1", "1/2", "1/4", "1/8")],
        "axes": axes,
        "dims": dims,
        "sigma": None if sigma is None else parse_numbers(sigma, "--sigma"),
        "boundary": parse_words(boundary),
        "sampling": parse_words(sampling),
        "dtype": dtype,
        "chunks": None if chunks is None else parse_integers(chunks, "--chunks"),
        "shards": None if shards is None else parse_integers(shards, "--shards"),
        "overwrite": overwrite,
        "backend": backend,
    }
    if backend is not None:
        get_backend(backend)
    if 1 not in options["scales"]:
        note("the full resolution is not among the levels; a scale of 1 copies it")
    _tell(source, path, _written(str(parse_path(source, "INPUT")), path, threads, options))


def _see_that_the_extra_is_there() -> None:
    if any(find_spec(name) is None for name in _NEEDED):
        raise UsageError("pyramid needs the extra 'dask': pip install 'aa-ref[cli,dask]'")


def _written(source: str, path: Path, threads: int | None, options: dict[str, Any]) -> Any:
    """Write the pyramid, with progress on a terminal, and return its group."""
    import dask
    from dask import diagnostics

    from aa_ref_dask import write_pyramid
    from aa_ref_dask.errors import SourceError

    logging.getLogger("tifffile").disabled = True  # what matters comes as an exception
    with ExitStack() as stack:
        if threads is not None:
            stack.enter_context(dask.config.set(num_workers=threads))
        if sys.stderr is not None and sys.stderr.isatty():
            bar: Any = diagnostics
            stack.enter_context(bar.ProgressBar(dt=0.5, out=sys.stderr))
        try:
            return write_pyramid(source, path, **options)
        except SourceError as error:
            raise FileError(_in_options(str(error))) from None
        except (FileExistsError, FileNotFoundError) as error:
            raise FileError(_in_options(str(error))) from None
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from None


def _in_options(message: str) -> str:
    """Return a message of the library with options in place of a function's arguments."""
    message = re.sub(r"\bdims='(\w+)'", r"--dims \1", message)
    message = re.sub(r"\bwith dims\b", "with --dims", message)
    return message.replace("pass overwrite=True", "add --overwrite")


def _tell(source: str, path: Path, group: Any) -> None:
    """Say what was taken, and what each level is."""
    (multiscale,) = group.attrs["ome"]["multiscales"]
    taken = multiscale["metadata"]["kwargs"]
    tell(
        f"{source} -> {path}: boundary {_joined(taken['boundary'])}, sampling "
        f"{_joined(taken['sampling'])}, filtered along {_joined(taken['axes'])}"
    )
    for level, scale in zip(multiscale["datasets"], taken["scales"], strict=True):
        x = group[level["path"]]
        spacings = level["coordinateTransformations"][0]["scale"]
        sizes = [
            f"{axis['name']} {length}{_spacing(spacing, axis.get('unit'))}"
            for axis, length, spacing in zip(multiscale["axes"], x.shape, spacings, strict=True)
        ]
        typer.echo(f"  {level['path']}  scale {_joined(scale)}: {', '.join(sizes)}; {x.dtype}")


def _spacing(spacing: float, unit: str | None) -> str:
    return f" × {spacing:g} {unit}" if unit else ""


def _joined(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return str(value)
