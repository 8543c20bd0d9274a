"""Expand: fills the variables and the time range into a board's query, quoted as Grafana's ClickHouse plugin does it. Pure.

>>> filled("FROM ${run:doublequote}.v_now WHERE x = ${agency:singlequote}", {"run": "ioc", "agency": "it's"})
'FROM "ioc".v_now WHERE x = \\'it\\\\\\'s\\''
>>> timed("at > $__fromTime AND at <= $__toTime", 5_999, 9_000)
'at > toDateTime(5) AND at <= toDateTime(9)'
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ioc.errors import DeclarationError
from ioc.times import DAY, HOUR, MINUTE, SECOND, duration

VARIABLE = re.compile(r"\$\{(\w+):(singlequote|doublequote)\}")
"""How a query names a variable: as a value, or as the database before a view."""
MACROS = ("$__fromTime", "$__toTime", "$__interval_s")
"""What a query may ask of the time range: its ends, and the seconds between two points of a line."""
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
    rest = VARIABLE.sub("", sql)
    for macro in MACROS:
        rest = re.sub(re.escape(macro) + r"\b", "", rest)
    if odd := re.search(r"\$\S*", rest):
        forms = "${name:singlequote}, ${name:doublequote}"
        raise DeclarationError(f"{odd[0]} cannot be filled in: a query may hold {forms}, {', '.join(MACROS)}")

    def one(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise DeclarationError(f"{found[0]} is no variable of the board; it has {', '.join(values)}")
        return _quoted(values[found[1]], "'" if found[2] == "singlequote" else '"')

    return VARIABLE.sub(one, sql)


def timed(sql: str, begin: int, end: int) -> str:
    """The query for the time range [begin, end] (ms)."""
    texts = (f"toDateTime({begin // SECOND})", f"toDateTime({end // SECOND})", str(interval(begin, end) // SECOND))
    for macro, text in zip(MACROS, texts, strict=True):
        sql = sql.replace(macro, text)
    return sql


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
    return _quoted(name, '"')


def _quoted(value: str, mark: str) -> str:
    """The value between quotes; Grafana escapes the mark alone, so a backslash must not stand before it.

    >>> print(_quoted("a\\\\'b", "'"))
    'a\\\\\\\\\\\\'b'
    """
    return mark + value.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark
