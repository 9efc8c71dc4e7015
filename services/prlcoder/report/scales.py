"""Axes and numbers: round tick values, positions, and numbers as people write them. Pure functions."""

from __future__ import annotations

from math import ceil, floor, isfinite, log10


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round values (multiples of 1, 2, 2.5 or 5 times a power of ten) inside ``[low, high]``.

    >>> ticks(0.0, 1.0)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> ticks(0, 1375)
    [0.0, 250.0, 500.0, 750.0, 1000.0, 1250.0]
    """
    if not (isfinite(low) and isfinite(high)) or high <= low:
        return [low]
    power = 10.0 ** floor(log10((high - low) / count))
    steps = [factor * power for factor in (10, 5, 2.5, 2, 1)]
    return min((_multiples(low, high, step) for step in steps), key=lambda found: abs(len(found) - count))


def _multiples(low: float, high: float, step: float) -> list[float]:
    digits = max(0, 1 - floor(log10(step)))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(index * step, digits) for index in range(first, last + 1)]


def position(value: float, low: float, high: float) -> float:
    """Where ``value`` lies between ``low`` (0) and ``high`` (1), clipped to that range; 0.5 if they are equal."""
    if high <= low:
        return 0.5
    return min(1.0, max(0.0, (value - low) / (high - low)))


def across(share: float) -> str:
    """A length or place in an SVG that fills its box: ``0.5`` is ``50.00%``."""
    return f"{100 * share:.2f}%"


def percent(share: float, digits: int = 1) -> str:
    """``0.6104`` as ``61.0``; the unit stands in the heading."""
    return f"{100 * share:.{digits}f}"


def points(difference: float) -> str:
    """A difference of shares in percentage points, always with its sign; the minus is U+2212.

    >>> points(0.279), points(-0.004)
    ('+27.9', '−0.4')
    """
    return f"{100 * difference:+.1f}".replace("-", "−")


def number(value: float) -> str:
    """A short number for an axis or a caption: thousands are grouped, smaller numbers have three significant digits,
    and rounding errors around zero become 0.

    >>> number(22000), number(0.0321), number(3.0), number(7e-8)
    ('22,000', '0.0321', '3', '0')
    """
    if abs(value) < 1e-6:
        return "0"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    return f"{value:,.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:,.0f}".replace("-", "−")


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(4.26), duration(83), duration(7260)
    ('4.3 s', '1 min 23 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
