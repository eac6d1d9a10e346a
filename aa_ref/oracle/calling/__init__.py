"""How the judged functions are called: on fresh inputs, with everything they do written down.

A function may raise, hang, crash, return anything, write into its input, return memory that is not
its own, or leave the processor flushing small numbers. `Asker.ask` turns each of the others into an
`Answer`, which is plain data and so may come from another thread or process.

==========  ==============================================================
`worker`    calls in a process of its own, of functions by name
`programs`  executables that read and write ``.npy`` files
`layouts`   what the dimensions of an array are, and how it lies in memory
==========  ==============================================================
"""

import contextlib
import contextvars
import ctypes
import queue
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ...plans import Direction
from .layouts import ARRANGEMENTS

__all__ = [
    "Answer", "Asker", "Caller", "Functions", "Here", "InThread", "Question", "caller_of",
    "standard_arithmetic", "unwarned", "words_of",
]  # fmt: skip

Functions = Mapping[Direction, Callable[..., Any]]
End = Literal["returned", "raised", "failed", "timed out", "died"]

_KEPT, _KEPT_BYTES = 8, 1 << 26
"""How many results are watched for later calls that write into them, and of how many bytes each."""


@dataclass(frozen=True)
class Question:
    """One call: ``forward(x)``, or ``adjoint(x, shape)`` with the shape of its result."""

    direction: Direction
    x: NDArray[Any]  # what to pass; the function gets a copy
    arrangement: str = "contiguous"  # one of `ARRANGEMENTS`: how that copy lies in memory
    shape: tuple[int, ...] = ()
    # the seed, if ``x`` is made by `aa_ref.oracle.probes.patterns.recipe`
    recipe: int | None = None
    # dimensions of ``x`` that repeat what the recipe made, their periods and their lengths
    repeats: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class Answer:
    """How one call ended."""

    end: End  # a program fails where a function raises
    y: NDArray[Any] | None = None  # a copy of the array that was returned
    # the type of what was returned, if it was no array; the exception; how it failed or died
    words: str = ""
    wrote: bool = False  # whether the input was written to
    # whose memory the result is, if not its own: the input's, or that of an earlier result, which
    # this call has changed
    aliases: Literal["", "input", "earlier"] = ""


class Caller(Protocol):
    """Asks questions. After an answer that timed out or died, it takes no more."""

    def ask(self, question: Question) -> Answer:
        """Call the function."""

    def close(self) -> None:
        """Let go of what the calls needed."""


class Asker:
    """Calls functions here and now, and watches the memory of what they return."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._kept: deque[tuple[NDArray[Any], NDArray[Any]]] = deque(maxlen=_KEPT)

    def ask(self, question: Question, spared: tuple[type[BaseException], ...] = ()) -> Answer:
        """Call the function that is asked for.

        All that it raises is an answer, unless it is spared: panics and failed assertions of some
        libraries are no `Exception`.
        """
        x = ARRANGEMENTS[question.arrangement](question.x)
        rest = () if question.direction == "forward" else (question.shape,)
        y = None
        with np.errstate(all="ignore"):
            try:
                y = self._functions[question.direction](x, *rest)
            except spared:
                raise
            except BaseException as error:
                answer = Answer("raised", words=words_of(error))
            else:
                answer = _returned(y)
        answer = replace(answer, wrote=not _same_bytes(x, question.x))
        if answer.y is None:
            return answer
        return replace(answer, aliases=self._aliases(x, np.asarray(y), answer.y))

    def _aliases(
        self, x: NDArray[Any], y: NDArray[Any], copy: NDArray[Any]
    ) -> Literal["", "input", "earlier"]:
        """Tell whose memory ``y`` is, of which there is a copy. What is in ``x`` is lost."""
        changed = any(not _same_bytes(*pair) for pair in self._kept)
        if changed:
            self._kept.clear()  # each change is told once
        if x.flags.writeable:
            bits = x.view(f"u{x.itemsize}")
            np.invert(bits, out=bits)
        if not _same_bytes(y, copy):
            return "input"
        if y.nbytes <= _KEPT_BYTES:
            self._kept.append((y, copy))
        return "earlier" if changed else ""


def _same_bytes(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays of a type hold the same bits, wherever they lie."""
    if a.shape == b.shape and a.itemsize in (1, 2, 4, 8):
        as_bits = f"u{a.itemsize}"
        return bool((a.view(as_bits) == b.view(as_bits)).all())
    return a.tobytes() == b.tobytes()


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Without warnings, which are no findings, even where a caller makes them errors.

    Warnings are switched for all threads at once. The thread that waits for an answer does it, so
    that they are on again when it has given up.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def words_of(error: BaseException) -> str:
    """An exception as its traceback's last line has it, without line breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def _returned(y: Any) -> Answer:
    if isinstance(y, np.ndarray) and not y.dtype.hasobject:
        return Answer("returned", np.array(y, order="C", subok=False))
    name = f"{type(y).__module__}.{type(y).__qualname__}".removeprefix("builtins.")
    return Answer("returned", words=f"{name} of objects" if isinstance(y, np.ndarray) else name)


class Here:
    """Calls on the caller's own thread, which nothing ends but the function itself."""

    def __init__(self, functions: Functions) -> None:
        self._asker = Asker(functions)

    def ask(self, question: Question) -> Answer:
        """See `Caller.ask`."""
        with unwarned():  # and with Ctrl-C, which comes to this thread
            return self._asker.ask(question, spared=(KeyboardInterrupt,))

    def close(self) -> None:
        """Nothing to let go of."""


class InThread:
    """Calls on one other thread, and does not wait for longer than a time limit.

    The thread of a call that hangs is left alone, since nothing can end it; it does not keep Python
    from ending. A function that hangs in compiled code without letting go of Python's lock stops
    this one, too: only a process of its own can be ended then.
    """

    def __init__(self, functions: Functions, timeout: float) -> None:
        self._asker, self._timeout = Asker(functions), timeout
        self._calls: queue.SimpleQueue[Callable[[], Answer] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def ask(self, question: Question) -> Answer:
        """See `Caller.ask`."""
        with unwarned():
            context = contextvars.copy_context()  # with the caller's settings, NumPy's for instance
            self._calls.put(partial(context.run, self._asker.ask, question))
            try:
                return self._answers.get(timeout=self._timeout)
            except queue.Empty:
                return Answer("timed out", words=f"no answer within {self._timeout:g} s")

    def close(self) -> None:
        """Let the thread end."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            self._answers.put(call())


def caller_of(functions: Functions, timeout: float | None) -> Caller:
    """On this thread without a time limit, else on one of its own."""
    return Here(functions) if timeout is None else InThread(functions, timeout)


_SIZE = 256  # bytes, which hold the fenv_t of every system; the largest has some 30
_STANDARD = ctypes.c_void_p(-1)  # FE_DFL_ENV of the C libraries of Linux


@contextmanager
def standard_arithmetic() -> Iterator[None]:
    """Round to nearest and keep subnormal numbers, whatever a function has set on this thread.

    A function may switch the processor to flush subnormal numbers to zero, as torch's
    ``set_flush_denormal`` does, and that lasts. What it is compared against is computed without,
    and its next call meets what it has set. Elsewhere than on Linux nothing is switched.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    library = ctypes.CDLL(None)
    found = ctypes.create_string_buffer(_SIZE)
    library.fegetenv(found)
    library.fesetenv(_STANDARD)
    try:
        yield
    finally:
        library.fesetenv(found)
