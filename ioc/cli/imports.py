"""Imports: a log is brought in through a map, and what became of every row is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer

from ioc.catalog import load
from ioc.centre import live
from ioc.cli.common import connected, dump, quiet_libraries, say, settings_of, show
from ioc.cli.screen import bar
from ioc.cli.underway import Importing
from ioc.importing import told
from ioc.importing.columns import Statistics
from ioc.importing.importer import Origin, Past, read_log, told_of
from ioc.importing.mapping import Map
from ioc.importing.mapping_check import assumed
from ioc.importing.maps import load_map
from ioc.importing.personal import keyed
from ioc.importing.told import Refused
from ioc.importing.translate import Outgoing, read_events
from ioc.province import examples
from ioc.replaying import new_run
from ioc.settings import Settings
from ioc.store.clickhouse import Store


def bring_in(
    files: list[Path],
    mapping: str,
    data: Path | None,
    run: str | None,
    how: dict[str, Any],
    *,
    check: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """What `ioc import` does. `how`: speed, shift_to_now, limit and strict, as `read_log` takes them.

    Raises typer.Exit with the command's exit code.
    """
    quiet_libraries()
    given = settings_of(data)
    log_map = keyed(load_map(mapping, given.maps_dir), given, mapping)
    for line in assumed(log_map):
        say(f"{mapping}: {line}")
    if check:
        return _check(given, files, log_map, as_json)
    _bring(connected(data), files, log_map, partial(read_events, files, log_map), run, how, no_wait=no_wait, as_json=as_json)


def bring_example(name: str, data: Path | None, run: str | None, how: dict[str, Any], *, no_wait: bool, as_json: bool) -> None:
    """What `ioc import --example` does; `how` as above."""
    quiet_libraries()
    streams = load().streams
    origin = Past(examples.source(name), frozenset(stream.topic for stream in examples.telling(streams, name)))

    def events(statistics: Statistics) -> Iterator[Outgoing]:
        past = (Outgoing(e.time_ms, e.topic, e.key, e.value) for e in examples.events(streams, name))
        return told_of(past, statistics)

    _bring(connected(data), [], origin, events, run, how, no_wait=no_wait, as_json=as_json)


def _bring(
    settings: Settings,
    files: list[Path],
    origin: Origin,
    events: Callable[[Statistics], Iterable[Outgoing]],
    run: str | None,
    how: dict[str, Any],
    *,
    no_wait: bool,
    as_json: bool,
) -> None:
    catalog = load()
    if run is not None:
        new_run.check_import(settings, run)
    with bar() as shown, read_log(settings, events, **how, tell=say, progress=_reading(shown)) as log:
        importing = Importing(settings, catalog, files, origin, log, run)
        if importing.hopeless():
            _tell(importing, False, as_json)
        if run is None and not how["shift_to_now"] and (late := live.late_past(Store(settings))):
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


IN_VAIN = "the map wants no row of these files, so nothing was sent: are they of another one? `ioc import --help` names all"


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

    @property
    def in_vain(self) -> bool:
        """Whether there are rows, and the map wants none of them."""
        return self.unwanted > 0 and not self.wanted

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
        show(balance.said())
        if events != statistics.events:
            show(f"sent {sent:,} of {statistics.events:,} events (--limit)")
        show(f"sent {sent:,}" if no_wait else _verdicts(events, accepted, duplicate, rejected))
        if done.correct and done.correct.corrected:
            show(f"corrections {done.correct.corrected:,} (seen before with another time or other data)")
        if others and not no_wait:
            say(f"({others:,} of these came from others who wrote to the same topics meanwhile)")
        _print_details(statistics, done.refused)
        if hopeless:
            say("no event has a time that counts, so nothing was sent; look at `[time]` of the map, and try with --check")
        elif rejected:
            say("see `ioc rejects list`, with the same --run and --data")
        if balance.in_vain:
            say(IN_VAIN)
    raise typer.Exit(1 if rejected or balance.in_vain else 0)


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
        show(f"rejected {kind.count:,}: {kind.reason}{f' ({kind.field})' if kind.field else ''}")
        for fault in kind.first:
            show(f"  {fault.where()}: {fault.message}")
    for title, counts in told.notes(statistics).items():
        show(f"{title}: {', '.join(f'{name} {n:,}' for name, n in counts.items())}")


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
            show(f"{place.where()}:")
            dump(event)
        show(balance.said())
        show(f"events {statistics.events:,} = valid {valid['valid']:,} + to be rejected {rejected:,}")
        _print_details(statistics, found.refused)
        say(IN_VAIN if balance.in_vain else "nothing was sent")
    raise typer.Exit(1 if rejected or balance.in_vain else 0)
