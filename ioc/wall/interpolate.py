"""Interpolate: fills Grafana's variables and the ClickHouse plugin's time macros into a panel's query. Pure.

>>> filled("SELECT value FROM ${run:doublequote}.v WHERE agency = ${agency:singlequote}", {"run": "ioc", "agency": "it's"})
'SELECT value FROM "ioc".v WHERE agency = \\'it\\\\\\'s\\''
>>> timed("$__timeFilter(at)", 5_999, 9_000)
'at >= toDateTime(5) AND at <= toDateTime(9)'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ioc.errors import DeclarationError
from ioc.times import DAY, HOUR, MINUTE, SECOND, duration

_VARIABLE = re.compile(r"\$\{(?P<braced>\w+)(?::(?P<form>\w+))?\}|\$(?P<bare>(?!__)[A-Za-z_]\w*)")
_MACRO = re.compile(r"\$__(?P<name>\w+)(?:\((?P<column>[^()]*)\))?")
_STEPS = [
    *(n * SECOND for n in (1, 2, 5, 10, 15, 20, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 20, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 7, 30, 365)),
]
POINTS = 500
"""How many steps a time range is cut into at most."""


def _quoted(mark: str) -> Callable[[str], str]:
    return lambda text: mark + text.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark


_FORMS = {"singlequote": _quoted("'"), "doublequote": _quoted('"')}


def identifier(name: str) -> str:
    """The name of a database as SQL.

    >>> identifier('ioc".t')
    '"ioc\\\\".t"'
    """
    return _FORMS["doublequote"](name)


def filled(sql: str, values: Mapping[str, str]) -> str:
    """The query with the variables' values, quoted.  Raises DeclarationError for an unknown variable or an unquoted one."""

    def one(found: re.Match[str]) -> str:
        name, form = found["braced"] or found["bare"], found["form"]
        if name not in values:
            raise DeclarationError(f"{found[0]} is no variable of the board; it has {', '.join(values)}")
        if form not in _FORMS:
            raise DeclarationError(f"{found[0]} is not quoted: write ${{{name}:singlequote}} or ${{{name}:doublequote}}")
        return _FORMS[form](values[name])

    return _VARIABLE.sub(one, sql)


def timed(sql: str, begin: int, end: int) -> str:
    """The query for the time range [begin, end] (ms).  Raises DeclarationError for an unknown macro."""
    step = interval(begin, end)
    plain = {
        "fromTime": f"toDateTime({begin // SECOND})",
        "toTime": f"toDateTime({end // SECOND})",
        "fromTime_ms": f"fromUnixTimestamp64Milli({begin})",
        "toTime_ms": f"fromUnixTimestamp64Milli({end})",
        "interval_s": str(step // SECOND),
        "from": str(begin),
        "to": str(end),
        "interval_ms": str(step),
    }
    of_column = {
        "timeFilter": f"{{0}} >= {plain['fromTime']} AND {{0}} <= {plain['toTime']}",
        "timeFilter_ms": f"{{0}} >= {plain['fromTime_ms']} AND {{0}} <= {plain['toTime_ms']}",
        "timeInterval": f"toStartOfInterval(toDateTime({{0}}), INTERVAL {step // SECOND} second)",
        "timeInterval_ms": f"toStartOfInterval(toDateTime64({{0}}, 3), INTERVAL {step} millisecond)",
    }

    def one(found: re.Match[str]) -> str:
        name, column = found["name"], found["column"]
        if column is not None and name in of_column:
            return of_column[name].format(column.strip())
        if name in plain:
            return plain[name] + (f"({column})" if column is not None else "")
        raise DeclarationError(f"$__{name} is no macro; there are {', '.join([*of_column, *plain])}")

    return _MACRO.sub(one, sql)


def interval(begin: int, end: int) -> int:
    """The round step (ms) that cuts a time range into at most `POINTS` steps."""
    return next((step for step in _STEPS if step * POINTS >= end - begin), _STEPS[-1])


def span(text: str) -> int | None:
    """Milliseconds of a time range as links and boards write it: `7d`, `now-7d`; None: all.  Raises ValueError."""
    return None if text == "all" else duration(text.removeprefix("now-"))
