"""A dossier log made by chance, in the form of the receipt log: for machines where the real one is not. Nothing of it is copied.

As in the real one some dossiers are never closed, some close before they begin or exactly when they are due, some are worked on
after their end; offices with and without a group, two offsets from UTC, and moments that several events share.
"""

from __future__ import annotations

import atexit
import csv
import gzip
import random
import shutil
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

COLUMNS = (
    "case:channel", "case:concept:name", "case:deadline", "case:department", "case:enddate", "case:group", "case:startdate",
    "concept:instance", "concept:name", "lifecycle:transition", "org:group", "org:resource", "time:timestamp",
)  # fmt: skip
BEGIN, END = datetime(2010, 10, 2, 7, 20, tzinfo=UTC), datetime(2012, 1, 23, 14, 40, tzinfo=UTC)
DOSSIERS = 1400
STEPS = ("receipt", "check", "determine", "advice", "decision", "letter", "archive")


def text(at: datetime) -> str:
    """A time as the log writes it, in winter and in summer time."""
    zone = timezone(timedelta(hours=2 if 4 <= at.month <= 10 else 1))
    return at.astimezone(zone).isoformat(" ", "milliseconds" if at.microsecond else "seconds")


def dossier(chance: random.Random, number: int, tasks: list[int]) -> list[dict[str, str]]:
    """The rows of one dossier."""
    span = (END - BEGIN) / timedelta(milliseconds=1)
    start = BEGIN + timedelta(milliseconds=0 if number == 0 else chance.randrange(int(span)))
    due = start + timedelta(days=chance.choice((56, 56, 56, 14, 98)))
    end = start + timedelta(milliseconds=round(chance.lognormvariate(3.9, 0.9) * 86_400_000))
    end = chance.choices((end, due, start - timedelta(hours=3)), (97, 2, 1))[0]
    department = chance.choices(("General", "Experts", "Customer contact"), (97, 2, 1))[0]
    shared = {
        "case:channel": chance.choices(("Internet", "Desk", "Post", "e-mail", "Intern"), (87, 8, 3, 1, 1))[0],
        "case:concept:name": f"made-{number}",
        "case:deadline": text(due),
        "case:department": department,
        "case:enddate": text(end) if end <= END and chance.random() < 0.97 else "",
        "case:group": chance.choices(("", "Group 5", "Group 8", "Group 2"), (58, 22, 16, 4))[0],
        "case:startdate": text(start),
        "lifecycle:transition": "complete",
    }
    found, at = [], start
    for step in range(chance.choices((6, 1, 8, 10, 4), (80, 8, 5, 5, 2))[0]):
        at += timedelta(milliseconds=chance.choice((0 if step else 1, 1, 7_000, 3_600_000, 86_400_000 * 3)))
        if step == 5 and chance.random() < 0.12 and end > start:
            at = max(at, end + timedelta(hours=5))  # after the end
        own = {"concept:instance": f"task-{tasks.pop()}", "concept:name": STEPS[step % len(STEPS)], "org:resource": f"R{step}"}
        group = chance.choices(("Group 1", "EMPTY", "Group 2"), (5, 3, 2))[0]
        found.append({**shared, **own, "org:group": group, "time:timestamp": text(min(at, END))})
    return found


def made() -> Path:
    """Write it; the same bytes each time."""
    chance = random.Random(766)
    tasks = list(range(DOSSIERS * 11))
    chance.shuffle(tasks)
    folder = Path(tempfile.mkdtemp(prefix="ioc-made-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "receipt.csv.gz"
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="") as out:
        rows = csv.DictWriter(out, COLUMNS)
        rows.writeheader()
        for number in range(DOSSIERS):
            rows.writerows(dossier(chance, number, tasks))
    return path
