"""Results: what a declaration gives back, checked as it comes. Pure.

A wrong name, width, type or number is the fault of one declaration and one event: that event is refused, the rest is counted.
Only what is about to be published is looked at, so that events that change nothing cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from ioc.errors import DeclarationError
from ioc.vocabulary import Contributions, Lifecycle, Measures, Stream

MOST = 10**15
"""The largest measure of one event: thousands of them still fit the 64 bits of a sum."""
FIRST, LAST = -2_208_988_800_000, 10_413_791_999_000
"""Times the store can hold: 1900 to 2299, in ms."""
WIDE = 8
"""More measures than these are looked at together, and once only."""
_INTEGERS, _TEXTS = {int}, {str}


def check_rows(stream: Stream, change: Contributions) -> None:
    """The rows of one difference.  Raises DeclarationError that says what is right."""
    widths, size, looked_at = stream.widths, len(stream.dimensions), None
    first, last, least, most = FIRST, LAST, -MOST, MOST
    for (indicator, dims, at), measures in change.items():
        width = len(measures)
        if widths.get(indicator) != width:
            _wrong_name_or_width(stream, indicator, width)
        if dims is not looked_at:  # the rows of one event mostly share them
            looked_at = dims
            "".join(dims)  # raises TypeError for what is no text
            if len(dims) != size:
                raise DeclarationError(f"{indicator}: {len(dims)} dimensions {dims!r}; {stream.name} has {stream.dimensions}")
        if type(at) is not int or not first <= at <= last:
            raise DeclarationError(f"{indicator}: at = {at!r}; a time is an integer of milliseconds between 1900 and 2299")
        if width == 1:
            (one,) = measures
            right = type(one) is int and least <= one <= most
        elif width > WIDE:
            right = _known.get(id(measures)) is measures or _all_right(measures)
        else:
            right = True
            for one in measures:
                right &= type(one) is int and least <= one <= most
        if not right:
            raise DeclarationError(f"{indicator}: measures {measures!r}; a measure is an integer of at most {MOST:.0e}")


_known: dict[int, Measures] = {}
"""Wide rows that were found right, by identity: those of a histogram are made once. They are held, so that no id is another's."""


def _all_right(measures: Measures) -> bool:
    right = set(map(type, measures)) == _INTEGERS and max(measures) <= MOST and min(measures) >= -MOST
    if right and len(_known) < 10_000:
        _known[id(measures)] = measures
    return right


def _wrong_name_or_width(stream: Stream, indicator: str, width: int) -> None:
    if indicator not in stream.widths:
        raise DeclarationError(f"no indicator {indicator!r}; {stream.name} has {', '.join(stream.widths)}")
    names = ", ".join(stream.indicator(indicator).value.measures)
    raise DeclarationError(f"{indicator}: {width} measures; it has {stream.widths[indicator]}: {names}")


def check_lifecycle(found: Lifecycle) -> None:
    """What `lifecycle` says of an entity.  Raises DeclarationError."""
    if isinstance(found, tuple) and len(found) == 4 and isinstance(found[3], tuple):
        opened, ended, due, dims = found
        if _maybe_time(opened) and _maybe_time(ended) and _maybe_time(due) and set(map(type, dims)) <= _TEXTS:
            return
    raise DeclarationError(f"lifecycle gives {found!r}; it is (opened_at, ended_at, due_at, dims), times in ms or None")


def _maybe_time(at: object) -> bool:
    return at is None or (type(at) is int and FIRST <= at <= LAST)


def check_frames(stream: Stream, frame: pl.DataFrame, parts: Mapping[str, pl.DataFrame]) -> None:
    """What `columns` made of a frame.  Raises DeclarationError that says what is right."""
    for indicator, part in parts.items():
        if indicator not in stream.widths:
            _wrong_name_or_width(stream, indicator, 0)
        numbers = ("_i", "at", *stream.indicator(indicator).value.measures)
        for name in (*numbers, *stream.dimensions):
            kind = part.schema.get(name)
            if kind is None:
                raise DeclarationError(f"{indicator}: no column {name!r}; it needs {', '.join((*numbers, *stream.dimensions))}")
            if not (kind.is_integer() if name in numbers else kind == pl.String):
                raise DeclarationError(f"{indicator}: column {name!r} holds {kind}; it must hold {_right(name in numbers)}")
            if part[name].null_count():
                raise DeclarationError(f"{indicator}: column {name!r} has no value for some event")
        _check_numbers(indicator, frame, part, numbers[2:])


def _right(number: bool) -> str:
    return "integers" if number else "texts"


def _check_numbers(indicator: str, frame: pl.DataFrame, part: pl.DataFrame, measures: tuple[str, ...]) -> None:
    if part.is_empty():
        return
    for name, least, most in (("at", FIRST, LAST), *((name, -MOST, MOST) for name in measures)):
        values = part[name].to_numpy()
        if values.min() < least or values.max() > most:
            between = f"{values.min()} and {values.max()}; not between {least} and {most}"
            raise DeclarationError(f"{indicator}: {name} lies between {between}")
    there = np.zeros(int(frame["_i"].to_numpy().max(initial=0)) + 2, np.bool_)
    there[frame["_i"].to_numpy()] = True
    if not there[part["_i"].to_numpy().clip(-1, len(there) - 1)].all():
        raise DeclarationError(f"{indicator}: `_i` names events that are not in the frame")
