"""Calls in a process of its own, which may crash, or hang anywhere, and is then ended.

Parent and child exchange pickled questions and answers over the child's standard streams; arrays
follow as they lie in memory, so that a large one is copied once on each side. Where a crash was is
told on stderr, and what the function itself prints goes there, too.

Each child leads a session of its own, and whatever it starts is ended with it. Workers that a child
forks hold its pipes open, too. So threads read them, and nobody else waits for what may never come.

Functions are named ``package.module:function``: so another process finds them, and a snippet.
"""

import codecs
import faulthandler
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import PurePath
from typing import IO, Any, cast

from ...plans import Direction
from ..errors import OracleError
from . import Answer, Asker, Functions, Question, unwarned, words_of

__all__ = [
    "Child", "InProcess", "check_name", "end_session", "ending_of", "load", "name_of_function",
    "pass_on", "serve", "target_of",
]  # fmt: skip


class Child:
    """Runs a process that answers messages, one after the other, until it is closed.

    ``receive`` reads one message from its stdout; None is the end of it.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        receive: Callable[[IO[bytes]], Any],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._child = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
        self._receive = receive
        self._to, self._from, self._said = (
            cast(IO[bytes], s) for s in (self._child.stdin, self._child.stdout, self._child.stderr)
        )
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        jobs = (self._read_all, self._pass_on, self._watch)
        threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        *self._readers, self._watcher = threads
        for thread in threads:
            thread.start()

    def exchange(self, send: Callable[[IO[bytes]], None], timeout: float | None) -> Any:
        """Send a message and return the next one, or an `Answer` that tells why none comes."""
        try:
            send(self._to)
            self._to.flush()
        except OSError:
            return self._died()
        try:
            received = self._messages.get(timeout=timeout)
        except queue.Empty:
            return Answer("timed out", words=f"no answer within {timeout:g} s")
        return self._died() if received is None else received

    def close(self) -> None:
        """End the process and those that it started, whatever they do."""
        if self._child.poll() is None:
            end_session(self._child)
        self._watcher.join()
        with suppress(OSError):  # what could not be sent is not sent now
            self._to.close()

    def _read_all(self) -> None:
        with suppress(OSError, ValueError), self._from:
            while (message := self._receive(self._from)) is not None:
                self._messages.put(message)

    def _pass_on(self) -> None:
        with suppress(OSError, ValueError), self._said:
            pass_on(self._said)

    def _watch(self) -> None:
        """Put None as the last message, once the process has ended."""
        self._child.wait()
        end_session(self._child)
        for reader in self._readers:
            reader.join(timeout=1)  # longer only if one that left the session has the pipe
        self._messages.put(None)

    def _died(self) -> Answer:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=10)
        return Answer("died", words=ending_of(self._child.returncode))


def end_session(child: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a session, and all others of that session."""
    if sys.platform == "win32":
        child.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):  # none is left, or not yet buried
            os.killpg(child.pid, signal.SIGKILL)


def ending_of(status: int | None) -> str:
    """Say how a process ended, from its status as `subprocess` tells it."""
    if status is not None and status < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"


def pass_on(printed: IO[bytes]) -> None:
    """Write to `sys.stderr`, as it comes, what a process has printed."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    read = getattr(printed, "read1", printed.read)
    while data := read(1 << 16):
        if sys.stderr is not None:
            sys.stderr.write(decode(data))
            sys.stderr.flush()


_START = "from aa_ref.oracle.calling.worker import serve; serve()"
_LENGTH = struct.Struct("<Q")
_READY = "ready"


class InProcess:
    """Calls functions, named ``package.module:function``, in a process that is started for them.

    To import them may take longer than the time limit, which is for answers. `OracleError` if the
    process cannot, or dies in doing so.
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
        """See `aa_ref.oracle.calling.Caller.ask`."""
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


def check_name(target: str) -> None:
    """See whether a function is named as it has to be, without importing it.

    The `OracleError` if it is not has the name to write, of a file or a path too.
    """
    module, colon, name = target.rpartition(":")
    if not colon:
        module, name = target, "function"
    path = PurePath(module)
    if path.suffix == ".py" or len(path.parts) > 1:
        folders, inside = path.parts[:-1], not path.is_absolute() and ".." not in path.parts
        meant = f"{'.'.join([*folders, path.stem]) if inside else path.stem}:{name}"
        where = "" if inside else f", in the folder {path.parent}"
        raise OracleError(
            f"the function is {target!r}, and a module is named as import names it, not as a file; "
            f"write {meant}{where}"
        )
    if not (module and colon and name):
        parent, dot, last = target.rpartition(".")
        meant = f", {parent}:{last} perhaps" if parent and dot and last and not colon else ""
        raise OracleError(f"the function is {target!r}; write package.module:function{meant}")


def load(target: str) -> Any:
    """Return the function of that name, or raise an `OracleError` that says why there is none."""
    check_name(target)
    module, _, name = target.partition(":")
    try:
        found = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # whatever the module raises on import
        words = " ".join(f"{type(error).__name__}: {error}".split())
        raise OracleError(
            f"{target} cannot be imported: {words}; write package.module:function for something "
            "that Python finds"
        ) from error
    if not callable(found):
        raise OracleError(f"{target} is a {type(found).__name__}; name something that is called")
    return found


def target_of(function: Any) -> str | None:
    """The name under which another process finds this very function, None if there is none."""
    if isinstance(function, str):
        return function
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not (isinstance(module, str) and isinstance(name, str)) or module == "__main__":
        return None
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}:{name}" if found is function else None


def name_of_function(function: Any) -> str:
    """What to call it in a report."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return target_of(function) or str(name)
