"""Numbers as tables show them: three digits that count."""

from .timing import Timing

__all__ = ["milliseconds", "quartiles", "ratio", "three_digits"]


def milliseconds(seconds: float) -> str:
    """Without the unit.

    Examples
    --------
    >>> milliseconds(0.0123456), milliseconds(12.34)
    ('12.3', '12,340')
    """
    return three_digits(1e3 * seconds)


def quartiles(timing: Timing) -> str:
    """The lower and the upper one, in milliseconds."""
    return f"{milliseconds(timing.lower)}–{milliseconds(timing.upper)}"


def ratio(value: float) -> str:
    """How many times; from ten on in whole numbers.

    Examples
    --------
    >>> ratio(1.2345), ratio(23.45)
    ('1.23', '23')
    """
    return three_digits(value) if abs(value) < 10 else f"{value:,.0f}"


def three_digits(value: float) -> str:
    """A number with three digits that count, but never with an exponent for large ones."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
