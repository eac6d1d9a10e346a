"""Programs as implementations: whatever reads an array from a ``.npy`` file and writes another.

A command with ``{input}`` and ``{output}`` is started for each question. Any other is started once;
it reads a line for each question, ``INPUT`` and ``OUTPUT`` with a tab between, writes ``OUTPUT``
and then prints its name, or a line that begins with ``error``.
"""

import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ...plans import Direction
from ..errors import OracleError, VectorsError
from ..probes.patterns import array_type
from ..vectors.files import decode_npy, encode_npy
from . import Answer, Question
from .worker import Child, end_session, ending_of, pass_on

__all__ = ["ByPrograms", "Program"]

_OF_SHELLS = frozenset(("|", "||", "<", ">", ">>", "2>", "2>&1", "&", "&&", ";"))


@dataclass(frozen=True)
class Program:
    """Names a program to be judged, for `aa_ref.oracle.check`.

    Attributes
    ----------
    command : str
        As ``"./port {input} {output}"``, which is started for each question; in that of an adjoint
        ``{shape}`` is the shape of its result, as ``1,3,64,48``. Without ``{input}`` and
        ``{output}`` it is started once, and reads a line for each question from its stdin: the two
        files (and for an adjoint the shape) with tabs between. When it has written the second it
        prints that file's name, or else a line that begins with ``error``. No shell runs it.

    Raises
    ------
    OracleError
        If it is not such a command, or there is no program of that name.
    """

    command: str

    def __post_init__(self) -> None:
        words = self._words
        if self.is_asked_once and len({"{input}" in self.command, "{output}" in self.command}) > 1:
            raise OracleError(
                f"the command is {self.command!r}; write both {{input}} and {{output}} to have it "
                "started for each question, or neither to have it read their names as lines"
            )
        for word in words:
            if word in _OF_SHELLS:
                raise OracleError(
                    f"the command is {self.command!r}, and no shell runs it, which {word} is for; "
                    f"write sh -c {shlex.quote(self.command)}"
                )
        if shutil.which(words[0]) is None:
            there = Path(words[0]).is_file()
            why = "is not executable" if there else "is no program that is found"
            advice = f"try chmod +x {words[0]}" if there else "write its path, as ./port"
            raise OracleError(f"the command is {self.command!r}, and {words[0]} {why}; {advice}")

    def __str__(self) -> str:
        return self.command

    @property
    def is_asked_once(self) -> bool:
        """Tell whether one process answers all questions."""
        return not ("{input}" in self.command and "{output}" in self.command)

    def arguments(self, given: str, result: str, shape: tuple[int, ...] = ()) -> list[str]:
        """Return the words of the command for one question."""
        names = {"{input}": given, "{output}": result, "{shape}": _in_words(shape)}
        words = self._words
        for name, value in names.items():
            words = [word.replace(name, value) for word in words]
        return words

    def line(self, given: str, result: str, shape: tuple[int, ...] = ()) -> str:
        """Return the line that asks one question of a process that answers all."""
        return "\t".join([given, result, *([_in_words(shape)] if shape else [])]) + "\n"

    @property
    def _words(self) -> list[str]:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise OracleError(f"the command is {self.command!r}: {error}") from None
        if not words:
            raise OracleError("the command is empty; write it as './port {input} {output}'")
        return words


