"""What the kernels become, found without a GPU: PTX, registers, instructions, faults.

As a command it writes the page about them: see docs/contributing.md.
"""

import hashlib
import operator
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, files, version
from itertools import permutations
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

import aa_ref
from aa_ref.backends.cuda.kernels import (
    Kernel,
    addresses_of,
    bounds_of,
    function_of,
    geometry_of,
    shipped,
    signature_of,
    threads_of,
)
from aa_ref.backends.cuda.pyramid_strips import PYRAMID
from aa_ref.backends.cuda.strips import filter_of, run_of
from aa_ref.backends.cuda.toolkit import SIMULATOR, cuda
from aa_ref.dtypes import FLOATING, NAMES, STORAGE, compute_type

if SIMULATOR:
    raise RuntimeError("NUMBA_ENABLE_CUDASIM is set: the simulator compiles nothing; unset it")

from numba.cuda import codegen, dispatcher
from numba.cuda.cudadrv import driver, nvvm

ARCHITECTURES = (75, 80, 90, 100)
"""Compute capabilities, without the point."""

LINKED = (90, 100) if driver._have_nvjitlink() else ()
"""Those for which ``cuda.jit`` lets nvJitLink optimise what it links, which then is what runs.

It does so wherever that library is installed, for the architecture with an ``a`` behind it.
"""


class Code(NamedTuple):
    """A kernel for an architecture.

    Attributes
    ----------
    ptx : Counter
        How often each instruction occurs in PTX, and how often ``.local`` is declared.
    parameters : tuple of int
        How many bytes each argument has, in order.
    registers, shared, stack, spill_stores, spill_loads, barriers : int
        What ptxas reports: registers a thread, bytes of memory, barriers.
    sass : str
        The machine code as nvdisasm writes it, where it was asked for.
    """

    ptx: Counter[str]
    parameters: tuple[int, ...]
    registers: int
    shared: int
    stack: int
    spill_stores: int
    spill_loads: int
    barriers: int
    sass: str = ""


def tool(name: str, package: str) -> Path:
    """A program from an installed package.

    Raises
    ------
    FileNotFoundError
        If the package is not installed, or has no such program.
    """
    try:
        found = [file for file in files(package) or () if file.stem == name]
    except PackageNotFoundError:
        found = []
    for file in found:
        path = Path(str(file.locate()))
        if path.parent.name == "bin":
            return path
    raise FileNotFoundError(f"the package {package}, which has {name}, is not installed")


def ptx_of(
    function: Any, arguments: Any, architectures: Sequence[int], bounds: Any = None
) -> dict[int, str]:
    """PTX by architecture. Numba's own part of the work, most of it, is done once for all."""
    made: dict[int, str] = {}
    translate = nvvm.compile_ir  # from the LLVM IR that is Numba's part

    def translate_for_each(ir: Any, **options: Any) -> bytes:
        for architecture in architectures:
            text = translate(ir, **{**options, "arch": f"compute_{architecture}"})
            made[architecture] = text.decode().strip("\0").strip()
        return text

    with _no_device(), mock.patch.object(nvvm, "compile_ir", translate_for_each):
        cuda.compile_ptx(function, arguments, cc=divmod(architectures[0], 10), launch_bounds=bounds)
    return made


def linked_ptx_of(
    function: Any, arguments: Any, architectures: Sequence[int], bounds: Any = None
) -> dict[int, str]:
    """PTX as nvJitLink has it when it has optimised, as for a device of each architecture."""
    made: dict[int, str] = {}
    translate = nvvm.compile_ir

    def link_for_each(ir: Any, **options: Any) -> bytes:
        for architecture in architectures:
            capability = (*divmod(architecture, 10), "a")
            linker = driver._Linker(cc=capability, lto=True)
            named = {**options, "arch": f"compute_{architecture}a", "gen-lto": None}
            linker.add_ltoir(translate(ir, **named))
            made[architecture] = linker.get_linked_ptx().decode().strip("\0").strip()
        return b""

    with _no_device(), mock.patch.object(nvvm, "compile_ir", link_for_each):
        cuda.compile_ptx(function, arguments, cc=divmod(architectures[0], 10), launch_bounds=bounds)
    return made


