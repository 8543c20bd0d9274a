"""Imports: `import` brings a log in through a map, and tells what became of every row."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ioc.catalog import load
from ioc.centre import live
from ioc.cli.common import Data, Json, Run, connected, dump, out, quiet_libraries, say, settings_of
from ioc.cli.feed import bar, speed_of
from ioc.cli.underway import Importing
from ioc.importing import told
from ioc.importing.columns import Statistics
from ioc.importing.importer import read_log
from ioc.importing.mapping import Map, load_map
from ioc.importing.mapping_check import assumed
from ioc.importing.told import Refused
from ioc.replaying import new_run
from ioc.settings import Settings
from ioc.store.clickhouse import Store


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_files)


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV (also .gz, .zip) or XES (also .gz).")],
    mapping: Annotated[
        str, typer.Option("--map", metavar="NAME|FILE", help="A shipped map (receipt, ucc5g) or a TOML file of yours.")
    ],
    data: Data = None,
    run: Run = None,
    check: Annotated[
        bool, typer.Option("--check", help="Show the first rows as events, judge all, and send nothing; needs no centre.")
    ] = False,
    speed: Annotated[str, typer.Option(metavar="N|max", help="Times real time.")] = "max",
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Shift times so that the last event falls at the end of sending.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N events in the order of time.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until the events are counted.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse ids that a spreadsheet has spoiled, like 2.02601E+13.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring a log in through a mapping file; ends when its events are counted, with what became of every row.

    rows = with events + unwanted (no [[event]]'s conditions hold) + unreadable (sent as rejects);
    events = accepted + duplicate + rejected. Exits 1 when any is rejected. Ctrl-C breaks it off; to import again is safe.

    Example: ioc import receipt.csv.gz --map receipt --run trial
    """
    quiet_libraries()
    factor, log_map = speed_of(speed), load_map(mapping)
    for line in assumed(log_map):
        say(f"{mapping}: {line}")
    if check:
        return _check(settings_of(data), files, log_map, as_json)
    settings, catalog = connected(data), load()
    if run is not None:
        new_run.check_import(settings, run)
    options: dict[str, Any] = {"speed": factor, "shift_to_now": shift_to_now, "limit": limit, "tell": say, "strict": strict}
    with bar() as shown, read_log(settings, files, log_map, **options, progress=_reading(shown)) as log:
        importing = Importing(settings, catalog, files, log_map, log, run)
        if importing.hopeless():
            _tell(importing, False, as_json)
        if run is None and not shift_to_now and (late := live.late_past(Store(settings))):
            say(late)
        with importing.place() as store:
            importing.send(store, shown)
            if not no_wait:
                importing.wait(store, shown)
                importing.find(store)
    _tell(importing, no_wait, as_json)


def _reading(shown: Any) -> Any:
    task = shown.add_task("reading", total=None)
    return lambda read: shown.update(task, completed=read)


# ---- telling


@dataclass(frozen=True)
class _Balance:
    """Where the rows went: rows = wanted + unwanted + unreadable."""

    rows: int
    wanted: int
    unwanted: int
    unreadable: int

    @classmethod
    def of(cls, found: Statistics) -> _Balance:
        return cls(found.rows, found.rows - found.unmatched - found.broken, found.unmatched, found.broken)

    def said(self) -> str:
        unwanted = f"unwanted {self.unwanted:,}" + (" (no [[event]]'s conditions hold)" if self.unwanted else "")
        return f"rows {self.rows:,} = with events {self.wanted:,} + {unwanted} + unreadable {self.unreadable:,}"

    def as_dict(self) -> dict[str, int]:
        return {"rows": self.rows, "with_events": self.wanted, "unwanted": self.unwanted, "unreadable": self.unreadable}


def _tell(done: Importing, no_wait: bool, as_json: bool) -> None:
    statistics, sent = done.log.statistics, done.sent.sent
    balance = _Balance.of(statistics)
    accepted, duplicate, rejected = (done.verdicts.get(v, 0) for v in ("accepted", "duplicate", "rejected"))
    hopeless = rejected > 0 and not done.wanted
    events = rejected if hopeless else sent
    others = accepted + duplicate + rejected - events
    if as_json:
        verdicts = {"accepted": accepted, "duplicate": duplicate, "rejected": rejected, "from_others": others}
        corrected = {"corrected": done.correct.corrected} if done.correct else {}
        found = {**balance.as_dict(), "events": statistics.events, "sent": sent, **corrected, **({} if no_wait else verdicts)}
        dump(found | _details(statistics, done.refused))
    else:
        out.print(balance.said())
        if events != statistics.events:
            out.print(f"sent {sent:,} of {statistics.events:,} events (--limit)")
        out.print(f"sent {sent:,}" if no_wait else _verdicts(events, accepted, duplicate, rejected))
        if done.correct and done.correct.corrected:
            out.print(f"corrections {done.correct.corrected:,} (seen before with another time or other data)")
        if others and not no_wait:
            say(f"({others:,} of these came from others who wrote to the same topics meanwhile)")
        _print_details(statistics, done.refused)
        if hopeless:
            say("no event has a time that counts, so nothing was sent; look at `[time]` of the map, and try with --check")
        elif rejected:
            say("see `ioc rejects list`, with the same --run and --data")
    raise typer.Exit(1 if rejected else 0)


def _verdicts(sent: int, accepted: int, duplicate: int, rejected: int) -> str:
    return f"events {sent:,} = accepted {accepted:,} + duplicate {duplicate:,} + rejected {rejected:,}"


def _details(statistics: Statistics, refused: list[Refused]) -> dict[str, Any]:
    return {
        "notes": told.notes(statistics),
        "rejects": [
            {"reason": kind.reason, "field": kind.field, "count": kind.count, "first": [fault.__dict__ for fault in kind.first]}
            for kind in refused
        ],
    }


def _print_details(statistics: Statistics, refused: list[Refused]) -> None:
    for kind in refused:
        out.print(f"rejected {kind.count:,}: {kind.reason}{f' ({kind.field})' if kind.field else ''}")
        for fault in kind.first:
            out.print(f"  {fault.where()}: {fault.message}")
    for title, counts in told.notes(statistics).items():
        out.print(f"{title}: {', '.join(f'{name} {n:,}' for name, n in counts.items())}")


def _check(settings: Settings, files: list[Path], log_map: Map, as_json: bool) -> None:
    """What an import would send. Duplicates and used ids only the centre knows."""
    found = told.check(files, log_map, settings, time.time_ns() // 1_000_000)
    statistics, rejected = found.statistics, found.rejected
    balance = _Balance.of(statistics)
    valid = {"events": statistics.events, "valid": statistics.events - rejected, "rejected": rejected}
    if as_json:
        first = [{"file": place.file, "row": place.row, "line": place.line, "event": event} for place, event in found.first]
        dump({**balance.as_dict(), **valid, "first": first, **_details(statistics, found.refused)})
    else:
        for place, event in found.first:
            out.print(f"{place.where()}:")
            dump(event)
        out.print(balance.said())
        out.print(f"events {statistics.events:,} = valid {valid['valid']:,} + to be rejected {rejected:,}")
        _print_details(statistics, found.refused)
        say("nothing was sent")
    raise typer.Exit(1 if rejected else 0)
