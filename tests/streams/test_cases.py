"""Cases: dossiers that a person of a one-stop desk can read, one file each in `cases/`; its README tells how. They judge the
engine, and the brute force, too.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ioc.times import iso
from streams import lifecycle
from streams.dossiers import STREAM, handled
from streams.tables import Rules
from tests import brute, brute_dossiers
from tests.ioc.counting.test_history import play
from tests.logs import dossier

FILES = sorted((Path(__file__).parent / "cases").glob("*.toml"))
KEYS = {"title", "by", "limits", "rules", "events", "due", "online", "end", "levels", "flows", "at", "index"}
RULES = {"due_soon_days": 3, "payment_pauses": False, "reappointments": 1}
LEVELS = [i.name.removeprefix("dossier.") for i in STREAM.indicators if i.level and not i.looks]
FLOWS = ["received", "reopened", "after_end", "violations", "supplements", "reappointed", "reappointed_again"]
"""The others follow from the ends."""
NAMES = {"due": "due_at", "level": "service_level"}
PROVINCE = timezone(timedelta(hours=7))

Found = Counter[tuple[str, str, int, tuple[int, ...]]]
"""Indicator, dimension, instant, measures: how often."""


def ms(text: str) -> int:
    """The instant of a local time of the province."""
    return brute.ms(datetime.fromisoformat(text).replace(tzinfo=PROVINCE).isoformat())


def events(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a case, in the order of the file."""
    made = []
    for number, (time, state, *said) in enumerate(case["events"]):
        more = {NAMES.get(name, name): value for name, value in (said[0] if said else {}).items()}
        if "due_at" in more:
            more["due_at"] = ms(more["due_at"])
        made.append(dossier("D", more.pop("id", f"e{number}"), state, ms(time), **more))
    return made


def placed(text: str, by: str) -> tuple[str, str]:
    """`A: 2026-03-02 08:00` -> (`A`, the time). Without `by` there is no place."""
    place, _, rest = text.rpartition(": ")
    assert bool(place) == bool(by), f"{text!r}: write `PLACE: time` where the case has `by`, and only there"
    return place, rest


def expected(case: dict[str, Any]) -> Found:
    """All rows that a case asks for."""
    by, rows = case.get("by", ""), Found()

    def add(name: str, where: str, at: int, *measures: int) -> None:
        rows[f"dossier.{name}", where, at, measures] += 1

    for name, texts in case.get("levels", {}).items():
        assert name in LEVELS, f"there is no level {name}"
        for text in texts:
            where, rest = placed(text, by)
            start, _, end = rest.partition(" ->")
            add(name, where, ms(start), 1)
            if end:
                add(name, where, ms(end.strip()), -1)
    for name, texts in case.get("flows", {}).items():
        assert name in FLOWS, f"there is no flow {name}, or it follows from an [[end]]"
        for text in texts:
            where, at = placed(text, by)
            add(name, where, ms(at), 1)
            if name == "received":
                add("online_share", where, ms(at), int(case.get("online", False)), 1, 1)
    for end in case.get("end", ()):
        where, at = placed(end["at"], by)
        time, late = ms(at), int(end["late"])
        add("resolved", where, time, 1)
        if late:
            add("resolved_late", where, time, 1)
        if end["state"] in ("refused", "withdrawn", "stopped"):
            add(end["state"], where, time, 1)
        add("on_time_share", where, time, late, 1, 1)
        add("conformance", where, time, int(not end["conforms"]), 1, 1)
        add("handling_days", where, time, *handled(end["days"]))
    return rows


def found(total: brute.Rows, by: str) -> Found:
    """Rows as a case names them: by one dimension, or by none."""
    index = STREAM.dimensions.index(by) if by else None
    summed: brute.Rows = {}
    for (name, dims, at), measures in total.items():
        key = name, ("" if index is None else dims[index],), at
        summed[key] = brute.plus(summed.get(key), measures)
    rows = Found()
    for (name, (where,), at), measures in summed.items():
        if any(measures) and name.startswith("dossier."):
            rows[name, where, at, measures] += 1
    return rows


def on(rows: Found, at: int) -> set[str]:
    """The levels a dossier counts in at an instant: what happens at the instant itself is not seen."""
    total: Counter[str] = Counter()
    for (name, where, time, measures), n in rows.items():
        if name.removeprefix("dossier.") in LEVELS and time < at:
            total[f"{name.removeprefix('dossier.')} {where}".strip()] += n * measures[0]
    return {name for name, n in total.items() if n}