def linked_ptx_for(function: Any, arguments: Any, architecture: int, bounds: Any = None) -> str:
    """PTX as nvJitLink has it, by Numba's own way, which is that of a call."""
    with _no_device():
        options = cuda.jit(launch_bounds=bounds)(function).targetoptions
        kernel = dispatcher._Kernel(function, arguments, **options)
        ptx = kernel._codelibrary.get_lto_ptx(cc=(*divmod(architecture, 10), "a"))
    return str(ptx)


def ptx_for(function: Any, arguments: Any, architecture: int, bounds: Any = None) -> str:
    """PTX for one architecture, by Numba's own way."""
    with _no_device():
        ptx, _ = cuda.compile_ptx(
            function, arguments, cc=divmod(architecture, 10), launch_bounds=bounds
        )
    return str(ptx)


@contextmanager
def _no_device() -> Iterator[None]:
    """Let device functions be compiled without a GPU.

    Numba asks the current device what they are for, and then takes what the kernel is for.
    """
    any_device = SimpleNamespace(compute_capability=(9, 0))
    context = SimpleNamespace(device=any_device)
    with (
        mock.patch.object(dispatcher, "get_current_device", return_value=any_device),
        mock.patch.object(codegen.devices, "get_context", return_value=context),
    ):
        yield


def instructions_of(ptx: str) -> Counter[str]:
    """How often each instruction occurs, and how often ``.local`` is declared."""
    begins = r"^[ \t{]*(?:@!?%p\d+[ \t]+)?([a-z][\w.:]*|\.local)[ \t;]"
    return Counter(re.findall(begins, ptx, re.MULTILINE))


def parameters_of(ptx: str) -> tuple[int, ...]:
    """How many bytes each argument of the one kernel has, in order."""
    _, _, rest = ptx.partition(".entry")
    arguments, _, _ = rest.partition("{")
    return tuple(int(bits) // 8 for bits in re.findall(r"\.param \.[busf](\d+) ", arguments))


def assembled(
    ptx: str, architecture: int | str, disassemble: bool = False, options: Sequence[str] = ()
) -> Code:
    """PTX of one kernel, taken through ptxas."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        source.write_text(ptx, "utf-8")
        ptxas = [tool("ptxas", "nvidia-cuda-nvcc"), "-v", f"-arch=sm_{architecture}", *options]
        said = _run([*ptxas, source, "-o", target])
        sass = ""
        if disassemble:
            sass = _run([tool("nvdisasm", "nvidia-cuda-nvdisasm"), "-c", target])

    def told(pattern: str) -> int:
        found = re.search(rf"(\d+) {pattern}", said)
        return int(found[1]) if found else 0

    assert told("registers"), said
    return Code(
        instructions_of(ptx), parameters_of(ptx), told("registers"), told("bytes smem"),
        told("bytes stack frame"), told("bytes spill stores"),
        told("bytes spill loads"), told("barriers"), sass,
    )  # fmt: skip


def _run(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def conversions() -> Iterator[Kernel]:
    """The kernels that only convert from one type to another."""
    for kind, result in permutations(NAMES, 2):
        yield Kernel("forward", kind, result, compute_type(kind).name, 0)


def family_of(kernel: Kernel) -> tuple[str, str]:
    """The kernels that are written by one function in Python."""
    if kernel.stride:
        return kernel.direction, "strips"
    if kernel.tiled:
        return kernel.direction, "tiles"
    return kernel.direction, "elements" if kernel.axes else "conversion"


def class_of(kernel: Kernel) -> tuple[str, str]:
    """The type that it computes in, and the kind of type that results are rounded to."""
    kinds = {"float64": "binary64", "float32": "binary32"}
    other = "half" if kernel.result in FLOATING else "integer"
    return kernel.compute, kinds.get(kernel.result, other)


def widest(kernels: Iterable[Kernel], page: str) -> list[Kernel]:
    """The one of each family and class with most registers, as a page has it."""
    rows = {name: int(row.split(" | ")[1]) for name, row in rows_of(page).items()}
    found: dict[Any, Kernel] = {}
    for kernel in sorted(kernels, key=lambda k: rows.get(k.name, 0)):
        found[family_of(kernel), class_of(kernel)] = kernel
    return list(found.values())


def code_of(
    kernel: Kernel, architectures: Sequence[int] = ARCHITECTURES, disassemble: bool = False
) -> dict[int, Code]:
    """A kernel by architecture; ``sass`` is that of sm_90 alone."""
    arguments = signature_of(kernel).args
    ptx = ptx_of(function_of(kernel), arguments, architectures, bounds_of(kernel))
    return {a: assembled(text, a, disassemble and a == 90) for a, text in ptx.items()}


def linked_code_of(kernel: Kernel) -> dict[int, Code]:
    """A kernel by architecture, as nvJitLink links it for one of `LINKED`."""
    if not LINKED:
        return {}
    arguments = signature_of(kernel).args
    ptx = linked_ptx_of(function_of(kernel), arguments, LINKED, bounds_of(kernel))
    return {a: assembled(text, f"{a}a") for a, text in ptx.items()}


@contextmanager
def compiling(kernels: Iterable[Kernel]) -> Iterator[dict[Kernel, Future[dict[int, Code]]]]:
    """The code of each kernel for all architectures, under way on all cores."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        try:
            yield {k: pool.submit(code_of, k, ARCHITECTURES, bool(k.stride)) for k in kernels}
        finally:
            pool.shutdown(cancel_futures=True)


def faults_of(kernel: Kernel, code: Code) -> list[str]:
    """All that is wrong with a kernel's code for one architecture."""
    return [
        *arithmetic_faults(code), *rounding_faults(code), *memory_faults(code),
        *launch_faults(kernel, code), *argument_faults(kernel, code), *width_faults(kernel, code),
    ]  # fmt: skip


def arithmetic_faults(code: Code) -> list[str]:
    """Instructions that round otherwise than the contract, or may."""
    fused = re.compile(r"fma\.|mad\.f|mad\.r[nzmp]|.*\.(?:ftz|approx)\b")
    # A sum that names no rounding may be fused with a product that names none.
    unrounded = re.compile(r"(?:add|sub)\.f(?:16|32|64)")
    return [f"{n} {op}" for op, n in code.ptx.items() if fused.match(op) or unrounded.match(op)]


def rounding_faults(code: Code) -> list[str]:
    """Results rounded by several kinds of instruction: binary64 to half by way of binary32, say."""
    rounding = re.compile(r"cvt\.(?:rn\.f16|rni|rn\.f32\.f64)")
    kinds = {op.replace("f16x2", "f16") for op in code.ptx if rounding.match(op)}  # two at a time
    return [f"rounded by {' and '.join(sorted(kinds))}"] if len(kinds) > 1 else []


def memory_faults(code: Code) -> list[str]:
    """What should be in registers and is in memory."""
    found = [f"{n} {op}" for op, n in code.ptx.items() if ".local" in op]
    amounts = {
        "stack frame": code.stack, "spill stores": code.spill_stores,
        "spill loads": code.spill_loads,
    }  # fmt: skip
    return found + [f"{n} bytes of {name}" for name, n in amounts.items() if n]


def launch_faults(kernel: Kernel, code: Code) -> list[str]:
    """What would keep a block from being launched on any device, or from being in step."""
    found, used = [], int(kernel.stride > 0 or kernel.tiled)
    meant = used * (3 if kernel.direction == "pyramid" else 1)  # one a row of each level
    if code.shared > 48 * 1024:
        found.append(f"{code.shared} bytes of shared memory")
    if code.registers * threads_of(kernel) > 65536:
        found.append(f"{code.registers} registers for each of {threads_of(kernel)} threads")
    in_ptx = sum(n for op, n in code.ptx.items() if op.startswith(("bar.", "barrier.")))
    if (in_ptx, code.barriers) != (meant, used):
        found.append(f"{in_ptx} instructions for {code.barriers} barriers")
    return found


def argument_faults(kernel: Kernel, code: Code) -> list[str]:
    """Arguments of other sizes than those that a call packs."""
    packed = [8] * addresses_of(kernel) + list(_sizes(geometry_of(kernel)))
    taken = list(code.parameters)
    return [] if packed == taken else [f"arguments of {taken} bytes, packed in {packed}"]


def _sizes(geometry: Any) -> Iterator[int]:
    for value in geometry:
        if isinstance(value, tuple):
            yield from _sizes(value)
        else:
            yield 4 if isinstance(value, np.float32) else 8


def moves_of(code: Code, begin: str) -> Counter[int]:
    """How many instructions move so many bytes of device memory."""
    moves: Counter[int] = Counter()
    for op, n in code.ptx.items():
        if op.startswith(begin):
            found = re.search(r"(?:\.v(\d))?\.[a-z](\d+)$", op)
            assert found, op
            moves[int(found[1] or 1) * int(found[2]) // 8] += n
    return moves


def width_faults(kernel: Kernel, code: Code) -> list[str]:
    """Samples that are not moved as they should: by runs in an aligned kernel, else one by one."""
    loads, stores = moves_of(code, "ld.global"), moves_of(code, "st.global")
    found = [op for op in code.ptx if op.startswith("ld.global") and ".nc" not in op]
    if not kernel.stride:
        return found
    one, count = STORAGE[kernel.kind].itemsize, run_of(kernel.kind)
    run = one * count
    rows = 2 if kernel.direction == "pyramid" else kernel.stride  # read at once
    moved = stores if kernel.direction == "adjoint" else loads
    if set(moved) != ({one, run} if kernel.aligned else {one}):
        found.append(f"samples of {one} bytes moved by {sorted(moved)}")
    if kernel.direction != "adjoint":
        if kernel.aligned and loads[run] != rows:
            found.append(f"{loads[run]} runs loaded for {rows} rows")
        if set(stores) != {one}:
            found.append(f"results of {one} bytes stored by {sorted(stores)}")
    elif kernel.aligned and stores[one] != count * stores[run]:  # which the last of a row needs
        found.append(f"{stores[one]} stores beside those of {stores[run]} runs")
    return found


class Step(NamedTuple):
    """What a block of a kernel for strips does between two barriers, away from all edges.

    Attributes
    ----------
    samples : int
        Samples of x that the block does and no other.
    lines : float
        How often a warp of it goes through the loop over the samples of y, on average.
    loads, stores : int
        What each thread moves: samples of x on one side, at least one of y on the other.
    sums : int
        How many terms each thread adds up, at least.
    """

    samples: int
    lines: float
    loads: int
    stores: int
    sums: int


def step_of(kernel: Kernel) -> Step:
    """See `forward_strips` and `adjoint_strips`. Interleaved pictures have three channels here."""
    filter_, threads = filter_of(kernel.stride, kernel.compute), threads_of(kernel)
    channels = 1 if kernel.planar else 3
    per_thread = run_of(kernel.kind)
    lanes, moved = per_thread * threads, per_thread * kernel.stride
    if kernel.direction == "forward":
        before = -filter_.radius * channels % per_thread
        footprint = len(filter_.taps) * channels
        columns = (lanes - before - footprint) // (kernel.stride * channels) + 1
        line = columns * channels
        samples = line * kernel.stride**2
        loads, stores, sums = moved, 1, (per_thread + 1) * len(filter_.taps)
    else:
        line = lanes // kernel.stride + (filter_.slots - 1) * channels
        samples = lanes * kernel.stride
        loads, stores = 1, moved  # some lanes have a tap less along the row
        sums = per_thread * (filter_.slots - 1 + len(filter_.taps))
    return Step(samples, -(-line // 32) / (threads // 32), loads, stores, sums)


class Listing:
    """Machine code, and the ways through it."""

    def __init__(self, sass: str) -> None:
        self.lines: list[str] = []
        self.labels: dict[str, int] = {}
        for line in sass.splitlines():
            if found := re.match(r"(\.L_x_\d+):", line):
                self.labels[found[1]] = len(self.lines)
            elif found := re.match(r"\s+/\*[0-9a-f]+\*/\s+(\S.*?)\s*;", line):
                self.lines.append(found[1])
        self.following = [list(self._following(n)) for n in range(len(self.lines))]

    def _following(self, n: int) -> Iterator[int]:
        """What may run after line ``n``. A call comes back to the next one."""
        guarded, opcode, rest = self.parts(n)
        stem, target = opcode.partition(".")[0], re.search(r"`\((\.L_x_\d+)\)", rest)
        if stem == "BSYNC":  # goes to where the BSSY before it of the same barrier says
            begins = f"BSSY {rest},", f"BSSY.RECONVERGENT {rest},"
            start = max(m for m in range(n) if self.lines[m].startswith(begins))
            target = re.search(r"`\((\.L_x_\d+)\)", self.lines[start])
        if stem in {"BRA", "BSYNC"} and target:
            yield self.labels[target[1]]
        conditional = guarded or (stem == "BRA" and not rest.startswith("`"))
        if conditional or stem not in {"BRA", "BSYNC", "EXIT", "RET"}:
            yield n + 1

    def parts(self, n: int) -> tuple[bool, str, str]:
        """Whether a condition guards line ``n``, the instruction, its operands."""
        found = re.fullmatch(r"(@!?U?P\w+ +)?([\w.]+) *(.*)", self.lines[n])
        assert found, self.lines[n]
        return bool(found[1]), found[2], found[3]

    def find(self, stem: str) -> list[int]:
        return [n for n in range(len(self.lines)) if self.parts(n)[1].partition(".")[0] == stem]

    def moved(self, n: int, stem: str, itemsize: int) -> int:
        """How many samples line ``n`` loads (``LDG``) or stores (``STG``)."""
        opcode = self.parts(n)[1].split(".")
        if opcode[0] != stem:
            return 0
        sizes = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16}
        return max((sizes[word] for word in opcode if word in sizes), default=4) // itemsize

    def adds(self, n: int) -> int:
        """Whether line ``n`` adds two samples: 1 or 0."""
        return int(self.parts(n)[1].partition(".")[0] in {"FADD", "DADD"})

    def way(
        self,
        start: int,
        loads: int,
        stores: int,
        itemsize: int,
        avoid: Iterable[int] = (),
        sums: int = 0,
    ) -> list[int] | None:
        """The lines of the shortest way from a line back to it, which comes last.

        Of the ways that load, store and add at least so many samples.
        """
        least, avoided, came_from = (loads, stores, sums), set(avoid), dict[_Place, _Place]()
        waiting = deque((n, (0, 0, 0)) for n in self.following[start])
        met = set(waiting)
        while waiting:
            place = n, done = waiting.popleft()
            if n in avoided:
                continue
            moved = self.moved(n, "LDG", itemsize), self.moved(n, "STG", itemsize), self.adds(n)
            loaded, stored, added = map(min, least, map(operator.add, done, moved))
            done = loaded, stored, added
            if n == start and done == least:
                lines = [n]
                while place in came_from:
                    place = came_from[place]
                    lines.append(place[0])
                return lines[::-1]
            for m in self.following[n]:
                following = m, done
                if following not in met:
                    met.add(following)
                    came_from[following] = place
                    waiting.append(following)
        return None

    def shortest(
        self, start: int, loads: int, stores: int, itemsize: int, avoid: Iterable[int] = ()
    ) -> int | None:
        """How many instructions the way has; see `way`."""
        lines = self.way(start, loads, stores, itemsize, avoid)
        return None if lines is None else len(lines)


_Place = tuple[int, tuple[int, int, int]]
"""A line, and how many samples have been loaded, stored and added before it."""


def step_in(kernel: Kernel, listing: Listing) -> list[int]:
    """The lines of a step away from all edges, with one line of y. The barrier comes last."""
    step, size = step_of(kernel), STORAGE[kernel.kind].itemsize
    (barrier,) = listing.find("BAR")
    avoided = _one_by_one(kernel, listing)
    way = listing.way(barrier, step.loads, step.stores, size, avoided, step.sums)
    assert way is not None
    return way


def line_in(kernel: Kernel, listing: Listing) -> float:
    """How many instructions each more line of y takes in a step."""
    size, forward = STORAGE[kernel.kind].itemsize, kernel.direction == "forward"
    counts = []
    for times in range(1, 5):  # in which the loop over samples of y may have been unrolled
        moved = (0, times) if forward else (times, 0)
        for n in listing.find("STG" if forward else "LDG"):
            count = listing.shortest(n, *moved, size, listing.find("BAR"))
            counts += [] if count is None else [count / times]
    return min(counts)


def _one_by_one(kernel: Kernel, listing: Listing) -> list[int]:
    """The lines that move a sample of x alone, which aligned kernels do at edges only."""
    size, stem = STORAGE[kernel.kind].itemsize, "LDG" if kernel.direction == "forward" else "STG"
    moves = listing.find(stem) if kernel.aligned else []
    return [n for n in moves if listing.moved(n, stem, size) == 1]


def instructions_per_sample(kernel: Kernel, sass: str) -> float:
    """Of a thread, for each sample of x, away from all edges."""
    listing, step = Listing(sass), step_of(kernel)
    whole = len(step_in(kernel, listing)) + (step.lines - 1) * line_in(kernel, listing)
    return whole * threads_of(kernel) / step.samples


# What follows is of the H200: compute capability 9.0.
CLOCK, PROCESSORS, SCHEDULERS, BANDWIDTH = 1.7e9, 132, 4, 4.8e12
INPUT = 256 * 2**20
"""Bytes of x, for the times on the page."""


def blocks_that_fit(kernel: Kernel, code: Code, threads: int = 0) -> int:
    """Of a kernel, on one of its multiprocessors; with as many threads as it takes, if not told."""
    threads = threads or threads_of(kernel)
    warps = threads // 32
    registers = -(-code.registers * 32 // 256) * 256  # of a warp, in units of 256
    shared = -(-(code.shared + 1024) // 128) * 128  # 1 KiB is the system's, units of 128 bytes
    by_registers = SCHEDULERS * (65536 // SCHEDULERS // registers) // warps
    return min(by_registers, 2048 // threads, 228 * 1024 // shared, 32)


HEADINGS = (
    "kernel", "registers", "shared memory, bytes", "most threads a block", "blocks that fit",
    "occupancy", "bytes a sample", "instructions a sample", "memory, µs", "instructions, µs",
)  # fmt: skip


def row_of(kernel: Kernel, code: Code) -> str:
    """The kernel's line in the table."""
    size, fit = STORAGE[kernel.kind].itemsize, blocks_that_fit(kernel, code)
    samples = INPUT // size
    cells = [
        f"`{kernel.name}`", code.registers, code.shared, threads_of(kernel), fit,
        f"{fit * threads_of(kernel) / 2048:.0%}",
    ]  # fmt: skip
    if kernel.stride:
        strides = PYRAMID if kernel.direction == "pyramid" else (kernel.stride,)
        moved = size * (1 + sum(stride**-2 for stride in strides))
        memory = f"{samples * moved / BANDWIDTH * 1e6:.0f}"
        cells += [f"{moved:.2f}", "–", memory, "–"]
        if kernel.direction != "pyramid":
            each = instructions_per_sample(kernel, code.sass)
            issued = each * samples / 32 / (PROCESSORS * SCHEDULERS * CLOCK)
            cells[-3:] = [f"{each:.1f}", memory, f"{issued * 1e6:.0f}"]
    else:
        cells += ["–"] * 4
    return f"| {' | '.join(map(str, cells))} |"


def versions() -> str:
    """Of the packages that turn a kernel into machine code."""
    packages = "numba-cuda", "nvidia-nvvm", "nvidia-cuda-nvcc"
    return ", ".join(f"{package} {version(package)}" for package in packages)


def made_from() -> str:
    """The versions, and a digest of all sources that take part in a kernel."""
    package = Path(aa_ref.__file__).parent
    sources = [package / "dtypes.py", package / "filters.py"]
    sources += sorted((package / "backends" / "cuda").rglob("*.py"))
    digest = hashlib.sha256()
    for path in sources:
        name = path.relative_to(package).as_posix()
        digest.update(f"{name}\0{path.read_text('utf-8')}\0".encode())
    return f"{versions()}, sources {digest.hexdigest()[:16]}"


PAGE = """\
# The CUDA kernels, one by one

Every kernel that aa_ref ships for arrays that keep their type, as it is on an H200 (sm_90). Nothing
here was measured on a GPU: registers and memory are what ptxas reports, the rest is computed.
[how-fast-gpu.md](how-fast-gpu.md) explains the kernels; [contributing.md](contributing.md) has the
command that makes this page.

Made with {made_from}: no fault for
sm_75, sm_80, sm_90 or sm_100, which `tests/cuda/test_kernel_code.py` relies on.

## How to read it

- **Registers** are those of a thread; none spills. **Shared memory** is a block's.
- **Blocks that fit** a multiprocessor at a time, of as many threads as a kernel takes: a launch for
  strips may have fewer, see [how-fast-gpu.md](how-fast-gpu.md#what-a-launch-does). It has 65,536
  registers, of which each warp takes a multiple of 256 from one of four quarters; 228 KiB of shared
  memory, of which each block takes 1 KiB besides its own, in multiples of 128 bytes; 2,048 threads
  and 32 blocks.
  **Occupancy** is the threads of these blocks over 2,048.
- A **sample** is one of x, the side with all samples: the input forward, the result of the adjoint.
  **Bytes a sample** are those of x and y that have to be moved, each once.
- **Instructions a sample** are a thread's between one barrier and the next, over the samples that
  it does between them: counted in the machine code along the shortest way that moves all of these
  and adds up all of their terms, so away from the edges of an array. Not counted are a block's
  first steps, which only begin sums: a few for a strip of many rows. Where threads or rows differ
  the cheaper way counts, so the figure is a bound from below. Interleaved pictures have three
  channels here.
- **Memory** and **instructions** are the least times for 256 MiB of x that follow: from 4.8 TB/s,
  and from 132 multiprocessors whose four schedulers each start one instruction for 32 threads in a
  cycle of 1.7 GHz. The greater of the two is a bound. Binary64, conversions and some integer
  arithmetic start more slowly than that, and the two never overlap perfectly.
- What a kernel for one or two axes (`axes_1`, `axes_2`), for tiles or a conversion does for a
  sample depends on the plan, so no time is given. A pyramid's instructions differ from step to
  step and are not counted.

## The table

"""


def page_of(codes: Iterable[tuple[Kernel, Code]]) -> str:
    """The page, whole."""
    rows = [row_of(kernel, code) for kernel, code in codes]
    head = [f"| {' | '.join(HEADINGS)} |", "|---" + "|---:" * (len(HEADINGS) - 1) + "|"]
    return PAGE.format(made_from=made_from()) + "\n".join([*head, *rows]) + "\n"


def rows_of(page: str) -> dict[str, str]:
    """The rows of a page's tables, by kernel."""
    return {found[1]: found[0] for found in re.finditer(r"^\| `(\w+)` \|.*\|$", page, re.MULTILINE)}


def main(page: Path, *others: Path) -> None:
    """Look at every kernel; write the page, and renew the rows that others have of it.

    Raises
    ------
    SystemExit
        If a kernel has a fault for any architecture. Nothing is written then.
    """
    with compiling([*shipped(), *conversions()]) as futures:
        codes = {kernel: future.result() for kernel, future in futures.items()}
    faults = [
        f"{kernel.name}, sm_{architecture}: {fault}"
        for kernel, by_architecture in codes.items()
        for architecture, code in by_architecture.items()
        for fault in faults_of(kernel, code)
    ]
    if faults:
        raise SystemExit("\n".join(faults))
    text = page_of((kernel, codes[kernel][90]) for kernel in shipped())
    page.write_text(text, "utf-8")
    rows = rows_of(text)
    for other in others:
        text = other.read_text("utf-8")
        for kernel, row in rows_of(text).items():
            text = text.replace(row, rows[kernel])
        other.write_text(text, "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
