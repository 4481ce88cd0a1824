"""Numbers as a reader meets them: sane rounding, true minus signs, nothing where nothing is."""

from __future__ import annotations

import math

NONE = "–"
"""Stands in a table where a value is undefined; a note says why."""

_PER_CENT = "\u00a0%"
_DECIMALS = {"ms": 1, "frames": 2, "window": 2, "log ratio": 2, "score": 3, "": 2}
_MOST = {"coefficient": 3}
"""Most decimals beside an interval: coefficients near 1 need one more."""


def is_missing(value: object) -> bool:
    """Whether a number is absent or NaN.

    >>> is_missing(None), is_missing(float("nan")), is_missing(0.0)
    (True, True, False)
    """
    return value is None or (isinstance(value, float) and math.isnan(value))


def number(value: float | None, decimals: int = 1, *, sign: bool = False) -> str:
    """A rounded number with a true minus sign; never ``-0.0``.

    >>> number(-1.26), number(-0.01), number(2.0, sign=True), number(float("nan"))
    ('−1.3', '0.0', '+2.0', '–')
    """
    if value is None or is_missing(value):
        return NONE
    rounded = round(float(value), decimals)
    if rounded == 0:
        return f"{0:.{decimals}f}"
    text = f"{rounded:+.{decimals}f}" if sign else f"{rounded:.{decimals}f}"
    return text.replace("-", "−")


def share(value: float | None) -> str:
    r"""A share in per cent; one that is not 0 or 1 never looks like it.

    A difference of shares may be negative.

    >>> share(0.124), share(0.012), share(0.0001), share(0.0), share(0.9999), share(1.0)
    ('12\xa0%', '1.2\xa0%', '<0.1\xa0%', '0\xa0%', '>99.9\xa0%', '100\xa0%')
    >>> share(-0.009), share(-0.0001)
    ('−0.9\xa0%', '>−0.1\xa0%')
    """
    if value is None or is_missing(value):
        return NONE
    whole = 9.95 <= abs(100 * float(value)) <= 90
    return _rounded_share(value, 0 if whole else 1)


def amount(value: float | None, unit: str, *, sign: bool = True) -> str:
    r"""A value without its unit, rounded as its unit asks.

    >>> amount(0.25, "share"), amount(1.234, "frames"), amount(-3.0, "ms"), amount(1495.9, "ms")
    ('25\xa0%', '+1.23', '−3.0', '+1496')
    """
    if unit == "share":
        return share(value)
    decimals = _DECIMALS.get(unit, 2)
    if value is not None and not is_missing(value) and abs(value) >= 100:
        decimals = 0
    return number(value, decimals, sign=sign)


def with_interval(
    value: float | None, low: float | None, high: float | None, unit: str, *, sign: bool = True
) -> str:
    r"""A value and its interval, as they stand in a cell, all rounded to the same digit.

    The wider the interval, the fewer digits: half its width keeps two of them, and none has more
    than its unit allows.

    >>> with_interval(1.0, 0.5, 1.5, "ms"), with_interval(21.3, -8.4, 51.0, "ms")
    ('+1.0 [0.5, 1.5]', '+21 [−8, 51]')
    >>> with_interval(0.086, 0.0004, 0.531, "share"), with_interval(0.002, -0.009, 0.014, "share")
    ('9\xa0% [<1\xa0%, 53\xa0%]', '0.2\xa0% [−0.9\xa0%, 1.4\xa0%]')
    >>> with_interval(0.9962, 0.9913, 0.9984, "coefficient", sign=False)
    '0.996 [0.991, 0.998]'
    """
    if low is None or high is None or is_missing(low) or is_missing(high):
        return amount(value, unit, sign=sign)
    if unit == "share":
        digits = _digits(100 * low, 100 * high, 1)
        shown = [_rounded_share(part, digits) for part in (value, low, high)]
    else:
        digits = _digits(low, high, _MOST.get(unit, _DECIMALS.get(unit, 2)))
        shown = [number(value, digits, sign=sign), number(low, digits), number(high, digits)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _digits(low: float, high: float, most: int) -> int:
    """Decimals that leave half the width of an interval two digits."""
    half = abs(high - low) / 2
    if not 0 < half < math.inf:
        return most
    return min(max(1 - math.floor(math.log10(half)), 0), most)


def _rounded_share(value: float | None, decimals: int) -> str:
    """A share in per cent; one that is not 0 or 1 never looks like it."""
    if value is None or is_missing(value):
        return NONE
    percent, step = 100 * float(value), 10.0**-decimals
    if abs(percent) in (0, 100):
        return f"{number(percent, 0)}{_PER_CENT}"
    minus = "−" if percent < 0 else ""
    if abs(percent) < step / 2:
        return f"{'>' if minus else '<'}{minus}{step:g}{_PER_CENT}"
    if abs(percent) >= 100 - step / 2:
        return f"{'<' if minus else '>'}{minus}{100 - step:g}{_PER_CENT}"
    return f"{number(percent, decimals)}{_PER_CENT}"


def p_value(value: float | None) -> str:
    """A p-value as it stands in a sentence.

    >>> p_value(0.0312), p_value(0.0001), p_value(float("nan"))
    ('p = 0.031', 'p < 0.001', 'no p-value')
    """
    if value is None or is_missing(value):
        return "no p-value"
    return "p < 0.001" if value < 0.0005 else f"p = {value:.3f}"


def p_cell(value: float | None) -> str:
    """A p-value as it stands in a table.

    >>> p_cell(0.0312), p_cell(0.0001), p_cell(None)
    ('0.031', '<0.001', '–')
    """
    if value is None or is_missing(value):
        return NONE
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


def count(value: float, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> count(1, "clip"), count(2, "clip"), count(0, "category", "categories")
    ('1 clip', '2 clips', '0 categories')
    """
    whole = round(value)
    return f"{whole} {one if whole == 1 else many or one + 's'}"


def whole(value: float | None) -> str:
    """A count in a table.

    >>> whole(3.0), whole(float("nan"))
    ('3', '–')
    """
    return NONE if value is None or is_missing(value) else f"{value:.0f}"


def joined(items: list[str], last: str = "and") -> str:
    """A list in a sentence.

    >>> joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def per_cent_level(levels: list[float]) -> str:
    r"""The level of the intervals in a table: ``95 %``, or ``interval`` where they differ.

    >>> per_cent_level([0.95, 0.95]), per_cent_level([0.9, 0.95])
    ('95\xa0%', 'interval')
    """
    distinct = {round(level, 6) for level in levels if not is_missing(level)}
    return f"{100 * distinct.pop():g}{_PER_CENT}" if len(distinct) == 1 else "interval"
