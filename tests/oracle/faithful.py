"""Implementations in any faithful arithmetic, emulated exactly with rational numbers.

They do whatever a bound has to allow: any order, fused or not, rounding as an adversary likes, taps
computed step by step with all the slack that the proof grants.
"""

import math
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from aa_ref.boundary import fold
from aa_ref.filters import sigma_of
from aa_ref.oracle.numerics.formats import Format, Precision
from aa_ref.plans import AxisPlan, Plan

MODES = ("up", "down", "away", "towards", "nearest", "random")
ORDERS = ("ascending", "descending", "pairwise", "random", "by magnitude", "largest first")
_EXP = Context(prec=50)


@dataclass
class Arithmetic:
    """Rounding to a format, and which neighbour is taken."""

    mode: str
    rng: np.random.Generator
    flush: bool = False

    def round(self, z: Fraction, f: Format) -> Fraction:
        """A faithful rounding: the number itself if the format has it."""
        if z == 0:
            return z
        exponent = max(_exponent(z), f.least)
        ulp = Fraction(2) ** (exponent - f.digits + 1)
        low = math.floor(z / ulp) * ulp
        if self.flush and abs(z) < Fraction(2) ** f.least:
            return Fraction(0)
        if low == z:
            return z
        return low + ulp if self._up(z, low, ulp) else low

    def _up(self, z: Fraction, low: Fraction, ulp: Fraction) -> bool:
        if self.mode == "nearest":
            return z - low > ulp / 2 or (z - low == ulp / 2 and (low / ulp) % 2 == 1)
        if self.mode == "random":
            return bool(self.rng.integers(2))
        return {"up": True, "down": False, "away": z > 0, "towards": z < 0}[self.mode]

    def loosely(self, z: Fraction, ulps: Fraction, f: Format) -> Fraction:
        """Off by so many units before it is rounded, in the direction that the mode likes."""
        sign = {"up": 1, "away": 1, "down": -1, "towards": -1, "nearest": 0}.get(self.mode)
        if sign is None:
            sign = int(self.rng.integers(-1, 2))
        return self.round(z * (1 + sign * ulps * Fraction(f.unit)), f)

    def total(self, terms: list[Fraction], f: Format, order: str) -> Fraction:
        """The sum of numbers of the format, in some order."""
        terms = self.ordered(terms, order)
        if order == "pairwise":
            while len(terms) > 1:
                pairs = [
                    self.round(a + b, f) for a, b in zip(terms[::2], terms[1::2], strict=False)
                ]
                terms = pairs + terms[len(terms) // 2 * 2 :]
            return terms[0] if terms else Fraction(0)
        result = Fraction(0)
        for term in terms:
            result = self.round(result + term, f)
        return result

    def ordered(self, terms: list[Any], order: str, key: Any = abs) -> list[Any]:
        """The terms as that order takes them."""
        if order == "descending":
            return terms[::-1]
        if order == "random":
            return [terms[i] for i in self.rng.permutation(len(terms))]
        if order in ("by magnitude", "largest first"):
            return sorted(terms, key=key, reverse=order == "largest first")
        return terms

    def dot(
        self, pairs: list[tuple[Fraction, Fraction]], f: Format, order: str, fused: bool
    ) -> Fraction:
        """The sum of products."""
        if not fused or order == "pairwise":
            return self.total([self.round(a * b, f) for a, b in pairs], f, order)
        result = Fraction(0)
        for a, b in self.ordered(pairs, order, lambda pair: abs(pair[0] * pair[1])):
            result = self.round(result + a * b, f)
        return result


def _exponent(z: Fraction) -> int:
    e = abs(z.numerator).bit_length() - z.denominator.bit_length()
    return e if abs(z) >= Fraction(2) ** e else e - 1


def exp(a: Fraction) -> Fraction:
    """To 48 digits or so: exact, beside the formats here."""
    quotient = _EXP.divide(Decimal(a.numerator), Decimal(a.denominator))
    return Fraction(_EXP.exp(quotient))


def sigma(a: AxisPlan, f: Format, r: Arithmetic) -> Fraction:
    """In the format: by the rule, if it is the rule's."""
    if a.sigma != sigma_of(a.scale):
        return r.round(Fraction(a.sigma), f)
    scale = r.round(Fraction(a.scale), f)
    return r.round(r.round(1 / scale, f) - 1, f) / 2


def arguments(a: AxisPlan, s: Fraction, f: Format, r: Arithmetic, way: int) -> list[Fraction]:
    """-i²/(2 s²), as one writes it or another."""
    if not a.radius:
        return [Fraction(0)]
    found = []
    for i in range(-a.radius, a.radius + 1):
        if way == 0:
            inverse = r.loosely(1 / s, Fraction(3, 2), f)
            found.append(-r.round(r.round(i * inverse, f) ** 2, f) / 2)
        elif way == 1:
            found.append(r.loosely(-r.round(Fraction(i * i), f) / (2 * r.round(s * s, f)),
                                   Fraction(3, 2), f))  # fmt: skip
        else:
            quotient = r.loosely(i / s, Fraction(3, 2), f)
            found.append(-r.round(quotient * quotient, f) / 2)
    return found


def exponential(a: Fraction, f: Format, r: Arithmetic) -> Fraction:
    """Within 3 + (2 log2(e) + 2) |a| units."""
    return r.loosely(exp(a), 2 + Fraction(488, 100) * abs(a), f)


def normalised(weights: list[Fraction], f: Format, r: Arithmetic, order: str, way: int) -> Any:
    """Weights over their sum; by the reciprocal for an odd way."""
    if len(weights) == 1:
        return [Fraction(1)]
    total = r.total(weights, f, order)
    if way % 2:
        inverse = r.loosely(1 / total, Fraction(3, 2), f)
        return [r.round(w * inverse, f) for w in weights]
    return [r.loosely(w / total, Fraction(3, 2), f) for w in weights]


def lines(a: AxisPlan, forward: bool) -> list[list[tuple[int, int]]]:
    """For each result of a pass, the pairs of tap and sample that it sums."""
    found: list[list[tuple[int, int]]] = [[] for _ in range(a.out_length if forward else a.length)]
    for i, centre in enumerate(a.centres.tolist()):
        reads = fold(np.arange(centre - a.radius, centre + a.radius + 1), a.length, a.boundary)
        for k, j in enumerate(reads.tolist()):
            if j >= 0:
                found[i if forward else j].append((k, j if forward else i))
    return found


def given_taps(plan: Plan, a: AxisPlan) -> list[Fraction]:
    return [Fraction(float(t)) for t in a.taps]


@dataclass
class Implementation:
    """One way to write the operation, in one arithmetic."""

    precision: Precision
    taps: str
    direct: bool
    order: str
    fused: bool
    way: int
    reverse: bool
    r: Arithmetic
    paired: bool = False

    def __call__(self, plan: Plan, x: np.ndarray, forward: bool) -> np.ndarray:
        """The result as it is held in storage, in an array of fractions."""
        p, r = self.precision, self.r
        values = np.empty(x.shape, object)
        for index in np.ndindex(x.shape):
            values[index] = r.round(Fraction(float(x[index])), p.operands)
        if self.direct:
            values = self._direct(plan, values, forward)
        else:
            passes = list(plan.passes)
            for n, a in enumerate(passes[::-1] if self.reverse else passes):
                if n:
                    values = self._each(
                        lambda z: r.round(r.round(z, p.storage), p.operands), values
                    )
                values = self._pass(a, values, self._line_taps(plan, a), forward)
        return self._each(lambda z: r.round(z, p.storage), values)

    @staticmethod
    def _each(function: Any, values: np.ndarray) -> np.ndarray:
        result = np.empty(values.shape, object)
        for index in np.ndindex(values.shape):
            result[index] = function(values[index])
        return result

    def _arguments(self, a: AxisPlan) -> list[Fraction]:
        f, r = self.precision.design, self.r
        return arguments(a, sigma(a, f, r) if a.radius else Fraction(0), f, r, self.way)

    def _line_taps(self, plan: Plan, a: AxisPlan) -> list[Fraction]:
        p, r = self.precision, self.r
        if self.taps == "given":
            found = [r.round(t, p.design) for t in given_taps(plan, a)]
        elif not a.radius:
            return [Fraction(1)]
        else:
            weights = [exponential(e, p.design, r) for e in self._arguments(a)]
            found = normalised(weights, p.design, r, self.order, self.way)
        return [r.round(t, p.operands) for t in found]

    def _pass(self, a: AxisPlan, values: np.ndarray, taps: list[Fraction], forward: bool) -> Any:
        moved = np.moveaxis(values, a.axis, 0)
        sums = lines(a, forward)
        result = np.empty((len(sums), *moved.shape[1:]), object)
        for i, terms in enumerate(sums):
            for rest in np.ndindex(moved.shape[1:]):
                products = [(abs(k - a.radius), taps[k], moved[(j, *rest)]) for k, j in terms]
                result[(i, *rest)] = self._dot(products)
        return np.moveaxis(result, 0, a.axis)

    def _dot(self, products: list[tuple[Any, Fraction, Fraction]]) -> Fraction:
        """Of (distance, weight, sample); paired, samples at equal distances are added first."""
        f, pairs = self.precision.accumulation, [(w, x) for _, w, x in products]
        if self.paired:
            alike: dict[Any, tuple[Fraction, list[Fraction]]] = {}
            for distance, weight, sample in products:
                alike.setdefault(distance, (weight, []))[1].append(sample)
            pairs = [(w, self.r.total(samples, f, self.order)) for w, samples in alike.values()]
        return self.r.dot(pairs, f, self.order, self.fused)

    def _direct(self, plan: Plan, values: np.ndarray, forward: bool) -> np.ndarray:
        """Two filtered axes, which are all of the array's."""
        p, r = self.precision, self.r
        a, b = plan.passes
        if self.taps == "given":
            rows, columns = ([r.round(t, p.design) for t in given_taps(plan, c)] for c in (a, b))
            table = [[r.round(r.round(s * t, p.design), p.operands) for t in columns] for s in rows]
        else:
            up, along = (self._arguments(c) for c in (a, b))
            if self.way == 1:  # one exponential of a sum
                flat = [
                    exponential(r.round(s + t, p.design), p.design, r) for s in up for t in along
                ]
            else:
                first, second = (
                    [exponential(e, p.design, r) for e in es] if len(es) > 1 else [Fraction(1)]
                    for es in (up, along)
                )
                flat = [r.round(s * t, p.design) for s in first for t in second]
            flat = normalised(flat, p.design, r, self.order, self.way)
            wide = len(along)
            table = [
                [r.round(w, p.operands) for w in flat[i * wide : (i + 1) * wide]]
                for i in range(len(up))
            ]
        rows, columns = lines(a, forward), lines(b, forward)
        result = np.empty((len(rows), len(columns)), object)
        for i, vertical in enumerate(rows):
            for j, horizontal in enumerate(columns):
                result[i, j] = self._dot(
                    [
                        ((abs(k - a.radius), abs(m - b.radius)), table[k][m], values[s, t])
                        for k, s in vertical
                        for m, t in horizontal
                    ]
                )
        return result
