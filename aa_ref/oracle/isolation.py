"""Calls in a process of its own, which may crash, or hang anywhere, and is then ended.

Parent and child exchange pickled questions and answers, each after its length in eight bytes, over
the child's standard streams. What the function itself prints goes to stderr.

The child leads a session of its own, and so does whatever it starts: workers that it forks hold the
pipes open, too, and are ended with it.
"""

import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, Any, cast

from ..plans import Direction
from .calls import Answer, Functions, Question, ask, unwarned, words_of
from .errors import OracleError
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
        self._child = subprocess.Popen(
            [sys.executable, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, start_new_session=True,
        )  # fmt: skip
        self._to = cast(IO[bytes], self._child.stdin)
        self._from = cast(IO[bytes], self._child.stdout)
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._reader.start()
        self._watcher.start()
        self._timeout: float | None = None
        try:
            started = self._exchange(targets)
        except BaseException:  # Ctrl-C, which does not reach another session
            self.close()
            raise
        self._timeout = timeout
        if started != _READY:
            self.close()
            words = started.words if isinstance(started, Answer) else str(started)
            raise OracleError(
                f"the process for {', '.join(targets.values())} cannot begin: {words}"
            )

    def ask(self, question: Question) -> Answer:
        """See `aa_ref.oracle.calls.Caller.ask`."""
        answer: Answer = self._exchange(question)
        return answer

    def close(self) -> None:
        """End the process and those that it started, whatever they do."""
        if self._child.poll() is None:
            self._end_all()
        self._watcher.join()
        with suppress(OSError):  # what could not be sent is not sent now
            self._to.close()

    def _exchange(self, message: Any) -> Any:
        try:
            _send(self._to, message)
        except OSError:
            return self._died()
        try:
            received = self._answers.get(timeout=self._timeout)
        except queue.Empty:
            return Answer("timed out", words=f"no answer within {self._timeout:g} s")
        return self._died() if received is None else received

    def _read_all(self) -> None:
        """What arrives: a thread waits so that nobody else waits too long."""
        with suppress(OSError, ValueError), self._from:
            while (message := _receive(self._from)) is not None:
                self._answers.put(message)

    def _watch(self) -> None:
        """None as the last answer, once the process has ended."""
        self._child.wait()
        self._end_all()
        self._reader.join(timeout=1)  # longer only if one that left the session has the pipe
        self._answers.put(None)

    def _end_all(self) -> None:
        if sys.platform == "win32":
            self._child.kill()
        else:
            with suppress(ProcessLookupError, PermissionError):  # none is left, or not yet buried
                os.killpg(self._child.pid, signal.SIGKILL)

    def _died(self) -> Answer:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=10)
        status = self._child.returncode
        if status is not None and status < 0:
            with suppress(ValueError):
                return Answer("died", words=f"killed by {signal.Signals(-status).name}")
        return Answer("died", words=f"ended with exit status {status}")


def serve() -> None:
    """What the child does: import the functions that the first message names, then answer."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        targets = _receive(questions) or {}
        functions: Functions = {direction: load(name) for direction, name in targets.items()}
    except OracleError as error:
        _send(answers, words_of(error).partition(": ")[2])
        return
    _send(answers, _READY)
    while (question := _receive(questions)) is not None:
        with unwarned():
            answer = ask(functions, question)
        _send(answers, answer)


def _send(stream: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    """The next message, or None if the other side has gone."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    data = stream.read(length)
    return pickle.loads(data) if len(data) == length else None
