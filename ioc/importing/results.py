"""Results: what a network element writes for what it counted (TS 32.435), in a PM file or in VES. Pure."""

from __future__ import annotations

import math
import re

from schemas.ran import VECTOR

NULLS = frozenset({"", "NULL", "null", "NIL", "nil"})
"""TS 32.435: the value NULL is reserved for what is not applicable or could not be retrieved."""
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_VECTOR, _BLANKS = re.compile(VECTOR), re.compile(r"\s*,\s*")


def number(text: str) -> float | None:
    """The number a text is; None where it is none that is finite.

    >>> number("12.50"), number(".5"), number("1_0"), number("1e999"), number("nan")
    (12.5, 0.5, None, None, None)
    """
    if not ((text.isascii() and text.isdecimal()) or _NUMBER.fullmatch(text)):
        return None
    found = float(text)
    return found if math.isfinite(found) else None


def result(text: str) -> float | str | None:
    """A number; several with commas between, as a text without blanks; None: nothing was counted.  Raises ValueError.

    >>> result(" 7 "), result("1, ,2"), result("NIL")
    (7.0, '1,,2', None)
    """
    text = text.strip()
    if (found := number(text)) is not None:
        return found
    if text in NULLS:
        return None
    if "," in text and _VECTOR.fullmatch(vector := _BLANKS.sub(",", text)):
        return vector
    raise ValueError(f"{text[:40]!r} is no number, nor several with commas between")
