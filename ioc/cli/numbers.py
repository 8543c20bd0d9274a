"""Numbers: what an indicator's value is, what stands behind it, and what it means."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ioc.cli.common import Data, Json, Run, dump, local, moment, number, pairs, reader, say, show, table, utc
from ioc.errors import UsageError
from ioc.text import visible
from ioc.times import iso

if TYPE_CHECKING:
    from ioc.asking.found import Found
    from ioc.asking.read import Answer
    from ioc.catalog import Catalog
    from ioc.vocabulary import Indicator, Stream

Name = Annotated[str, typer.Argument(metavar="INDICATOR", help="See `ioc indicators`.")]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="Any time, past or future; without an offset the province's. Default: now."),
]
Window = Annotated[
    str | None,
    typer.Option("--window", help="1h 1d 7d, day week month quarter year (to date), or all; default 1d. Levels have none."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="DIM=VALUE",
        help="Only this value of a dimension (* is all), or this group of a rollup; once for each.",
    ),
]
Units = Annotated[
    str | None,
    typer.Option("--units", metavar="today", help="Group all by the units of today; else all by those of its own time."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(value)
    app.command("evidence")(show_evidence)
    app.command()(indicators)
    app.command()(sql)


def value(
    indicator: Name,
    at: At = None,
    window: Window = None,
    where: Where = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="DIM", help="One value for each; a dimension or rollup, repeatable.")
    ] = None,
    first: Annotated[bool, typer.Option("--first", help="As the wall showed it at that time (first final).")] = False,
    known: Annotated[str | None, typer.Option("--known", metavar="TIME", help="From what was known at this time.")] = None,
    units: Units = None,
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Print the latest value of an indicator, from its panes.

    Example: ioc value dossier.backlog --at 2011-06-01T00:00:00Z --by agency
    """
    from ioc.asking import read
    from ioc.cli.later import catalog

    _, store = reader(data, run)
    known_at, declared, by = moment(known, "--known"), catalog(), by or []
    found = read.value(store, declared, indicator, moment(at), window, pairs(where or []), by, first, known_at, units)
    if as_json:
        shown = [asdict(answer) | {"at": utc(answer.at), "until": utc(answer.until)} for answer in found]
        dump(shown if by else shown[0])
        return
    for note in dict.fromkeys(n for answer in found for n in answer.notes):
        say(f"note: {note}")
    if by:
        named = _named(declared, indicator, by)
        rows = [
            (
                *(answer.dims[d] for d in by),
                number(answer.value),
                answer.n,
                *(named(d, answer.dims[d]) for d in by if named(d, "*")),
            )
            for answer in sorted(found, key=lambda a: -(a.value or 0))
        ]
        show(table("", (*by, found[0].unit if found else "value", "n", *(named(d, "*") for d in by if named(d, "*"))), rows))
        return
    show(" ".join([number(found[0].value), *_extra(found[0])]))


def _named(catalog: Catalog, indicator: str, by: list[str]) -> Callable[[str, str], str]:
    """What people call a unit or a group of a rollup, where that is another name; of `*` the title of their column, if any."""
    stream = catalog.stream_of(indicator)
    units = {rollup.of for rollup in stream.rollups if rollup.tree}
    names = catalog.units() if any(stream.rollup(d) or d in units for d in by) else {}

    def name(dimension: str, value: str) -> str:
        rollup = stream.rollup(dimension)
        if value == "*":
            return "tên / name" if dimension in units or (rollup and (rollup.tree or rollup.names)) else ""
        return names.get(f"{dimension}={value}" if rollup else value, "")

    return name


def _extra(answer: Answer) -> list[str]:
    """The bucket of the value, and further quantiles with theirs."""
    first = [_bucket(answer.lo, answer.hi)] if answer.lo != answer.hi else []
    others = [name for name in answer.stats if number(answer.stats[name]) != number(answer.value)]
    return first + [f"{name} {number(answer.stats[name])} {_bucket(*answer.bounds[name])}" for name in others]


def _bucket(lo: float | None, hi: float | None) -> str:
    return f"[{number(lo)}, {'' if hi is None else number(hi)})"


