"""Calls in a process of its own, which may crash, or hang anywhere, and is then ended.

Parent and child exchange pickled questions and answers over the child's standard streams; arrays
follow as they lie in memory, so that a large one is copied once on each side. Where a crash was is
told on stderr, and what the function itself prints goes there, too.
"""

import faulthandler
import os
import pickle
import struct
import sys
from functools import partial
from typing import IO, Any

from ..plans import Direction
from .calls import Answer, Asker, Functions, Question, unwarned, words_of
from .errors import OracleError
from .processes import Child
from .targets import load

__all__ = ["InProcess", "serve"]

_START = "from aa_ref.oracle.isolation import serve; serve()"
_LENGTH = struct.Struct("<Q")
_READY = "ready"


class InProcess:
    """Calls functions, named ``package.module:function``, in a process that is started for them.

    To import them may take longer than the time limit, which is for answers.

    Raises
    ------
    OracleError
        If the process cannot import them, or dies in doing so.
    """

    def __init__(self, targets: dict[Direction, str], timeout: float | None) -> None:
        paths = [os.getcwd(), *filter(None, sys.path)]  # noqa: PTH109 (as text)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        self._child = Child([sys.executable, "-c", _START], _receive, environment)
        self._timeout = timeout
        try:
            started = self._child.exchange(partial(_send, targets), None)
        except BaseException:  # Ctrl-C, which does not reach another session
            self.close()
            raise
        if isinstance(started, Answer):
            self.close()
            raise OracleError(
                f"{' or '.join(targets.values())} cannot be imported: that ends the process of its "
                f"own that was to call it, {started.words}; look at what the module does on import"
            )
        if started != _READY:
            self.close()
            raise OracleError(str(started))

    def ask(self, question: Question) -> Answer:
        """See `aa_ref.oracle.calls.Caller.ask`."""
        answer: Answer = self._child.exchange(partial(_send, question), self._timeout)
        return answer

    def close(self) -> None:
        """End the process and those that it started, whatever they do."""
        self._child.close()


def serve() -> None:
    """Import the functions that the first message names, then answer: what the child does."""
    faulthandler.enable()
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        targets = _receive(questions) or {}
        functions: Functions = {direction: load(name) for direction, name in targets.items()}
    except OracleError as error:
        _send(words_of(error).partition(": ")[2], answers)
        return
    _send(_READY, answers)
    asker = Asker(functions)
    while (question := _receive(questions)) is not None:
        with unwarned():
            answer = asker.ask(question)
        _send(answer, answers)


def _send(message: Any, stream: IO[bytes]) -> None:
    """Write a message: how many parts, the length of each, then the pickle and the arrays."""
    arrays: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    parts = [memoryview(head), *(a.raw() for a in arrays)]
    stream.write(b"".join(_LENGTH.pack(n) for n in (len(parts), *(p.nbytes for p in parts))))
    for part in parts:
        stream.write(part)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    """Read the next message, or None if the other side has gone."""
    try:
        (count,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
        lengths = struct.unpack(f"<{count}Q", _read(stream, count * _LENGTH.size))
        head, *arrays = [_read(stream, n) for n in lengths]
    except EOFError:
        return None
    return pickle.loads(head, buffers=arrays)


def _read(stream: IO[bytes], size: int) -> bytearray:
    data = bytearray(size)
    left = memoryview(data)
    while left:
        count = stream.readinto(left)  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        left = left[count:]
    return data
