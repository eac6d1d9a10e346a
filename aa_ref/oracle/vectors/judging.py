"""The verdict on results that another program computed from a folder of vectors."""

import math
import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...arrays import Source
from ...dtypes import STORAGE
from ...plans import Direction
from ..comparison import Comparison, compare
from ..terms import MOST_EXACT
from .errors import VectorsError
from .manifest import ARCHIVE, RESULTS, File
from .reading import Vectors, read_vectors
from .results import ResultFiles, open_results
from .safetensors import Tensor
from .verdicts import Judgement, Verdict

__all__ = ["judge_vectors"]


def judge_vectors(
    folder: str | os.PathLike[str],
    results: str | os.PathLike[str],
    *,
    precision: str | None = None,
    form: str = "any",
    taps: str = "recomputed",
    every: bool = False,
    direction: Direction | None = None,
) -> Judgement:
    """Judge what another program computed from the inputs in ``folder``.

    Parameters
    ----------
    folder : path
        What `write_vectors` wrote. Every file in it has to have the SHA-256 that the manifest says.
    results : path
        A folder of ``.npy`` files, a ``.npz`` or a ``.safetensors``, with names as in ``folder``:
        ``half-normal.y`` for the result of that case, ``half-normal.gx`` for its adjoint.
    precision, form, taps : str
        What the implementation claims, as in `aa_ref.oracle.bound`; the precision is by default
        binary64 for float64 input, else binary32.
    every : bool
        Whether a result that is not there is a failure.
    direction : {"forward", "adjoint"}, optional
        The only one that is judged; by default both are.

    Returns
    -------
    Judgement

    Raises
    ------
    VectorsError
        If either place cannot be read, the vectors were changed, or there is no result at all.
    """
    vectors = read_vectors(folder)
    own = Path(folder).resolve()
    if Path(results).resolve() in (own, own / ARCHIVE):
        raise VectorsError(
            f"{results} holds the vectors themselves; name where your program put its results"
        )
    given = open_results(results)
    if direction not in (None, *RESULTS.values()):
        raise VectorsError(f"direction is {direction!r}; write 'forward' or 'adjoint', or None")
    asked = [role for role, d in RESULTS.items() if direction in (None, d)]
    wanted = [(v, role) for v in vectors for role in asked if role in v.arrays]
    names = [_name(v, role) for v, role in wanted]
    if given.names.isdisjoint(names):
        raise VectorsError(
            f"{results} has none of the {len(names)} results; name them like {names[0]}.npy"
        )
    verdicts = tuple(
        _verdict(v, role, given, precision or v.entry.precision, form, taps) for v, role in wanted
    )
    known = {_name(v, role) for v in vectors for role in v.arrays}
    unknown = {name: _meant(name, names) for name in sorted(given.names - known)}
    return Judgement(verdicts, precision, form, taps, every, unknown)


def _meant(name: str, names: Iterable[str]) -> str | None:
    """Return the result whose name is nearest, if one is near."""
    return next(iter(get_close_matches(name, names, 1)), None)


def _name(v: Vectors, role: str) -> str:
    return f"{v.entry.name}.{role}"


def _verdict(
    v: Vectors, role: str, given: ResultFiles, precision: str, form: str, taps: str
) -> Verdict:
    p, direction, name = v.entry.plan, RESULTS[role], _name(v, role)
    x = v.arrays["x"]
    if direction == "adjoint":  # gradients keep their type
        p, x = p.replace_input_dtype(p.input_dtype), v.arrays["g"]
    grade, worst, message = "missing", None, ""
    if name in given.names:
        try:
            y = _right_kind(given.read(name), v.entry.files[role])
        except VectorsError as error:
            grade, message = "fails", f"the file {error}"
        else:
            c = compare(
                _source(y, p.dtype), _source(x, p.input_dtype), p,
                precision=precision, form=form, taps=taps, direction=direction,
                exact=math.prod(p.shape) <= MOST_EXACT,
            )  # fmt: skip
            grade, worst, message = c.grade, c.worst, _words(c)
    return Verdict(
        v.entry.name, direction, name, grade, worst, message, v.entry.label, v.entry.suggests
    )


def _source(storage: NDArray[Any], dtype: str) -> Source:
    return Source(storage, dtype, storage, None)


def _right_kind(result: Tensor, expected: File) -> NDArray[Any]:
    """The storage of a result, or a `VectorsError` that says what is wrong with it as a whole."""
    array, dtype = result
    # NumPy has no bfloat16: its files hold the bits, as integers or as two bytes without a type.
    bits = expected.dtype == "bfloat16" and dtype in ("uint16", "void16")
    if dtype != expected.dtype and not bits:
        wanted = (
            "bfloat16 (as its bits in uint16)" if expected.dtype == "bfloat16" else expected.dtype
        )
        raise VectorsError(f"holds {dtype}, not {wanted}")
    if array.shape != expected.shape:
        raise VectorsError(f"holds shape {array.shape}, not {expected.shape}")
    storage = STORAGE[expected.dtype]
    little = array.view("<u2") if dtype == "void16" else array
    return little.astype(storage)


def _words(c: Comparison) -> str:
    """What the comparison says beside its grade; of a result that is right to the bit, nothing."""
    if c.grade == "bit-identical":
        return ""
    said = list(c.notes)
    if c.grade == "fails":
        said.insert(
            0, f"at {c.where}: {c.got!r}, but the truth is {c.expected!r} ± {c.allowed:.3g}"
        )
    return "; ".join(said)
