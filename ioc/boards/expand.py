"""Expand: fills the variables and the time range into a board's query, as Grafana and its ClickHouse plugin do it. Pure.

Grafana's own quoting (`:singlequote`, `:sqlstring`, ...) escapes the quote and not the backslash, so a value out of a link could
end it. `:percentencode` leaves letters, digits, `-_.~` and `%`: nothing that could end a quote or begin a macro. SQL decodes it;
the name of a database has no other characters and stands as it is.

>>> sql = '''SELECT 1 FROM "${run:percentencode}".v WHERE x = decodeURLComponent('${agency:percentencode}')'''
>>> print(filled(sql, {"run": "ioc", "agency": "it's"}))
SELECT 1 FROM "ioc".v WHERE x = decodeURLComponent('it%27s')
>>> timed("at > $__fromTime AND at <= $__toTime", 5_999, 9_000)
'at > toDateTime(5) AND at <= toDateTime(9)'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from ioc.errors import DeclarationError
from ioc.times import DAY, HOUR, MINUTE, SECOND, duration

VALUE = re.compile(r"decodeURLComponent\('\$\{(\w+):percentencode\}'\)")
DATABASE = re.compile(r'"\$\{(\w+):percentencode\}"')
"""How a query names a variable: as a value, or as the database before a view."""
FORMS = """decodeURLComponent('${name:percentencode}') for a value, "${name:percentencode}" for the database before a view"""
MACROS = ("$__fromTime", "$__toTime", "$__interval_s")
"""What a query may ask of the time range: its ends, and the seconds between two points of a line."""
MACRO = re.compile("|".join(re.escape(macro) + r"\b" for macro in MACROS))
POINTS = 500
"""How many steps a time range is cut into at most."""
_STEPS = [
    *(n * SECOND for n in (1, 2, 5, 10, 15, 20, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 20, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 7, 30, 365)),
]


def filled(sql: str, values: Mapping[str, str]) -> str:
    """The query with the variables' values.  Raises DeclarationError for a variable without a value, and for any other `$`."""
    if odd := re.search(r"\$\S*", MACRO.sub("", VALUE.sub("", DATABASE.sub("", sql)))):
        raise DeclarationError(f"{odd[0]} cannot be filled in: a query may hold {FORMS}, and {', '.join(MACROS)}")

    def one(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise DeclarationError(f"{found[0]} is no variable of the board; it has {', '.join(values)}")
        return encoded(values[found[1]])

    return re.sub(r"\$\{(\w+):percentencode\}", one, sql)


def encoded(value: str) -> str:
    """What Grafana makes of `${name:percentencode}`: its encodeURIComponentStrict, by RFC 3986.

    >>> encoded("Sở A, (1) $__toTime's")
    'S%E1%BB%9F%20A%2C%20%281%29%20%24__toTime%27s'
    """
    return quote(value, safe="", errors="replace")


def timed(sql: str, begin: int, end: int) -> str:
    """The query for the time range [begin, end] (ms). No value holds a macro: its `$` is encoded."""
    texts = (f"toDateTime({begin // SECOND})", f"toDateTime({end // SECOND})", str(interval(begin, end) // SECOND))
    by_name = dict(zip(MACROS, texts, strict=True))
    return MACRO.sub(lambda found: by_name[found[0]], sql)


def interval(begin: int, end: int) -> int:
    """The round step (ms) that cuts a time range into at most `POINTS` steps."""
    return next((step for step in _STEPS if step * POINTS >= end - begin), _STEPS[-1])


def span(text: str) -> int | None:
    """Milliseconds of a time range as links and boards write it: `7d`, `now-7d`; None: all.  Raises ValueError."""
    return None if text == "all" else duration(text.removeprefix("now-"))


def identifier(name: str) -> str:
    """The name of a database as SQL.

    >>> identifier('ioc".t')
    '"ioc\\\\".t"'
    """
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
