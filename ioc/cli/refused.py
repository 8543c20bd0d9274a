"""Refused: `rejects list` and `rejects show`: which events were refused, why, by whom they were sent, and where they lie."""

from __future__ import annotations

from typing import Annotated

import typer

from ioc.cli.common import Data, Json, Run, dump, local, reader, show, table
from ioc.errors import UsageError
from ioc.times import iso


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(rejects, name="rejects")


CURRENT = "(generation IN (SELECT generation FROM v_generation) OR generation = topic)"
"""Rejects of the generations that views read; a topic no stream reads has its name for one."""
rejects = typer.Typer(help="What was refused, and why.", no_args_is_help=True)


@rejects.command("list")
def list_rejects(
    reason: Annotated[str | None, typer.Option(help="Only this reason, e.g. schema.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List rejects, the newest first. Example: ioc rejects list --reason unit_mismatch"""
    from ioc.events.exact_lane import REASONS
    from ioc.store.clickhouse import literal

    if reason is not None and reason not in REASONS:
        raise UsageError(f"no reason {reason!r}; there are {', '.join(REASONS)}")
    where = CURRENT if reason is None else f"{CURRENT} AND reason = {literal(reason)}"
    found = reader(data, run)[1].rows(
        "SELECT topic, partition, offset, reason, field, message, source, id, toUnixTimestamp64Milli(received_at) AS received "
        f"FROM rejects FINAL WHERE {where} ORDER BY received_at DESC, topic, partition, offset DESC LIMIT {limit}"
    )
    if as_json:
        dump([row | {"received": iso(row["received"])} for row in found])
        return
    rows = [(f"{t}:{p}:{o}", r, f, m, f"{s} {i}".strip(), local(at)) for t, p, o, r, f, m, s, i, at in map(dict.values, found)]
    show(table("", ("record", "reason", "field", "what is right", "source, id", "received"), rows) if rows else "no rejects")


@rejects.command("show")
def show_reject(
    place: Annotated[str, typer.Argument(metavar="TOPIC:PARTITION:OFFSET", help="As `ioc rejects list` prints it.")],
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show one reject with its bytes. Example: ioc rejects show ioc.events.dossier:2:17"""
    from ioc.store.clickhouse import literal

    parts = place.rsplit(":", 2)
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        raise UsageError(f"{place!r}: write topic:partition:offset, e.g. ioc.events.dossier:2:17")
    found = reader(data, run)[1].rows(
        "SELECT reason, field, message, source, id, type, size, toUnixTimestamp64Milli(received_at) AS received, "
        "hex(key) AS key, hex(value) AS value "
        f"FROM rejects FINAL WHERE {CURRENT} AND topic = {literal(parts[0])} AND partition = {parts[1]} AND offset = {parts[2]}"
    )
    if not found:
        raise UsageError(f"no reject at {place}; `ioc rejects list` shows what there is")
    row = found[0]
    row |= {name: bytes.fromhex(row[name] or "").decode(errors="backslashreplace") for name in ("key", "value")}
    row["received"] = iso(row["received"])
    if as_json:
        dump(row)
    else:
        for name, content in row.items():
            show(f"{name:>10}  {content}")