def shown(row: tuple[str, str, int, tuple[int, ...]]) -> str:
    """A row for people, with the local time."""
    name, where, at, measures = row
    local = datetime.fromisoformat(iso(at)).astimezone(PROVINCE).replace(tzinfo=None)
    short = measures if len(measures) < 9 else f"bucket {measures.index(1)}"
    return f"{local}  {name} {where} {short}"


def in_period(total: brute.Rows, name: str, period: str) -> tuple[int, int]:
    """Part and whole of an indicator of the index in `2026-03`, `2026-Q1` or `2026`."""
    kind = 2 if "-" not in period else int("Q" in period)
    pairs = [
        measures[2 * kind : 2 * kind + 2] for (own, _, at), measures in total.items() if own == name and named(at, kind) == period
    ]
    return sum(part for part, _ in pairs), sum(whole for _, whole in pairs)


def named(at: int, kind: int) -> str:
    """The month, quarter or year of an instant."""
    there = datetime.fromisoformat(iso(at)).astimezone(PROVINCE)
    return (f"{there:%Y-%m}", f"{there:%Y}-Q{(there.month + 2) // 3}", f"{there:%Y}")[kind]


def differences(case: dict[str, Any], total: brute.Rows, due: int | None) -> Iterator[str]:
    """What is not as the case says."""
    rows, asked = found(total, case.get("by", "")), expected(case)
    order = {row: (row[2], row[0]) for row in rows | asked}
    yield from (f"missing  {shown(row)}" for row in sorted(asked - rows, key=order.__getitem__))
    yield from (f"too much {shown(row)}" for row in sorted(rows - asked, key=order.__getitem__))
    for time, names in case.get("at", {}).items():
        if on(rows, ms(time)) != set(names):
            yield f"before {time}: {sorted(on(rows, ms(time)))}, not {sorted(names)}"
    for text in case.get("index", ()):
        number, period, part, whole = re.fullmatch(r"([\d.]+) ([\dQ-]+): (\d+) of (\d+)", text).groups()
        told = in_period(total, f"index766.{number.replace('.', '_')}", period)
        if told != (int(part), int(whole)):
            yield f"index {number} {period}: {told[0]} of {told[1]}, not {part} of {whole}"
    if due != (ms(case["due"]) if "due" in case else None):
        yield f"due {None if due is None else shown(('', '', due, ()))}, not {case.get('due')}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dossier_counts_as_its_case_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(case) <= KEYS, f"{path.name}: a case has no {set(case) - KEYS}"
    assert len(case["title"]) == 2, f"{path.name}: title = [Vietnamese, English]"
    limits, rules = case.get("limits", {}), RULES | case.get("rules", {})
    monkeypatch.setattr(lifecycle, "limits", lambda: limits)
    for module in ("lifecycle", "dossiers"):
        monkeypatch.setattr(f"streams.{module}.rules", lambda: Rules(**rules))
    monkeypatch.setattr(brute_dossiers, "LIMITS", limits)
    monkeypatch.setattr(brute_dossiers, "RULES", rules)
    told = events(case)
    for order in (told, told[::-1]):
        history, total, _ = play(order)
        wrong = list(differences(case, total, history.lifecycle()[2]))
        assert not wrong, f"{path.name}, {case['title'][1]}: the engine\n  " + "\n  ".join(wrong)
    last = brute.state_before(brute.in_order(told), 1 << 60)
    due = None if last.opened is None else last.due if last.since is not None else last.ends[-1].due
    wrong = list(differences(case, brute.contributions(told), due))
    assert not wrong, f"{path.name}, {case['title'][1]}: the brute force\n  " + "\n  ".join(wrong)


def test_there_is_a_case_for_every_indicator_that_a_dossier_adds_to() -> None:
    cases = [tomllib.loads(path.read_text(encoding="utf-8")) for path in FILES]
    names = {name for case in cases for (name, *_) in expected(case)}
    assert names == {i.name for i in STREAM.indicators if i.name.startswith("dossier.") and not i.looks}
    index = {f"index766.{text.split()[0].replace('.', '_')}" for case in cases for text in case.get("index", ())}
    assert index == {i.name for i in STREAM.indicators if i.name.startswith("index766.")}
