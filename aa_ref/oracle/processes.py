"""Child processes: each leads a session of its own, and whatever it starts is ended with it.

Workers that a child forks hold its pipes open, too. So threads read them, and nobody else waits for
what may never come. What a child prints on stderr goes to this process's `sys.stderr`.
"""

import codecs
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, cast

from .calls import Answer

__all__ = ["Child", "end_session", "ending_of", "pass_on"]


class Child:
    """Runs a process that answers messages, one after the other, until it is closed.

    Parameters
    ----------
    arguments : sequence of str
        The program first.
    receive : function
        Reads one message from the child's stdout; None is the end of it.
    environment : mapping, optional
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