def show_evidence(
    indicator: Name,
    at: At = None,
    window: Window = None,
    where: Where = None,
    units: Units = None,
    limit: Annotated[int, typer.Option(min=0, help="How many are shown; the count is always complete.")] = 50,
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the entities or events behind a number; their count is the number.

    Example: ioc evidence dossier.overdue --at 2011-06-01T00:00:00Z --where agency=General
    """
    from ioc.asking.evidence import evidence
    from ioc.asking.question import scope
    from ioc.catalog import load

    settings, store = reader(data, run)
    catalog = load()
    asked = scope(store, catalog, indicator, at=moment(at), window=window, where=pairs(where or []), units=units)
    for note in asked.notes:
        say(f"note: {note}")
    count = listed = 0
    shown: list[Found] = []
    for found in evidence(store, catalog, settings, asked):
        count, listed = count + found.n, listed + 1
        if len(shown) < limit:
            shown.append(found)
    if as_json:
        dump({"indicator": indicator, "count": count, "evidence": [_found(one) for one in shown]})
        return
    if shown:
        whats = list(shown[0].what)
        rows = [
            (
                *(local(v) if isinstance(v, int) else v for v in f.what.values()),
                *f.dims.values(),
                f"{f.topic}:{f.partition} {','.join(map(str, f.offsets))}",
            )
            for f in shown
        ]
        show(table("", (*whats, *shown[0].dims, "records"), rows))
    if listed > len(shown):
        show(f"… and {listed - len(shown):,} more")
    show(f"{count:,} behind {indicator}")


def _found(found: Found) -> dict[str, Any]:
    return asdict(found) | {"what": {name: iso(said) if isinstance(said, int) else said for name, said in found.what.items()}}


def indicators(name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None, as_json: Json = False) -> None:
    """List the indicators, or explain one: meaning, rule, unit, dimensions. Example: ioc indicators dossier.overdue"""
    from ioc.cli.later import catalog

    known = catalog()
    if name is not None:
        stream = known.stream_of(name)
        one = _described(stream, stream.indicator(name))
        lines = [(k, ", ".join(v) if isinstance(v, list) else v) for k, v in one.items()]
        dump(one) if as_json else show(table("", ("", ""), lines))
        return
    rows = [_described(s, i) for s in known.streams for i in s.indicators]
    if as_json:
        dump(rows)
    else:
        show(table("", ("indicator", "tên", "title", "unit"), [(r["name"], r["vi"], r["en"], r["unit"]) for r in rows]))


def _described(stream: Stream, indicator: Indicator) -> dict[str, Any]:
    from ioc.vocabulary import ALL

    return {
        "name": indicator.name, "vi": indicator.vi, "en": indicator.en, "unit": indicator.unit, "rule": indicator.rule,
        "formula": indicator.value.formula,
        "kind": "level" if indicator.level else "flow", "windows": [] if indicator.level else list(indicator.windows),
        "dimensions": list(stream.dimensions), "rollups": [f"{r.name} (of {r.of})" for r in stream.rollups],
        "rolled by": [" x ".join(g) or ALL for g in indicator.groupings],
        "measures": list(indicator.value.measures), "looks at": list(map(str, indicator.looks)),
        "limits": _limits(indicator), "alert": str(indicator.alert or ""),
        "legal basis": str(indicator.legal or ""), "in effect": indicator.legal.effect if indicator.legal else "",
        "stream": stream.name, "topic": stream.topic,
    }  # fmt: skip


def _limits(indicator: Indicator) -> list[str]:
    limits = getattr(indicator.value, "limits", {})
    return [f"{' x '.join(names) or '*'}: {limit}" for names, limit in limits.items()]


def sql(
    query: Annotated[str, typer.Argument(help="A read-only query; the views are v_<indicator> and v_now.")],
    run: Run = None,
    data: Data = None,
) -> None:
    """Ask the store in SQL; tab-separated with a header, unless the query names a FORMAT of its own.

    Example: ioc sql "SELECT at, value FROM v_dossier_backlog WHERE dims = ['*', '*', '*', '*', '*'] ORDER BY at DESC LIMIT 5"
    """
    from ioc.embedded.store_sql import read

    if not read(query.encode()).verb:
        raise UsageError('nothing is asked: write a query, e.g. ioc sql "SELECT * FROM v_now"')
    answer = reader(data, run)[1].text(query)
    print(visible(answer) if sys.stdout.isatty() else answer, end="")  # a file or a pipe gets it byte by byte
