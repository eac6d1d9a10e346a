"""Random ports with two to four known faults, and how well a diagnosis names them.

    python tests/meta/combinations.py --draws 200
    python tests/meta/combinations.py --draws 200 --only 17
    python tests/meta/combinations.py --diagnosis my_module:diagnose

A draw is known by its seed and number. Each of its faults is needed: without any one of them, the
port answers otherwise. A diagnosis is any function of a port and options that returns what has
``findings``, as `aa_ref.oracle.diagnosis.diagnose` does.
"""

import argparse
import pkgutil
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

import numpy as np
from layer import Layer, gaussian, same, zeros
from mutants import (
    bfloat16,
    clip,
    clip_above,
    clip_below,
    half,
    reflect,
    renormalise,
    symmetric,
    tf32,
    wrap,
)

Function = Callable[[Any], Any]

DTYPES = ("float32", "uint8", "uint16")
SCALES = (1 / 2, 1 / 3, 1 / 4, 1 / 4, 1 / 6, 1 / 8)


@dataclass(frozen=True)
class Axis:
    """What a port does along one axis."""

    sigma: float
    radius: int
    stride: int
    weights: Function = gaussian
    rounded_taps: Function = same
    shift: int = 0
    outputs: str = "ceil"
    fold: Function = zeros
    rows: Function = same
    outside: float = 0.0

    def centres(self, n: int) -> Any:
        if self.outputs == "valid":
            return np.arange(self.radius, n - self.radius, self.stride)
        m = {
            "ceil": -(-n // self.stride),
            "floor": n // self.stride,
            "one more": n // self.stride + 1,
        }
        return np.arange(max(m[self.outputs], 1)) * self.stride + self.shift

    @property
    def layer(self) -> Layer:
        return Layer(
            sigma=lambda _: self.sigma, radius=lambda _: self.radius, stride=lambda _: self.stride,
            weights=self.weights, rounded_taps=self.rounded_taps, fold=self.fold, rows=self.rows,
            centres=lambda n, _: self.centres(n), outside=self.outside,
        )  # fmt: skip


@dataclass(frozen=True)
class Port:
    """A port, whole: functions are called in the order in which they stand here."""

    axes: tuple[Axis, Axis]
    before: Function = same
    between: Function = same
    after: tuple[Function, ...] = ()
    rounding: Function = np.rint
    answer: tuple[Function, ...] = ()
    writes: bool = False

    def __call__(self, x: Any) -> Any:
        given = x
        whole = x.dtype.kind == "u"
        x = self.before(x.astype(np.float32) if whole else x)
        layers = {k: axis.layer for k, axis in zip((-2, -1), self.axes, strict=True)}
        y = Layer(along=layers, between=self.between)(x)
        for change in self.after:
            y = change(y)
        if whole:
            y = np.clip(self.rounding(y), 0, np.iinfo(given.dtype).max).astype(given.dtype)
        for change in self.answer:
            y = change(y)
        if self.writes:
            given += 1
        return y


class Asked(NamedTuple):
    """What the draw is to be: a right port, and random numbers to spoil it with."""

    scale: float
    dtype: str
    random: Random

    @property
    def axis(self) -> Axis:
        sigma = (1 / self.scale - 1) / 2
        return Axis(sigma, round(4 * sigma), int(1 / self.scale))

    @property
    def full(self) -> float:
        return 1.0 if self.dtype == "float32" else float(np.iinfo(self.dtype).max)


class Fault(NamedTuple):
    """A change of a port."""

    words: str
    change: Callable[[Port], Port]


class Kind(NamedTuple):
    """Faults of one kind: their codes, what they are about, and how one is drawn.

    Two kinds about one thing do not meet in a port.
    """

    codes: str
    about: str
    dtypes: Sequence[str]
    draw: Callable[[Asked], Fault]


def along(a: Asked, words: str, **parts: Any) -> Fault:
    """Along both axes, or one of them."""
    which = a.random.choice([(0, 1), (0, 1), (0,), (1,)])

    def change(port: Port) -> Port:
        axes = [replace(x, **parts) if k in which else x for k, x in enumerate(port.axes)]
        return replace(port, axes=(axes[0], axes[1]))

    return Fault(f"{words} along {'HW'[which[0]] if len(which) == 1 else 'H and W'}", change)


def once(words: str, **parts: Any) -> Fault:
    return Fault(words, lambda port: replace(port, **parts))


def then(words: str, after: Function) -> Fault:
    return Fault(words, lambda port: replace(port, after=(*port.after, after)))


def at_last(words: str, answer: Function) -> Fault:
    return Fault(words, lambda port: replace(port, answer=(*port.answer, answer)))


def sigma(a: Asked) -> Fault:
    factor = a.random.choice([0.7, 0.8, 0.9, 1.1, 1.25, 1.5])
    return along(a, f"sigma times {factor}", sigma=a.axis.sigma * factor)


def sigma_and_its_radius(a: Asked) -> Fault:
    wide = a.axis.sigma * a.random.choice([0.75, 1.25, 1.5])
    return along(a, f"sigma {wide:.4g} and its radius", sigma=wide, radius=round(4 * wide))


def shape(a: Asked) -> Fault:
    words = a.random.choice(["box", "triangle"])
    weights = {
        "box": lambda i, s: np.ones_like(i),
        "triangle": lambda i, s: abs(i).max() + 1 - abs(i),
    }
    return along(a, f"a {words}", weights=weights[words])


def radius(a: Asked) -> Fault:
    own = a.axis.radius
    others = {own - 1, own + 1, own + 2, round(3 * a.axis.sigma)} - {own, 0}
    wrong = a.random.choice(sorted(others))
    return along(a, f"radius {wrong} for {own}", radius=wrong)


def coarse_taps(a: Asked) -> Fault:
    if a.dtype == "float32":
        words, rounded = a.random.choice([("half", half), ("bfloat16", bfloat16)])
        return along(a, f"taps in {words}", rounded_taps=rounded)
    bits = a.random.choice([6, 7, 8] if a.dtype == "uint8" else [8, 10, 12])
    unit = np.float32(2**bits)
    return along(a, f"taps of {bits} bits", rounded_taps=lambda t: np.rint(t * unit) / unit)


def gain(a: Asked) -> Fault:
    factor = a.random.choice([0.8, 0.9, 0.95, 0.98, 1.05, 1.25])
    return then(f"gain {factor}", lambda y: y * np.float32(factor))


def phase(a: Asked) -> Fault:
    shift = a.random.choice(sorted({-2, -1, 1, 2, a.axis.stride // 2}))
    return along(a, f"centres {shift:+d}", shift=shift)


def stride(a: Asked) -> Fault:
    own = a.axis.stride
    wrong = a.random.choice(sorted({own - 1, own + 1, 2 * own} - {own}))
    return along(a, f"stride {wrong}", stride=wrong)


def outputs(a: Asked) -> Fault:
    rule = a.random.choice(["floor", "one more"])
    return along(a, f"number of outputs {rule}", outputs=rule)


def no_padding(a: Asked) -> Fault:
    return along(a, "no padding", outputs="valid")


def ends(a: Asked) -> Fault:
    rules = (clip, reflect, symmetric, wrap, clip_below, clip_above)
    rule = a.random.choice(rules)
    return along(a, f"{rule.__name__} at the ends", fold=rule)


def renormalised(a: Asked) -> Fault:
    return along(a, "renormalised at the ends", rows=renormalise)


def outside(a: Asked) -> Fault:
    return along(a, f"{a.full:g} beyond the ends", outside=a.full)


def backwards(a: Asked) -> Fault:
    way = a.random.choice([np.s_[..., ::-1], np.s_[..., ::-1, :], np.s_[..., ::-1, ::-1]])
    return at_last(f"an answer backwards, {len(way) - 1} and {way[-1].step}", lambda y: y[way])


def transposed(a: Asked) -> Fault:
    return at_last("transposed", lambda y: np.ascontiguousarray(y.swapaxes(-1, -2)))


def channels(a: Asked) -> Fault:
    words, change = a.random.choice(
        [
            ("in reverse", lambda y: y[:, ::-1]),
            ("the first for all", lambda y: np.repeat(y[:, :1], y.shape[1], axis=1)),
            ("an eighth of the next", lambda y: (y + np.roll(y, 1, 1) / np.float32(8))
             if y.shape[1] > 1 else y),
        ]
    )  # fmt: skip
    return then(f"channels: {words}", change)


def limit(a: Asked) -> Fault:
    most = a.full if a.dtype == "float32" else np.floor(a.full * 0.9)
    return then(f"at most {most:g}", lambda y: np.minimum(y, np.float32(most)))


def added(a: Asked) -> Fault:
    more = 0.125 if a.dtype == "float32" else a.full // 80
    return then(f"{more:g} added", lambda y: y + np.float32(more))


def rounding(a: Asked) -> Fault:
    words, parts = a.random.choice(
        [
            ("truncated", {"rounding": np.floor}),
            ("rounded up", {"rounding": np.ceil}),
            ("rounded between the passes", {"between": np.rint}),
            ("truncated between the passes", {"between": np.floor}),
            ("truncated twice", {"between": np.floor, "rounding": np.floor}),
        ]
    )
    return once(words, **parts)


def digits(a: Asked) -> Fault:
    words, rounded = a.random.choice([("bfloat16", bfloat16), ("TF32", tf32)])
    place = a.random.choice(["before", "between"])
    return once(f"{words} {place}", **{place: rounded})


def nan(a: Asked) -> Fault:
    return once("NaN as zero", before=lambda x: np.nan_to_num(x, posinf=np.inf, neginf=-np.inf))


def other_type(a: Asked) -> Fault:
    return at_last("a binary64 result", lambda y: y.astype(np.float64))


def writes(a: Asked) -> Fault:
    return once("writes to its input", writes=True)


FLOATS, INTEGERS = DTYPES[:1], DTYPES[1:]
KINDS = (
    # codes, what it is about, types, how it is drawn
    Kind("sigma", "width", DTYPES, sigma),
    Kind("sigma", "width reach", DTYPES, sigma_and_its_radius),
    Kind("sigma", "width reach", DTYPES, shape),
    Kind("radius", "reach", DTYPES, radius),
    Kind("precision", "width reach numbers", DTYPES, coarse_taps),
    Kind("precision", "numbers", INTEGERS, rounding),
    Kind("precision", "numbers specials", FLOATS, digits),
    Kind("normalisation", "gain", DTYPES, gain),
    Kind("phase", "centres", DTYPES, phase),
    Kind("stride", "stride", DTYPES, stride),
    Kind("size", "count", DTYPES, outputs),
    Kind("boundary size", "ends count centres", DTYPES, no_padding),
    Kind("boundary", "ends", DTYPES, ends),
    Kind("boundary", "ends", DTYPES, renormalised),
    Kind("boundary", "ends", DTYPES, outside),
    Kind("flip", "direction", DTYPES, backwards),
    Kind("axes", "order", DTYPES, transposed),
    Kind("channels", "planes specials", DTYPES, channels),
    Kind("values", "range specials", DTYPES, limit),
    Kind("values", "range specials", DTYPES, added),
    Kind("nan", "specials", FLOATS, nan),
    Kind("dtype", "call", DTYPES, other_type),
    Kind("mutates", "call", DTYPES, writes),
)


class Draw(NamedTuple):
    """A wrong port, and what is known of it."""

    number: int
    port: Port
    codes: frozenset[str]
    words: tuple[str, ...]
    scale: float
    dtype: str

    @property
    def options(self) -> dict[str, Any]:
        return {"scale": self.scale, "dtype": self.dtype}


def draw(seed: int, number: int, faults: Sequence[int] = (2, 3, 4)) -> Draw:
    """Draw the port of this number: another one for another seed, else the same each time."""
    random = Random(f"{seed} {number}")
    while True:
        a = Asked(random.choice(SCALES), DTYPES[number % len(DTYPES)], random)
        kinds = _apart([k for k in KINDS if a.dtype in k.dtypes], random.choice(faults), random)
        drawn = [kind.draw(a) for kind in kinds]
        port = _spoilt(a, drawn)
        without = [_spoilt(a, drawn[:k] + drawn[k + 1 :]) for k in range(len(drawn))]
        needed = all(_differ(port, other, a) for other in without)
        twofold = any(kind.draw is radius for kind in kinds)
        if needed and not (twofold and any(_follows(axis, a) for axis in port.axes)):
            codes = frozenset(code for kind in kinds for code in kind.codes.split())
            words = tuple(fault.words for fault in drawn)
            return Draw(number, port, codes, words, a.scale, a.dtype)


def _apart(kinds: Sequence[Kind], count: int, random: Random) -> list[Kind]:
    """So many kinds, no two about the same."""
    chosen: list[Kind] = []
    taken: set[str] = set()
    for kind in random.sample(kinds, len(kinds)):
        about = set(kind.about.split())
        if len(chosen) < count and not about & taken:
            chosen.append(kind)
            taken |= about
    return chosen


def _spoilt(a: Asked, faults: Iterable[Fault]) -> Port:
    port = Port((a.axis, a.axis))
    for fault in faults:
        port = fault.change(port)
    return port


def _follows(axis: Axis, a: Asked) -> bool:
    """Whether another radius happens to be that of another sigma: no fault of its own."""
    both = axis.sigma != a.axis.sigma and axis.radius != a.axis.radius
    return both and axis.radius == round(4 * axis.sigma)


def _differ(one: Port, other: Port, a: Asked) -> bool:
    """Return True if any answer differs, or what has become of the question."""
    random = np.random.default_rng(0)
    r = 2 * a.axis.radius
    for lengths in ((r + 9, r + 14), (r + 12, r + 7)):
        x = random.normal(0, 2, (2, 3, *lengths)).astype(np.float32)
        if a.dtype != "float32":
            x = random.integers(0, int(a.full) + 1, x.shape).astype(a.dtype)
        for special in (False, True) if a.dtype == "float32" else (False,):
            x[0, 0, lengths[0] // 2, lengths[1] // 2] = np.nan if special else 0
            asked = x.copy(), x.copy()
            with np.errstate(all="ignore"):
                answers = one(asked[0]), other(asked[1])
            if _tell_apart(*answers, a) or asked[0].tobytes() != asked[1].tobytes():
                return True
    return False


def _tell_apart(y: Any, z: Any, a: Asked) -> bool:
    """Return True if answers differ in shape, type, or by more than sums in binary32 are off by.

    Of 65,535, these are off by some units; of 255 and of impulses' answers by nothing that counts.
    """
    if y.dtype != z.dtype or y.shape != z.shape:
        return True
    if a.dtype == "uint16":
        return bool(np.any(np.abs(y.astype(np.float64) - z) > 4))
    return bool(y.tobytes() != z.tobytes())


# Scores.


class Score(NamedTuple):
    """How a draw was named."""

    draw: Draw
    found: frozenset[str]
    seconds: float

    @property
    def grade(self) -> str:
        wanted = self.draw.codes
        if self.found == wanted:
            return "right"
        return "more" if self.found > wanted else "fewer" if self.found < wanted else "other"

    def __str__(self) -> str:
        d = self.draw
        return (
            f"{d.number:4} {self.grade:5} {self.seconds:4.1f} s {d.dtype}, 1/{1 / d.scale:g}: "
            f"{'; '.join(d.words)}. "
            f"Wanted {' '.join(sorted(d.codes))}; found {' '.join(sorted(self.found))}."
        )


def scores(diagnosis: Callable[..., Any], draws: Iterable[Draw]) -> Iterator[Score]:
    """Ask a diagnosis about each port."""
    for d in draws:
        start = time.process_time()
        findings = diagnosis(d.port, **d.options).findings
        yield Score(d, frozenset(f.code for f in findings), time.process_time() - start)


def table(found: Sequence[Score]) -> Iterator[str]:
    """The lines of a table: of each type, grades and seconds."""
    yield f"{'':8}  draws  right   more  fewer  other  median s  most s"
    for dtype in (*DTYPES, "all"):
        rows = [s for s in found if dtype in ("all", s.draw.dtype)]
        if rows:
            grades = [s.grade for s in rows]
            counts = [grades.count(g) for g in ("right", "more", "fewer", "other")]
            seconds = [s.seconds for s in rows]
            numbers = " ".join(f"{n:6}" for n in (len(rows), *counts))
            yield f"{dtype:8} {numbers}  {statistics.median(seconds):8.2f}  {max(seconds):6.1f}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--draws", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--faults", type=int, nargs="+", default=[2, 3, 4])
    options.add_argument("--only", type=int, nargs="+", help="numbers of draws")
    options.add_argument("--slow", type=float, default=8.0, help="seconds that are told")
    options.add_argument("--diagnosis", default="aa_ref.oracle.diagnosis:diagnose")
    given = options.parse_args()
    diagnosis = pkgutil.resolve_name(given.diagnosis)
    numbers = given.only or range(given.draws)
    found = []
    for score in scores(diagnosis, (draw(given.seed, k, given.faults) for k in numbers)):
        found.append(score)
        if score.grade != "right" or score.seconds > given.slow or given.only:
            print(score, flush=True)
    print(*table(found), sep="\n")


if __name__ == "__main__":
    main()
