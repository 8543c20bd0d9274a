"""Reference: names, groups of rollups, sites and days off in the store follow their files: what is new, changed or gone there is
so in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from ioc.store import state
from ioc.store.clickhouse import Store, literal

SHOWN = 5
"""Changes a sentence names."""


Group = tuple[str, str, str, str, int, int]
Site = tuple[str, float, float, int, int]


def follow(
    store: Store, units: Mapping[str, str], days: Sequence[date], groups: Sequence[Group] = (), sites: Sequence[Site] = ()
) -> list[str]:
    """Bring the tables to what the files say. `groups`: stream, rollup, value, group, and from when until when (ms);
    `sites`: code, latitude, longitude and the same. Returns what changed of what was there, a sentence each; a first filling is
    none.

    Whoever reads meanwhile sees the old row, the new one or none, never two: old rows go first.
    """
    return [*_units(store, units), *_groups(store, groups), *_sites(store, sites), *_days(store, days)]


def _units(store: Store, wanted: Mapping[str, str]) -> list[str]:
    there: dict[str, str] = dict(store.query("SELECT code, argMax(name, valid_from) AS name FROM units GROUP BY code").rows())
    gone = sorted(there.keys() - wanted.keys())
    other = sorted(code for code in there.keys() & wanted.keys() if there[code] != wanted[code])
    new = sorted(wanted.keys() - there.keys())
    if gone or other:
        _delete(store, "units", f"code IN {literal(tuple(gone + other))}")
    if rows := [(code, wanted[code]) for code in other + new]:
        store.command(f"INSERT INTO units (code, name) VALUES {', '.join(map(literal, rows))}")
    changes = [
        *(f"{code}: {there[code]} -> {wanted[code]}" for code in other),
        *(f"{code}: new, {wanted[code]}" for code in new),
        *(f"{code}: gone, was {there[code]}" for code in gone),
    ]
    return [_said("unit names", changes)] if there and changes else []


def _groups(store: Store, wanted: Sequence[Group]) -> list[str]:
    """A rollup that changed is written anew as a whole."""
    there = set(store.query("SELECT stream, rollup, code, grp, since, until FROM rollups").rows())
    changed = there.symmetric_difference(wanted)
    rollups = sorted({row[:2] for row in changed})
    if gone := sorted({row[:2] for row in there if row[:2] in rollups}):
        _delete(store, "rollups", f"(stream, rollup) IN {literal(tuple(gone))}")
    if rows := [row for row in wanted if row[:2] in rollups]:
        store.insert("rollups", state.rows_table("rollups", rows))
    changes = [f"{rollup} of {stream}: {sum(row[:2] == (stream, rollup) for row in changed)} changes" for stream, rollup in gone]
    return [_said("rollups", changes)] if changes else []


def _sites(store: Store, wanted: Sequence[Site]) -> list[str]:
    """A site that changed is written anew."""
    there = set(store.query("SELECT code, latitude, longitude, since, until FROM sites").rows())
    changed = sorted({row[0] for row in there.symmetric_difference(wanted)})
    if gone := [code for code in changed if any(row[0] == code for row in there)]:
        _delete(store, "sites", f"code IN {literal(tuple(gone))}")
    if rows := [row for row in wanted if row[0] in changed]:
        store.insert("sites", state.rows_table("sites", rows))
    return [_said("sites", changed)] if there and changed else []


def _days(store: Store, wanted: Sequence[date]) -> list[str]:
    there = set(store.query("SELECT DISTINCT day FROM days_off")["day"].to_list())
    new, gone = sorted(set(wanted) - there), sorted(there - set(wanted))
    if gone:
        _delete(store, "days_off", f"day IN {literal(tuple(day.isoformat() for day in gone))}")
    if new:
        store.command(f"INSERT INTO days_off VALUES {', '.join(literal((day.isoformat(),)) for day in new)}")
    changes = [*(f"{day}: closed" for day in new), *(f"{day}: open" for day in gone)]
    return [_said("days off", changes)] if there and changes else []


def _delete(store: Store, table: str, where: str) -> None:
    store.command(f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 2")


def _said(what: str, changes: Sequence[str]) -> str:
    """All that is new in one sentence, however much it is."""
    more = f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    return f"{what} follow their files: {'; '.join(changes[:SHOWN])}{more}"