class ByPrograms:
    """Asks programs, through files in a folder that is gone afterwards."""

    def __init__(self, programs: Mapping[Direction, Program], timeout: float | None) -> None:
        self._programs, self._timeout = programs, timeout
        self._folder = tempfile.TemporaryDirectory(prefix="aa-ref-")
        place = Path(self._folder.name)
        self._given, self._result, self._printed = (
            place / name for name in ("input.npy", "output.npy", "printed")
        )
        self._children: dict[Direction, Child] = {}
        self._said = b""

    def ask(self, question: Question) -> Answer:
        """See `aa_ref.oracle.calling.Caller.ask`."""
        program, x = self._programs[question.direction], question.x
        data = encode_npy(x.view(np.uint16) if x.dtype.name == "bfloat16" else x)
        self._given.write_bytes(data)
        self._result.unlink(missing_ok=True)
        act = self._ask_child if program.is_asked_once else self._run
        answer = act(program, question) or self._read(x.dtype)
        with suppress(OSError):  # it may have taken its input away
            return replace(answer, wrote=self._given.read_bytes() != data)
        return answer

    def close(self) -> None:
        """End what still runs, and remove the files."""
        for child in self._children.values():
            child.close()
        self._folder.cleanup()

    def _run(self, program: Program, question: Question) -> Answer | None:
        """Run a process for one question: None if it ends as it should."""
        arguments = program.arguments(str(self._given), str(self._result), question.shape)
        with self._printed.open("w+b") as printed:
            try:
                child = subprocess.Popen(
                    arguments, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise _not_started(program, error) from None
            try:
                status = child.wait(self._timeout)
            except subprocess.TimeoutExpired:
                return Answer("timed out", words=f"no answer within {self._timeout:g} s")
            finally:
                end_session(child)
                child.wait()
                printed.seek(0)
                said = printed.read()
                if said != self._said:  # and not the same for every question
                    pass_on(BytesIO(said))
                self._said = said
            if status == 0:
                return None
        lines = [line.strip() for line in said[-2000:].decode("utf-8", "replace").split("\n")]
        last = next((line for line in reversed(lines) if line), "")
        last = "".join(c if c.isprintable() else "?" for c in last)
        return Answer("failed", words=f"the program {ending_of(status)}{last and ': '}{last}")

    def _ask_child(self, program: Program, question: Question) -> Answer | None:
        """Ask the process that answers all questions: None if it says that it has."""
        child, first = self._children.get(question.direction), False
        if child is None:
            first = True
            try:
                child = Child(program.arguments("", ""), self._received)
            except OSError as error:
                raise _not_started(program, error) from None
            self._children[question.direction] = child
        line = program.line(str(self._given), str(self._result), question.shape)

        def send(stream: IO[bytes]) -> None:
            stream.write(line.encode())

        said = child.exchange(send, self._timeout)
        if first and isinstance(said, Answer) and "exit status" in said.words:  # as of a wrong call
            raise OracleError(
                f"{program} has {said.words} before its first answer. Without {{input}} and "
                "{output} in the command it is started once and reads a line for each question; "
                "to have it started for each, write them where it takes the names of its files"
            )
        if not isinstance(said, Answer):
            return Answer("failed", words=said) if said else None
        if said.end == "timed out":
            return replace(said, words=f"{said.words}; does it flush its standard output?")
        return said

    def _received(self, stream: IO[bytes]) -> str | None:
        """Read up to the line that ends an answer: its error, or nothing where all is well."""
        while data := stream.readline():
            line = data.decode("utf-8", "replace").strip()
            if line == str(self._result):
                return ""
            if line.startswith("error"):
                return line
            if sys.stderr is not None:
                print(line, file=sys.stderr, flush=True)
        return None

    def _read(self, dtype: np.dtype[Any]) -> Answer:
        try:
            y = decode_npy(self._result.read_bytes())
        except OSError as error:
            return Answer("failed", words=f"the output cannot be read: {error.strerror}")
        except VectorsError as error:
            return Answer("failed", words=f"the output {error}")
        return Answer("returned", _native(y, dtype))


def _native(y: NDArray[Any], asked: np.dtype[Any]) -> NDArray[Any]:
    """Put an array into the machine's byte order; make bfloat16 of its bits, if that was asked."""
    if asked.name == "bfloat16" and y.dtype.name in ("uint16", "void16"):
        bits = y.astype(np.uint16) if y.dtype.kind == "u" else y.view("<u2").astype(np.uint16)
        return np.asarray(bits, order="C").view(array_type("bfloat16"))
    return np.asarray(y, y.dtype.newbyteorder("="), order="C")


def _in_words(shape: tuple[int, ...]) -> str:
    return ",".join(map(str, shape))


def _not_started(program: Program, error: OSError) -> OracleError:
    return OracleError(f"{program} cannot be started: {error.strerror or error}")
