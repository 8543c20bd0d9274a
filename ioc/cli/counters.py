"""Counters: what the names of radio measurements mean, and which names in the archive nobody can tell."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer

from ioc.cli.common import Data, Json, Run, dump, local, reader, say, show, table
from ioc.times import iso


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(counters)


def counters(
    unmapped: Annotated[
        bool, typer.Option("--unmapped", help="Names in the archive that are none of these and of no vendor's that is known.")
    ] = False,
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the counters of TS 28.552 with unit, object and type, and vendors' names for them. Example: ioc counters

    `streams/data/counters.toml` and `streams/data/vendors/` hold them. What is unmapped is kept as it came, and enters no
    indicator: it is listed with the vendor, the class of the object, how many results there are, and the last one's period.
    """
    if unmapped:
        return _unmapped(data, run, as_json)
    known: Any = import_module("streams.counters")
    own: dict[str, list[str]] = {}
    for name, vendor in sorted(known.vendors().items()):
        for one in vendor.counter:
            own.setdefault(one.to, []).append(f"{name}: {one.name}" + (f" x {one.factor:g}" if one.factor != 1 else ""))
    if as_json:
        return dump([one.model_dump() | {"vendors": own.get(one.name, [])} for one in known.counters().values()])
    titles = ("counter", "unit", "object", "type", "TS 28.552", "what", "vendors' own")
    show(table("", titles, [
        (one.name, one.unit, one.object, one.type, one.clause + (" (check)" if one.check else ""), one.title,
         ", ".join(own.get(one.name, [])))
        for one in known.counters().values()
    ]))  # fmt: skip
    return None


def _unmapped(data: Any, run: str | None, as_json: bool) -> None:
    from schemas.ran import RanMeasured

    known: Any = import_module("streams.counters")
    result = "JSONExtractString(ifNull(value, ''), 'data', "
    _, store = reader(data, run)
    found = store.rows(
        f"SELECT {result}'vendor') AS vendor, {result}'object_type') AS class, JSONExtractString(one, 'name') AS name, "
        "count() AS results, toUnixTimestamp64Milli(max(time)) AS last FROM events FINAL "
        "ARRAY JOIN JSONExtractArrayRaw(ifNull(value, ''), 'data', 'measurements') AS one "
        f"WHERE type = '{RanMeasured.event_type}' AND verdict = 'accepted' GROUP BY vendor, class, name "
        "ORDER BY vendor, class, name"
    )
    rows = [row for row in found if not known.known(row["vendor"], row["name"])]
    if as_json:
        return dump([row | {"last": iso(row["last"])} for row in rows])
    cells = [(row["name"], row["vendor"], row["class"], str(row["results"]), local(row["last"])) for row in rows]
    show(table("", ("counter", "vendor", "object", "results", "last period begins"), cells) if rows else "every name is known")
    if rows:
        say(f"{len(rows):,} of {len(found):,} are in no table; they are kept, and enter no indicator")
    return None
