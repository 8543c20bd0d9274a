"""Expand: a board's query with the values of its variables and its time range, quoted as Grafana does it. Pure.

>>> expand("FROM ${run:doublequote}.v_now WHERE x = ${agency:singlequote}", {"run": "ioc", "agency": "it's"}, 0, 1000, 60)
'FROM "ioc".v_now WHERE x = \\'it\\\\\\'s\\''
"""

from __future__ import annotations

import re
from collections.abc import Mapping

VARIABLE = re.compile(r"\$\{(\w+):(singlequote|doublequote)\}")
MACROS = ("$__fromTime", "$__toTime", "$__interval_s")
"""What a query may ask of the time range: its ends, and the seconds between two points of a line."""


def expand(sql: str, values: Mapping[str, str], begin: int, end: int, interval: int) -> str:
    """The query as the store gets it. Times in ms, `interval` in seconds. Raises KeyError for a variable without a value."""
    times = {
        "$__fromTime": f"toDateTime({begin // 1000})",
        "$__toTime": f"toDateTime({end // 1000})",
        "$__interval_s": f"{interval}",
    }
    for macro in MACROS:
        sql = sql.replace(macro, times[macro])
    return VARIABLE.sub(lambda found: _quoted(values[found[1]], "'" if found[2] == "singlequote" else '"'), sql)


def _quoted(value: str, mark: str) -> str:
    """The value between quotes; Grafana escapes the mark alone, so a backslash must not stand before it.

    >>> print(_quoted("a\\\\'b", "'"))
    'a\\\\\\\\\\\\'b'
    """
    return mark + value.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark
