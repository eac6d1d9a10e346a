"""The check: an implementation and the terms that it is judged by, in; a report, out.

Or tests of pytest's, one for each property.
"""

import math
from collections.abc import Callable
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from ..plans import Direction
from .calling import Caller, caller_of
from .calling.programs import ByPrograms, Program
from .calling.worker import InProcess, check_name, load, name_of_function, target_of
from .errors import OracleError
from .findings import Finding
from .report import Report
from .terms import Terms, as_terms
from .trial import Trial

__all__ = ["PROPERTIES", "check", "suite"]

Function = Callable[..., Any] | str | Program

_MINUTES = 5.0
"""That a thorough check asks random questions, if nothing else is said."""


def check(
    fn: Function,
    scale: Any,
    *,
    layout: str = "NCHW",
    dtype: Any = "float32",
    precision: str | None = None,
    form: str = "any",
    taps: str = "recomputed",
    adjoint: Function | None = None,
    sigma: Any = None,
    boundary: Any = "zeros",
    sampling: Any = "slice",
    channels: int | None = None,
    shapes: Any = None,
    multiple_of: int = 1,
    timeout: float | None = None,
    isolate: bool = False,
    seed: int = 0,
    thorough: bool = False,
    minutes: float | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Report:
    """Judge an implementation of `aa_ref.downsample` by its answers.

    It is asked about some eighty small arrays: impulses, constants, ramps, noise, numbers that
    cancel, NaN, sizes from one sample on; and, if it is right for these, about three large ones.
    It passes if every element of every answer is within a
    bound that holds for any correct implementation in the precision, in the type and shape that are
    right, and the same when asked again. See ``docs/oracle.md``.

    Parameters
    ----------
    fn : function, str or Program
        From an ndarray to an ndarray, or its name, ``"package.module:function"``; or an executable
        that reads and writes ``.npy`` files, ``Program("./port {input} {output}")``.
    scale, sigma, boundary, sampling
        The operation, as in `aa_ref.downsample`.
    layout : str
        What the dimensions are, a letter for each: N and C for batch and channels, at most once,
        and DHW, HW, W or L for what is filtered. NCHW, NHWC, CHW, HWC, HW, NCDHW, NCL, L, …
    dtype : str or dtype
        The one type that is judged: float64, float32, float16, bfloat16, uint8 or uint16. The
        result is to be of the same. bfloat16 comes as ``ml_dtypes`` has it.
    precision : str, optional
        What the implementation rounds: binary64, binary32, tf32, binary16, bfloat16, pure-binary16
        or pure-bfloat16. By default binary64 for float64, otherwise binary32.
    form : {"any", "separable", "direct", "fft"}
        How it sums: axis by axis, all axes at once, either, or by Fourier transforms.
    taps : {"recomputed", "given"}
        Whether it computes its own taps in its precision, or has been given those of the plan.
    adjoint : function, str or Program, optional
        Called as ``adjoint(g, shape)``: ``g`` is a gradient of the result, ``shape`` the input's,
        and so that of the gradient which it returns. Integers have none: ``g`` is float32 for them.
    channels : int, optional
        For an implementation made for so many. By default there are 1 to 5, and 67.
    shapes : sequence of tuple of int, optional
        For an implementation that takes no others: lengths of the filtered axes, or whole shapes.
    multiple_of : int
        For an implementation whose filtered axes have to be as long as a multiple of this.
    timeout : float, optional
        Seconds that any one call may take. The calls are then made on a thread of their own, which
        is abandoned where it hangs.
    isolate : bool
        Make the calls in a process of their own, where crashes are findings and whatever hangs is
        ended. For functions that can be imported.
    seed : int
        Another one gives other noise.
    thorough : bool
        Ask a function that is right so far random questions besides, larger and larger, and one of
        them again and again; its adjoint, too. Of ``shapes`` and ``multiple_of`` no others.
    minutes : float, optional
        How long to ask those, 5 by default.
    progress : function, optional
        Called as ``progress(asked, planned)`` after each call, with how many there have been and
        are to be; ``planned`` is None while a diagnosis asks as many as it needs.

    Returns
    -------
    Report
        True if the implementation passed; ``print`` shows all of it.

    Raises
    ------
    AaRefError
        If something about the question is wrong. What is wrong with the function never raises.
    """
    terms = as_terms(
        scale, layout=layout, dtype=dtype, precision=precision, form=form, taps=taps, sigma=sigma,
        boundary=boundary, sampling=sampling, shapes=shapes, multiple_of=multiple_of,
    )  # fmt: skip
    channels = _channels(terms, channels)
    _check_numbers(terms, channels, timeout, seed)
    minutes = _checked_minutes(thorough, minutes)
    given: dict[Direction, Function] = {"forward": fn}
    if adjoint is not None:
        given["adjoint"] = adjoint
    for f in given.values():
        if not (callable(f) or isinstance(f, str | Program)):
            raise OracleError(f"the function is {f!r}; pass something that can be called")
        if isinstance(f, str):
            check_name(f)
    functions: dict[Direction, Function] = given
    programs = {d: f for d, f in given.items() if isinstance(f, Program)}
    caller: Caller
    if programs:
        if len(programs) < len(given) or isolate:
            raise OracleError(
                "a program runs in a process of its own, and so has its adjoint to: leave isolate "
                "out, and write Program(...) for both"
            )
        caller = ByPrograms(programs, timeout)
    elif isolate:
        caller = _isolated(given, timeout)  # which alone imports them: that may crash, too
    else:
        loaded = {
            d: load(f) if isinstance(f, str) else f
            for d, f in given.items() if not isinstance(f, Program)
        }  # fmt: skip
        functions, caller = {**loaded}, caller_of(loaded, timeout)
    try:
        tell = progress or (lambda asked, planned: None)
        trial = Trial(terms, functions, caller, tell, channels, seed)
        with np.errstate(all="ignore"):  # NaN and infinity are among the probes
            trial.run(minutes)
    finally:
        caller.close()
    forward = functions["forward"]
    return trial.report(str(forward) if isinstance(forward, Program) else name_of_function(forward))


def _channels(terms: Terms, channels: Any) -> Any:
    """Return how many channels there are, if ``channels`` or the shapes say so."""
    of_shapes = terms.accepts.channels
    if of_shapes is not None and channels not in (None, of_shapes):
        raise OracleError(f"channels is {channels}, and shapes have {of_shapes}; leave one out")
    return channels if of_shapes is None else of_shapes


def _check_numbers(terms: Terms, channels: Any, timeout: Any, seed: Any) -> None:
    if channels is not None and not (isinstance(channels, int) and channels >= 1):
        raise OracleError(f"channels is {channels!r}; write how many the function is made for")
    if channels is not None and not terms.layout.has_channels:
        raise OracleError(
            f"channels is {channels}, but the layout {terms.layout.name} has no C; leave it out"
        )
    if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
        raise OracleError(f"timeout is {timeout!r}; write seconds, or None for no limit")
    if not (isinstance(seed, int) and 0 <= seed < 1 << 20):
        raise OracleError(f"seed is {seed!r}; write an integer from 0 to {(1 << 20) - 1}")


def _checked_minutes(thorough: bool, minutes: Any) -> float:
    """How long to ask random questions."""
    if minutes is None:
        return _MINUTES if thorough else 0.0
    if not thorough:
        raise OracleError(f"minutes is {minutes!r}, for a thorough check; add thorough=True")
    if not (isinstance(minutes, int | float) and 0 < minutes < math.inf):
        raise OracleError(f"minutes is {minutes!r}; write how long to ask, a number above 0")
    return float(minutes)


def _isolated(functions: dict[Direction, Function], timeout: float | None) -> InProcess:
    targets = {d: target_of(f) for d, f in functions.items()}
    for direction, target in targets.items():
        if target is None:
            raise OracleError(
                f"isolate needs functions that another process can import, which "
                f"{functions[direction]!r} is not; give it a name at the top of a module"
            )
    return InProcess({d: t for d, t in targets.items() if t is not None}, timeout)


PROPERTIES = MappingProxyType(
    {
        "answers": ("error", "timeout"),
        "returns-the-right-type": ("dtype",),
        "returns-the-right-size": ("size",),
        "leaves-its-input-alone": ("mutates",),
        "returns-memory-of-its-own": ("aliases",),
        "answers-twice-alike": ("unstable",),
        "keeps-to-the-boundary": ("boundary",),
        "keeps-to-the-centres": ("phase", "stride"),
        "has-the-right-taps": ("radius", "sigma", "normalisation"),
        "filters-the-right-axes": ("axes", "flip"),
        "keeps-channels-apart": ("channels",),
        "gives-the-right-values": ("values",),
        "rounds-no-more-than-it-may": ("precision",),
        "carries-nan-and-infinity": ("nan",),
        "has-the-right-adjoint": ("adjoint",),
    }
)
"""The tests of a suite, and the codes of the findings that make each of them fail."""
_JUDGED = "can-be-judged"


def suite(fn: Function, scale: Any, **options: Any) -> Callable[[str], None]:
    """Tests for pytest: one for each property, of one check.

    In a file that pytest collects, write ::

        test_mine = oracle.suite(my_function, scale=0.25)

    for ``test_mine[returns-the-right-size]``, ``test_mine[keeps-to-the-boundary]`` and so on. The
    function is checked once, when the first of them runs. A failure shows findings and snippets.

    Parameters
    ----------
    fn, scale, **options
        As in `check`.

    Returns
    -------
    function
        With pytest's mark; give it a name that pytest collects.
    """
    import pytest

    names = [n for n in PROPERTIES if "adjoint" in options or n != "has-the-right-adjoint"]

    @cache
    def checked() -> Report:
        return check(fn, scale, **options)

    @pytest.mark.parametrize("judged", [*names, _JUDGED])
    def test(judged: str) -> None:
        report = checked()
        if judged == _JUDGED:
            if report.grade == "cannot-judge":
                pytest.fail(str(report), pytrace=False)
            return
        found = [f for f in report.findings if f.code in PROPERTIES[judged]]
        if found:
            pytest.fail(_in_words(report, found), pytrace=False)

    test.__doc__ = f"One property of {fn!r}, judged by `aa_ref.oracle`."
    return test


def _in_words(report: Report, found: list[Finding]) -> str:
    parts = [f"{finding}\n\n{finding.snippet}" for finding in found]
    return "\n".join([f"{report.name}: {report.terms_in_words}", *parts])
