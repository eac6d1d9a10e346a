"""Carry out parts: run the plan of the excerpts, and drop what is not the part's.

Arrays on a GPU are copied by their own package, whose current stream orders the copies.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import Source, Storage, allocate, check_kind, read, read_out, wrap
from .backends import Backend
from .device_arrays import DeviceArray
from .errors import StreamError
from .plans import Direction, Part

__all__ = ["carry_out_part"]


def carry_out_part(
    part: Part, source: Source, out: Any, backend: Backend, stream: int | None, way: Direction
) -> Any:
    """Compute a part of a plan, either way, from an array of the part's shape and type.

    Raises
    ------
    OutError, DtypeError
        As plans do, of ``out`` and of kinds of arrays.
    StreamError
        If a stream is named, but arrays on a GPU have to be copied.
    """
    inner, forward = part.inner, way == "forward"
    places = [e.places for e in part.excerpts]
    taken = [slice(0, n) for n in inner.shape] if forward else places
    kept = places if forward else [slice(*e.kept) for e in part.excerpts]
    before, after = (inner.shape, inner.out_shape)[:: 1 if forward else -1]
    if stream is not None and isinstance(source.storage, DeviceArray):
        _check_no_copies(_is_all(taken, before) and _is_all(kept, after))
    into = None
    if out is None:
        check_kind(source, inner.dtype)
    else:
        into = read_out(out, part.out_shape if forward else part.shape, inner.dtype, source)
    x: Any = _spread(source, before, taken)
    result: Any = into
    if into is None or not _is_all(kept, after):
        result = allocate(after, inner.dtype, x)
    (backend.forward if forward else backend.adjoint)(inner, x, result)
    if out is None:
        return wrap(source, _picked(result, kept, source), inner.dtype)
    if result is not into:
        _put(into, _at(result, kept))
    return out


def _is_all(places: Sequence[Any], shape: tuple[int, ...]) -> bool:
    """Tell whether places (a slice or indices for each dimension) are all there are, in order."""
    return all(map(_is_whole, places, shape))


def _is_whole(place: Any, length: int) -> bool:
    return isinstance(place, slice) and (place.start, place.stop) == (0, length)


def _index(axis: int, place: Any) -> tuple[Any, ...]:
    """Return what indexes places along one axis. CuPy takes lists, but no arrays of NumPy."""
    return (*[slice(None)] * axis, place if isinstance(place, slice) else place.tolist())


def _spread(source: Source, shape: tuple[int, ...], places: Sequence[Any]) -> Storage:
    """Return storage of a shape, with an array at its places and zeros elsewhere."""
    y: Any = source.storage
    for axis, (place, length) in enumerate(zip(places, shape, strict=True)):
        if not _is_whole(place, length):
            wider = *y.shape[:axis], length, *y.shape[axis + 1 :]
            zeros: Any = allocate(wider, source.dtype, y)
            owner: Any = zeros.owner if isinstance(zeros, DeviceArray) else zeros
            owner[...] = 0
            owner[_index(axis, place)] = y.owner if isinstance(y, DeviceArray) else y
            y = zeros
    storage: Storage = y
    return storage


def _at(result: Storage, places: Sequence[Any]) -> Any:
    """Return what lies at the places of a result, as an array that can be indexed."""
    y: Any = result.owner if isinstance(result, DeviceArray) else result
    for axis, (place, length) in enumerate(zip(places, result.shape, strict=True)):
        if not _is_whole(place, length):
            y = y[_index(axis, place)]
    return y


def _picked(result: Storage, places: Sequence[Any], source: Source) -> Storage:
    """Return what lies at the places of a result, as storage to be wrapped."""
    if _is_all(places, result.shape):
        return result
    y = _at(result, places)
    if isinstance(result, DeviceArray):
        copied: Storage = read(y).storage
        return copied
    # A view keeps all of the result; and not every kind of array takes one.
    copies: bool = source.make is not None or y.size < 0.75 * result.size
    picked: Storage = np.ascontiguousarray(y) if copies else y
    return picked


def _put(into: Any, values: Any) -> None:
    (into.owner if isinstance(into, DeviceArray) else into)[...] = values


def _check_no_copies(are_none: bool) -> None:
    if not are_none:
        raise StreamError(
            "stream is given, but this part copies arrays of a GPU, which goes on the stream that "
            "is current; make that stream the current one, and leave stream out"
        )
