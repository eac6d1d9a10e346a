"""Calls: however one ends, an answer tells of it, and nothing else is changed by it."""

import os
import select
import time
import warnings

import numpy as np
import pytest
from support import assert_same_bits

from aa_ref.oracle.calling import Answer, Here, InThread, Question
from aa_ref.oracle.calling.worker import InProcess
from aa_ref.oracle.probes import patterns

X = np.arange(6, dtype=np.float32).reshape(2, 3)
ASKED = Question("forward", X)


def test_a_call_that_hangs_leaves_warnings_as_they_were():
    def hangs(x):
        warnings.warn("not a finding", UserWarning, stacklevel=1)
        time.sleep(3600)

    before = list(warnings.filters)
    caller = InThread({"forward": hangs}, timeout=0.2)
    assert caller.ask(ASKED).end == "timed out"
    assert warnings.filters == before


class Panic(BaseException):
    """As compiled extensions raise it."""


def panics(x):
    raise Panic("boom")


def interrupts(x):
    raise KeyboardInterrupt


def ends(x):
    raise GeneratorExit


def callers(fn):
    """Every kind of caller, of a function that it calls."""
    yield Here({"forward": fn})
    yield InThread({"forward": fn}, timeout=60)
    yield InProcess({"forward": f"{__name__}:{fn.__name__}"}, timeout=60)


def turned(x):
    return x.T


@pytest.mark.parametrize("dtype", ["float32", "uint8", "bfloat16"])
def test_arrays_of_every_size_and_type_reach_another_process(dtype):
    caller = InProcess({"forward": f"{__name__}:turned"}, timeout=60)
    try:
        for shape in ((0, 3), (2, 3), (3000, 700)):
            x = patterns.cast(patterns.noise(shape, 1), dtype)
            for arrangement in ("contiguous", "Fortran order"):
                answer = caller.ask(Question("forward", x, arrangement))
                assert_same_bits(answer.y, x.T)
                assert not answer.wrote
    finally:
        caller.close()


@pytest.mark.parametrize(("fn", "words"), [(panics, "Panic: boom"), (ends, "GeneratorExit")])
def test_whatever_is_raised_is_an_answer(fn, words):
    for caller in callers(fn):
        assert caller.ask(ASKED) == Answer("raised", words=words)
        caller.close()


def test_only_an_interrupt_of_the_callers_own_thread_goes_through():
    here, *apart = callers(interrupts)
    with pytest.raises(KeyboardInterrupt):
        here.ask(ASKED)
    for caller in apart:
        assert caller.ask(ASKED) == Answer("raised", words="KeyboardInterrupt")
        caller.close()


def forks_and_dies(x):
    """Leave a worker behind, which holds all that the process has open, and a pipe."""
    worker = os.fork()
    pipe = os.open(os.environ["PIPE_OF_THE_WORKER"], os.O_WRONLY)
    if worker == 0:
        time.sleep(3600)
    os.write(pipe, b"forked")
    os.abort()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked on POSIX systems only")
def test_a_crash_is_told_and_ends_the_workers_too(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("PIPE_OF_THE_WORKER", str(tmp_path / "pipe"))
    pipe = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    caller = InProcess({"forward": f"{__name__}:forks_and_dies"}, timeout=20)
    try:
        assert caller.ask(ASKED) == Answer("died", words="killed by SIGABRT")
        assert os.read(pipe, 99) == b"forked"
        assert select.select([pipe], [], [], 20)[0], "the worker has the pipe open"
        assert os.read(pipe, 99) == b""
    finally:
        caller.close()
        os.close(pipe)
