"""Functions made ready beside the caller: loaded from the cache on disk, or compiled into it.

Another process compiles, since a thread that does holds Python's lock. It lives on when this one
ends: the next finds what it made. Where nothing can be kept, a thread compiles after all, once
there has been more work than compiling costs by far.
"""

import atexit
import json
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from queue import SimpleQueue
from subprocess import DEVNULL, Popen, TimeoutExpired
from threading import Lock, Thread

import numpy as np

from . import variants
from .caching import Function, cache_folder, compiled, is_cached, is_ready
from .groups import Level
from .levels import Fused
from .variants import GENERIC

__all__ = ["Elsewhere", "from_text", "main", "request", "start", "to_text"]

_LONG = 3_000_000_000
"""Multiplications that NumPy does, in some ten seconds, before this process compiles itself."""
_GLANCE = 0.05  # seconds between looks at the other process

_CODE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from aa_ref.backends.numba.ahead import main
main(sys.argv[2:])
"""


class Elsewhere(Popen[bytes]):
    """A process that compiles; it may outlive this one."""

    def __del__(self) -> None:
        """Say nothing of a process that is still at work."""


def start(functions: Sequence[Function]) -> Elsewhere:
    """Start a process that compiles these functions into the cache on disk.

    Raises
    ------
    OSError
        If none can be started, as where this program has Python built in.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        raise OSError("there is no Python to start")
    arguments = [json.dumps(sys.path), *map(to_text, functions)]
    return Elsewhere(
        [sys.executable, "-c", _CODE, *arguments], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def main(texts: Sequence[str]) -> None:
    """Compile what is named, in a process of its own, behind all other work."""
    if hasattr(os, "nice"):
        os.nice(5)
    for text in texts:
        compiled(*from_text(text))


def to_text(function: Function) -> str:
    """A function's name and constants, for a command line."""
    name, compute, special = function
    return json.dumps([name, compute.__name__, special])


def from_text(text: str) -> Function:
    """What `to_text` gave."""
    name, compute, special = json.loads(text)
    if not special:
        return name, getattr(np, compute), GENERIC
    levels, width, kind = special
    return name, getattr(np, compute), Fused(tuple(Level(*n) for n in levels), width, kind)


class _Workshop:
    """What was asked for, by how much work, and how far each is."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.asked: dict[Function, int] = {}
        self.stage: dict[Function, str] = {}
        self.orders: SimpleQueue[Function | None] = SimpleQueue()
        self.thread: Thread | None = None
        self.closing = False
        self.why_not_kept = ""
        self.warned = False

    def request(self, function: Function, work: int) -> None:
        """Have a function made ready that so much work is waiting for."""
        with self.lock:
            done = self.asked[function] = self.asked.get(function, 0) + work
            stage = self.stage.get(function)
            after = {None: "asked", "missing": "ordered", "not kept": "ordered here"}.get(stage)
            least = {"missing": variants.LITTLE, "not kept": _LONG}.get(stage or "", 0)
            if after and done >= least:
                self.stage[function] = after
                self.orders.put(function)
            if self.thread is None and not self.closing:
                self.thread = Thread(target=self.work, name="aa_ref compiles", daemon=True)
                self.thread.start()
            warn, self.warned = self.why_not_kept and not self.warned, bool(self.why_not_kept)
        if warn:
            warnings.warn(
                f"compiled code cannot be kept ({self.why_not_kept}), so each process computes "
                "with NumPy for a while, which is slower; set NUMBA_CACHE_DIR to a folder that can "
                "be written, for instance one that `aa-ref compile` has filled",
                RuntimeWarning,
                stacklevel=2,
            )

    def work(self) -> None:
        """What the thread does until the interpreter ends."""
        while (function := self.orders.get()) is not None:
            with suppress(Exception):  # which shows again where the backend is asked for by name
                self.get_on(function)

    def get_on(self, function: Function) -> None:
        """Bring a function as far as its stage says."""
        stage = self.stage[function]
        if stage == "ordered":
            self.wait_for_another_process(function)
        if stage == "ordered here" or is_cached(*function):
            compiled(*function)
        elif stage == "ordered":
            self.why_not_kept = "another process that compiled left nothing in the cache"
            self.stage[function] = "not kept"
        elif (folder := cache_folder()).startswith("none: "):
            self.why_not_kept = folder.removeprefix("none: ")
            self.stage[function] = "not kept"
        else:
            self.stage[function] = "missing"

    def wait_for_another_process(self, function: Function) -> None:
        """Until it has compiled the function; not beyond the end of this one."""
        try:
            process = start([function])
        except OSError:
            return
        while not self.closing:
            try:
                process.wait(_GLANCE)
            except TimeoutExpired:
                continue
            return

    def close(self) -> None:
        """End the thread, which may not be at work when the interpreter is gone."""
        self.closing = True
        self.orders.put(None)
        if self.thread:
            self.thread.join()


_workshop = _Workshop()


def request(function: Function, work: int) -> None:
    """Have a function made ready that so many multiplications are waiting for; returns at once."""
    if not is_ready(*function):
        _workshop.request(function, work)


def _after_fork_in_child() -> None:
    global _workshop
    _workshop = _Workshop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(lambda: _workshop.close())
