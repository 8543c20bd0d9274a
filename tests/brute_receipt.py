"""Brute force over the receipt log: the truths of a dossier board, from the CSV with plain Python and nothing of the project.

Received at `case:startdate`, resolved at `case:enddate` (never before the start), due at `case:deadline`. Times are integer
milliseconds; what happens at `at` itself is not yet seen (half-open). Run as a program it prints the known truths.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import median

from tests.brute_worktime import days_before, local, midnight
from tests.made_receipt import made

DATA = Path(os.environ.get("IOC_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
"""Where the real data lies; tests of its known truths skip where it does not."""
REAL = DATA / "dossiers" / "receipt.csv.gz"
RECEIPT = REAL if REAL.exists() else made()
"""The real log, else one made by chance in its form: the brute force takes either."""
UCC5G = DATA / "ran" / "ucc5g" / "5G-production-dataset.zip"
DAY = 86_400_000
SOON = 3
"""Working days before its due time from which on a dossier is due soon."""
CHANNELS = {"Internet": "online", "e-mail": "online", "Desk": "counter", "Intern": "counter", "Post": "post"}


@dataclass(frozen=True)
class Case:
    """A dossier; `end` is None while it is open."""

    name: str
    agency: str
    channel: str
    start: int
    end: int | None
    due: int


def ms(text: str) -> int:
    """Milliseconds of a time with offset, e.g. 2011-06-01T00:00:00+00:00."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@cache
def cases(path: Path = RECEIPT) -> tuple[Case, ...]:
    """All dossiers of the log, in the order of their first row."""
    found: dict[str, Case] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = row["case:concept:name"]
            if name in found:
                continue
            start = ms(row["case:startdate"])
            end = max(start, ms(row["case:enddate"])) if row["case:enddate"] else None
            agency = "/".join(part for part in (row["case:department"], row["case:group"]) if part)
            found[name] = Case(name, agency, CHANNELS[row["case:channel"]], start, end, ms(row["case:deadline"]))
    return tuple(found.values())


@cache
def after_end(path: Path = RECEIPT) -> int:
    """Rows of the log that lie after the end of their dossier (at the very end they belong to it)."""
    ends = {case.name: case.end for case in cases(path) if case.end is not None}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [(row["case:concept:name"], ms(row["time:timestamp"])) for row in csv.DictReader(file)]
    return sum(name in ends and at > ends[name] for name, at in rows)


