"""Arrays on disk into others, a block at a time through Dask: Zarr, and ``.npy`` of any size.

A Zarr result is made in a folder beside its place, together with what it is made of, and gets its
name when it is complete. A run that was broken off goes on with the blocks that are missing.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .cluster import Computing
from .conversion import Request
from .endings import FileError, UsageError, note
from .output import Draft, worded
from .record import PARTIAL, fingerprint
from .refused_types import advice_on

__all__ = ["convert_store", "is_store", "two_stores"]

_LARGE = 256 << 20
"""Bytes of a ``.npy`` that is no longer filtered in memory as a whole."""

_NEEDED = "dask", "zarr"
_ZARR = "zarr.json", ".zarray", ".zgroup"
_NUMBERS, _ARRAY = "made-of.json", "array"

Show = Callable[[int, int], None]


def is_store(path: Path) -> bool:
    """Tell whether a folder is a Zarr array or group, or is named like one."""
    return path.is_dir() and (
        path.suffix.lower() == ".zarr" or any((path / name).exists() for name in _ZARR)
    )


def two_stores(source: str, target: str, request: Request) -> bool:
    """Tell whether an input is to be read, or a result written, a block at a time."""
    path = Path(source)
    if is_store(path) or Path(target).suffix.lower() == ".zarr":
        return True
    if isinstance(request.nodata, float):  # which counts samples of the whole array
        return False
    large = path.suffix.lower() == ".npy" and path.is_file() and path.stat().st_size > _LARGE
    return large and not _missing_packages()


def convert_store(
    source: str,
    target: Path,
    request: Request,
    computing: Computing,
    overwrite: bool,
    *,
    announce: Callable[[Path], None] = lambda path: None,
    show: Show = lambda done, total: None,
) -> str:
    """Downsample an array on disk, and return a line on what was done.

    Parameters
    ----------
    source : str
        A ``.npy``, or a folder of Zarr.
    target : Path
        A ``.npy`` or ``.zarr``.
    request : Request
    computing : Computing
    overwrite : bool
    announce : callable
        Is told where the result is, complete, before it gets its name.
    show : callable
        Is told how many blocks are done, of how many.

    Raises
    ------
    AaRefError, FileError, UsageError
    """
    _check(source, target, request)
    from aa_ref_dask import blockwise
    from aa_ref_dask.errors import ClusterError, OtherTypeError, SourceError

    options = {**request.options_for("zeros"), "axes": request.axes or (-2, -1)}
    try:
        client = computing.client
        path = os.path.abspath(source) if client else source  # noqa: PTH100 (keeps links)
        job = blockwise.open_job(path, **options, backend=request.backend)
        get = blockwise.on_cluster(client) if client else blockwise.on_threads(computing.threads)

        if target.suffix.lower() == ".npy":
            with _file(target, overwrite, announce) as array:
                blockwise.create_npy(array, job)
                blockwise.fill(array, job, get, show)
        else:
            made_of = {
                "input": os.path.abspath(source),  # noqa: PTH100 (keeps links)
                **fingerprint(Path(source))._asdict(),
                "parameters": request.parameters(),
                "blocks": list(job.cut.outputs),
            }
            with _folder(target, overwrite, made_of, announce) as array:
                if not array.exists():
                    new = array.with_name("new")
                    shutil.rmtree(new, ignore_errors=True)
                    blockwise.create_zarr(new, job)
                    new.rename(array)
                blockwise.fill(array, job, get, show)
    except OtherTypeError as error:
        raise FileError(f"{error.what}; {advice_on(error.dtype)}") from None
    except (ClusterError, SourceError) as error:
        raise FileError(str(error)) from None
    plan, rule = job.plan, options["boundary"]
    return (
        f"{source} {plan.shape} {plan.input_dtype} -> {target} {plan.out_shape} {plan.dtype}: "
        f"boundary {rule if isinstance(rule, str) else ','.join(rule)}, in blocks of "
        f"{job.cut.outputs} by Dask"
    )


def _missing_packages() -> list[str]:
    return [name for name in _NEEDED if find_spec(name) is None]


def _check(source: str, target: Path, request: Request) -> None:
    missing = _missing_packages()
    if missing:
        raise UsageError(
            f"{source} into {target} needs {' and '.join(missing)}: pip install 'aa-ref[cli,dask]'"
        )
    if not is_store(Path(source)) and Path(source).suffix.lower() != ".npy":
        raise UsageError(f"OUTPUT is {target}, but {source} is no array; name a picture or a video")
    mirrored = is_store(Path(source)) and target.suffix == Path(source).suffix
    if not mirrored and target.suffix.lower() not in (".npy", ".zarr"):
        raise UsageError(
            f"OUTPUT is {target}, but {source} is an array, which does not say how its numbers are "
            "to be seen; write a .npy or a .zarr"
        )
    if request.format is not None:
        raise UsageError(
            f"--format is {request.format}, but {source} is an array, whose result is named .npy "
            "or .zarr; leave it out"
        )
    request.check_quality(str(target), "npy")
    if request.linear_light:
        raise UsageError(
            f"--linear-light is given, but {source} is an array, which does not say how its "
            "numbers are to be seen; leave it out"
        )
    if isinstance(request.nodata, float):
        raise UsageError(
            f"--nodata is given, but {source} into {target} is done block by block, where samples "
            "without data are not left out; save the array as .npy, and write a .npy"
        )


@contextmanager
def _file(target: Path, overwrite: bool, announce: Callable[[Path], None]) -> Iterator[Path]:
    """Give where a file is made, which at the end gets its name."""
    draft = Draft(target, overwrite)
    try:
        with worded(target):
            yield draft.temporary
        announce(draft.temporary)
        draft.publish()
    finally:
        draft.discard()


@contextmanager
def _folder(
    target: Path, overwrite: bool, made_of: dict[str, Any], announce: Callable[[Path], None]
) -> Iterator[Path]:
    """Give where a folder is made, perhaps with a part of it; at the end it gets its name."""
    _check_folder(target, overwrite)
    partial = target.with_name(f".{target.name}{PARTIAL}")
    array, described = partial / _ARRAY, partial / _NUMBERS
    with worded(target):
        if _described(described) == made_of:
            note(f"{target} was broken off; what is there of it is kept")
        else:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            described.write_text(json.dumps(made_of), "utf-8")
        yield array
        announce(array)
        if target.exists():
            _check_folder(target, overwrite)
            target.rename(partial / "replaced")
        array.rename(target)
        shutil.rmtree(partial)


def _described(path: Path) -> Any:
    with suppress(OSError, ValueError):
        return json.loads(path.read_text("utf-8"))
    return None


def _check_folder(target: Path, overwrite: bool) -> None:
    if not target.absolute().parent.is_dir():
        raise FileError(f"cannot write {target}: there is no folder {target.absolute().parent}")
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise FileError(f"{target} exists; add --overwrite to replace it, or name another")
    if target.is_symlink() or not any((target / name).is_file() for name in _ZARR):
        raise FileError(
            f"{target} exists and is no folder of Zarr, so it is not replaced; name another, or "
            "remove it first"
        )
