"""Numbers: texts of a log as numbers, exactly as its decimal mark says, or not at all. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal

_WHOLE = re.compile(r"[+-]?[0-9]+")


def number_reader(decimal: str, grouped: bool) -> Callable[[str], int | float | None]:
    """A function from a text to its number, or None. The mark that is not `decimal` groups by threes, and nothing else.

    `grouped` false: the map does not say which mark is the decimal one, so `12,345` may be either and is none.

    >>> read = number_reader(",", True)
    >>> read("12.345"), read("1.234,5"), read("12.34"), read("0.345")
    (12345, 1234.5, None, None)
    >>> number_reader(".", False)("12,345"), number_reader(".", False)("12.345")
    (None, 12.345)
    """
    group = "." if decimal == "," else ","
    mark, other = re.escape(decimal), re.escape(group)
    plain = re.compile(rf"[+-]?([0-9]+({mark}[0-9]*)?|{mark}[0-9]+)([eE][+-]?[0-9]+)?")
    parted = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}({other}[0-9]{{3}})+({mark}[0-9]+)?")

    def read(text: str) -> int | float | None:
        if len(text) < 19 and _WHOLE.fullmatch(text):
            return int(text)
        if not plain.fullmatch(text):
            if not parted.fullmatch(text) or not (grouped or decimal in text or text.count(group) > 1):
                return None
            return read(text.replace(group, ""))
        value = float(text.replace(decimal, "."))
        return value if math.isfinite(value) else None

    return read


def times(value: int | float, factor: int | float) -> int | float:
    """The product as a person would write it: 0.3 Mbit/s are 300 kbit/s, and not 299.99999999999994.

    >>> times(0.07, 1000), times(12, 0.001)
    (70, 0.012)
    """
    product = Decimal(repr(value)) * Decimal(repr(factor))
    return int(product) if product == product.to_integral_value() else float(product)
