"""Time formats: patterns with %-directives, read exactly and in the same way on every machine and every day. Pure.

Directives are those of strptime that need neither the machine's language nor its time zone; names are English, and the halves of
the day also Vietnamese (SA, CH). Numbers beside each other have all their digits; others may leave out a leading nought.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

Reading = tuple[datetime, bool]
"""A clock reading (naive where it states no offset), and whether it is a day alone."""
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HALVES = {"am": 0, "sa": 0, "pm": 12, "ch": 12}
_NUMBERS = {"Y": "[0-9]{4}", "m": "[0-9]{2}", "d": "[0-9]{2}", "j": "[0-9]{3}", "y": "[0-9]{2}"}
_NUMBERS |= {"H": "[0-9]{2}", "I": "[0-9]{2}", "M": "[0-9]{2}", "S": "[0-9]{2}", "f": "[0-9]{1,9}"}
_SHORT = {"m": "[0-9]{1,2}", "d": "[0-9]{1,2}", "j": "[0-9]{1,3}", "H": "[0-9]{1,2}", "I": "[0-9]{1,2}"}
_NAMES = {"b": [name[:3] for name in _MONTHS], "B": _MONTHS, "a": [name[:3] for name in _DAYS], "A": _DAYS, "p": list(_HALVES)}
_OFFSET = r"Z|[+-][0-9]{2}(?::?[0-9]{2})?"
_INSTEAD = {
    "Z": "names of zones say no offset (several share one, and which are known depends on the machine); write the name as it "
    "stands in the log and its zone, e.g. format = '%Y-%m-%d %H:%M:%S UTC', zone = 'UTC'",
    "c": "it depends on the machine's language; write its parts, e.g. %a %b %d %H:%M:%S %Y",
    "x": "it depends on the machine's language; write its parts, e.g. %d/%m/%Y",
    "X": "it depends on the machine's language; write its parts, e.g. %H:%M:%S",
    "s": "write epoch_s",
}
_PART = re.compile(r"%(.?)|(\s+)|([^%\s]+)", re.DOTALL)


def wrong(pattern: str) -> str | None:
    """What is wrong with a pattern, and what to write instead; None if nothing is."""
    found = [letter for part in _PART.finditer(pattern) if (letter := part[1]) is not None and letter != "%"]
    known = {*_NUMBERS, *_NAMES, "z"}
    for letter in found:
        if letter not in known:
            why = _INSTEAD.get(
                letter, "there are " + " ".join(f"%{name}" for name in sorted(known, key=lambda name: (name.lower(), name)))
            )
            return f"%{letter} cannot be read exactly: {why}"
        if found.count(letter) > 1:
            return f"%{letter} stands twice"
    there = set(found)
    if len(there & {"Y", "y"}) != 1:
        return "it must state the year once (%Y)"
    if ("j" in there) == ("d" in there) or (len(there & {"m", "b", "B"}) != ("j" not in there)):
        return "it must state the day once: %d with %m, %b or %B, or %j alone"
    if len(there & {"H", "I"}) > 1 or ("I" in there) != ("p" in there):
        return "hours are %H, or %I with %p"
    for small, large in (("M", {"H", "I"}), ("S", {"M"}), ("f", {"S"})):
        if small in there and not there & large:
            return f"%{small} needs {' or '.join('%' + name for name in sorted(large))}"
    return None


def states_offset(pattern: str) -> bool:
    """Whether readings of a pattern have an offset of their own."""
    return any(part[1] == "z" for part in _PART.finditer(pattern))


def compiled(pattern: str) -> Callable[[str], Reading]:
    """A function from a text to its reading.  It raises ValueError where the text does not match.

    >>> compiled("%d/%m/%Y %H:%M")("5/1/2026 8:00")
    (datetime.datetime(2026, 1, 5, 8, 0), False)
    """
    parts = list(_PART.finditer(pattern))
    numbers = [part[1] is not None and part[1] in _NUMBERS for part in parts]
    regex = ""
    for n, part in enumerate(parts):
        letter, blank, literal = part.groups()
        if letter is None or letter == "%":
            regex += r"\s+" if blank else re.escape(literal or "%")
            continue
        crowded = any(numbers[max(0, n - 1) : n]) or any(numbers[n + 1 : n + 2])
        body = _NUMBERS[letter] if letter in _NUMBERS else _OFFSET if letter == "z" else "|".join(_NAMES[letter])
        regex += f"(?P<{letter}>{body if crowded else _SHORT.get(letter, body)})"
    match = re.compile(regex, re.IGNORECASE | re.ASCII).fullmatch

    def read(text: str) -> Reading:
        if (found := match(text)) is None:
            raise ValueError(text)
        return _moment(found.groupdict())

    return read


def _moment(found: dict[str, str]) -> Reading:
    year = int(found["Y"]) if "Y" in found else int(found["y"]) + (2000 if int(found["y"]) < 69 else 1900)
    if "j" in found:
        when = datetime(year, 1, 1) + timedelta(days=int(found["j"]) - 1)  # noqa: DTZ001 (the zone is added by the reader)
        if when.year != year:
            raise ValueError(found["j"])
    else:
        named = next((found[letter][:3].title() for letter in "bB" if letter in found), None)
        month = int(found["m"]) if named is None else _NAMES["b"].index(named) + 1
        when = datetime(year, month, int(found["d"]))  # noqa: DTZ001
    if any(found[letter][:3].title() != _NAMES["a"][when.weekday()] for letter in "aA" if letter in found):
        raise ValueError("another day of the week")
    hour = int(found.get("H", 0))
    if "I" in found:
        hour = int(found["I"])
        if not 1 <= hour <= 12:
            raise ValueError(found["I"])
        hour = hour % 12 + _HALVES[found["p"].lower()]
    when = when.replace(
        hour=hour,
        minute=int(found.get("M", 0)),
        second=int(found.get("S", 0)),
        microsecond=int(found.get("f", "0")[:6].ljust(6, "0")),
    )
    return when.replace(tzinfo=_zone(found["z"]) if "z" in found else None), not found.keys() & {"H", "I"}


def _zone(text: str) -> timezone:
    if text in "Zz":
        return timezone(timedelta(0))
    digits = text[1:].replace(":", "").ljust(4, "0")
    if int(digits[2:]) > 59:
        raise ValueError(text)
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