@cache
def moves(path: Path = RECEIPT) -> dict[str, tuple[int, ...]]:
    """When each dossier made a move that is not allowed: to be worked on before it was received, or after its end; to be received
    again then, or after an end; to end before all. Rows after an end leave the state alone but for the first of them."""
    steps: dict[str, list[int]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            steps.setdefault(row["case:concept:name"], []).append(ms(row["time:timestamp"]))
    return {case.name: tuple(_wrong(case, path, sorted(steps[case.name]))) for case in cases(path)}


def _wrong(case: Case, path: Path, steps: list[int]) -> list[int]:
    """At the very start a row belongs to the open dossier, at the very end, too: 2, then 4, then 9."""
    end = closed(path)[case.name]
    told = [(case.start, 0, "received"), *((at, 1, "processing") for at in steps)]
    told += [(end, 2, "completed")] if end is not None else []
    state, wrong = "", []
    for at, _, to in sorted(told):
        allowed = (state, to) in {
            ("", "received"),
            ("received", "processing"),
            ("received", "completed"),
            ("processing", "completed"),
        }
        if to != state and not allowed:
            wrong.append(at)
        state = to
    return wrong


@cache
def closed(path: Path = RECEIPT) -> dict[str, int | None]:
    """When each dossier was closed by its row, also where that is before it was received."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = {row["case:concept:name"]: row["case:enddate"] for row in csv.DictReader(file)}
    return {name: ms(end) if end else None for name, end in rows.items()}


def part(path: Path, every: int) -> Path:
    """A log of every so many-th dossier, written to the path: as hard, and sooner counted."""
    chosen = {case.name for case in cases()[::every]}
    with (
        gzip.open(RECEIPT, "rt", encoding="utf-8", newline="") as file,
        gzip.open(path, "wt", encoding="utf-8", newline="") as out,
    ):
        rows = csv.DictReader(file)
        some = csv.DictWriter(out, rows.fieldnames or ())
        some.writeheader()
        some.writerows(row for row in rows if row["case:concept:name"] in chosen)
    return path


def _of(agency: str | None, among: Sequence[Case] | None) -> list[Case]:
    return [c for c in (among if among is not None else cases()) if agency is None or c.agency == agency]


def backlog(at_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """Dossiers received and not resolved before `at_ms`."""
    return sum(c.start < at_ms and not (c.end is not None and c.end < at_ms) for c in _of(agency, among))


def overdue(at_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """Dossiers of the backlog that were due before `at_ms`. One resolved when due, or before, never is overdue."""
    count = 0
    for c in _of(agency, among):
        since = max(c.due, c.start)
        count += since < at_ms and (c.end is None or (c.end > since and c.end >= at_ms))
    return count


def due_soon(at_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """Dossiers of the backlog that are due at `at_ms` or later, and less than three working days later."""
    found = [c for c in _of(agency, among) if c.start < at_ms <= c.due and (c.end is None or c.end >= at_ms)]
    return sum(days_before(c.due, SOON) < at_ms for c in found)


def due_today(at_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """Dossiers of the backlog that are due at `at_ms` or later, on a day of the province that began before."""
    found = [c for c in _of(agency, among) if c.start < at_ms <= c.due and (c.end is None or c.end >= at_ms)]
    return sum(midnight(local(c.due - 1)[0]) < at_ms for c in found)


def paused(at_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """None: the log knows no supplements."""
    return 0


def uncollected(at_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """Dossiers resolved before `at_ms`: the log never says that a result was handed over."""
    return sum(c.end is not None and c.end < at_ms for c in _of(agency, among))


def violations(from_ms: int, to_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """Moves that are not allowed in [from, to)."""
    return sum(from_ms <= at < to_ms for c in _of(agency, among) for at in moves()[c.name])


def conforming(from_ms: int, to_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> float | None:
    """Percent of the dossiers resolved in [from, to) without such a move up to their end; None where none was resolved."""
    ended = [c for c in _of(agency, among) if c.end is not None and from_ms <= c.end < to_ms]
    right = sum(all(at > (c.end or 0) for at in moves()[c.name]) for c in ended)
    return 100 * right / len(ended) if ended else None


def received(from_ms: int, to_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """Dossiers received in [from, to)."""
    return sum(from_ms <= c.start < to_ms for c in _of(agency, among))


def resolved(from_ms: int, to_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """Dossiers resolved in [from, to)."""
    return sum(c.end is not None and from_ms <= c.end < to_ms for c in _of(agency, among))


def late(from_ms: int, to_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> int:
    """Dossiers resolved in [from, to), after their due time."""
    return sum(c.end is not None and from_ms <= c.end < to_ms and c.end > c.due for c in _of(agency, among))


def handling_days(from_ms: int, to_ms: int, agency: str | None = None, among: Sequence[Case] | None = None) -> float | None:
    """Median days from reception to resolution of the dossiers resolved in [from, to); None where there are none."""
    days = [(c.end - c.start) / DAY for c in _of(agency, among) if c.end is not None and from_ms <= c.end < to_ms]
    return median(days) if days else None


if __name__ == "__main__":
    everything = (0, ms("2100-01-01T00:00:00+00:00"))
    june = ms("2011-06-01T00:00:00+00:00")
    print(f"received {received(*everything)}, resolved {resolved(*everything)}, of which late {late(*everything)}")
    print(f"2011-06-01T00:00Z: backlog {backlog(june)}, overdue {overdue(june)}")
    print(f"median handling {handling_days(*everything):.1f} days")
