"""Rollups: every value of every kind on every level, at any time and knowledge, against a brute force over random worlds.

The brute force knows units from the world's own dictionaries and permits from their events; it shares no code with the engine."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from ioc.asking.evidence import evidence
from ioc.asking.question import scope
from ioc.asking.read import value
from ioc.asking.unknown import unknown
from ioc.catalog import Catalog
from ioc.errors import UsageError
from ioc.rolling.roll import Roller
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from tests.brute import DAY, MINUTE, Record, ms
from tests.counting import count, more_in_proof, pipeline, real_store
from tests.logs import beat
from tests.streams_towns import EDGES, KINDS, TOPIC, event, random_events, record, towns
from tests.worlds import DAYS, World, world

BEGIN, END = ms("2020-05-01T00:00:00Z"), ms("2025-09-01T00:00:00Z")
STARTS = [ms(f"{day}T00:00:00Z") - 7 * 3_600_000 for day in DAYS]
Leaf = tuple[str, str, int]
"""Kind, the unit's code, and the edition it was stated in."""
Row = tuple[str, Leaf, int, int]
"""Indicator, leaf, `at`, and the number of days for those that end (else 0)."""


def edition(at: int) -> int:
    """The edition that is in force at an instant."""
    return max(sum(at >= start for start in STARTS) - 1, 0)


def told(events: Sequence[dict[str, Any]]) -> Counter[Row]:
    """What permits contribute by their events, which are all of one permit: rows with how often (a level's end: -1)."""
    rows: Counter[Row] = Counter()
    kind, unit, since, first, ended = "?", ("?", 0), None, None, False
    for one in sorted(events, key=lambda e: (e["time"], e["data"]["state"] != "opened", e["id"])):
        at, data = ms(one["time"]), one["data"]
        before = (kind, *unit)
        kind = data.get("kind", kind)
        unit = (data["unit"], edition(at)) if "unit" in data else unit
        now = (kind, *unit)
        if since is None:
            if data["state"] == "opened" and not ended:
                since = first = at
                rows["towns.open", now, at, 0] += 1
                rows["towns.opened", now, at, 0] += 1
            continue
        if data["state"] == "closed":
            rows["towns.open", before, at, 0] -= 1
            rows["towns.ended", before, at, (at - (first or 0)) // DAY] += 1
            since, ended = None, True
        elif now != before:
            rows["towns.open", before, at, 0] -= 1
            rows["towns.open", now, at, 0] += 1
    return rows


def known(log: Sequence[Record], events: Sequence[dict[str, Any]]) -> list[tuple[Row, int, int]]:
    """What each record of a log (of one partition) added: row, how often, and since when it is known."""
    found, heard, latest = [], defaultdict[str, list[dict[str, Any]]](list), None
    for one, its in zip(log, events, strict=True):
        if "permit" in its["data"]:
            own = heard[its["data"]["permit"]]
            before = told(own)
            own.append(its)
            changed = told(own)
            changed.subtract(before)
            at = max([ms(its["time"])] + ([latest - MINUTE] if latest is not None else []))
            found += [(row, n, at // MINUTE * MINUTE) for row, n in changed.items() if n]
        latest = max(latest or 0, one.timestamp)
    return found


class Truth:
    """The numbers of a log by any group, any time, any knowledge."""

    def __init__(self, world: World, log: Sequence[Record], events: Sequence[dict[str, Any]]) -> None:
        self.world, self.rows = world, known(log, events)

    def group(self, name: str, leaf: Leaf, today: bool) -> str:
        """The group of a leaf."""
        kind, code, stated = leaf
        if name == "kind":
            return kind
        if name == "sort":
            return KINDS.get(kind, "?")
        if code == "?" or code not in self.world.editions[stated]:
            return ("?" if code == "?" else f"{code}@{DAYS[stated]}" if stated else code) if name == "unit" else "?"
        if name == "unit":
            return self.world.today(code, stated) if today else self.world.name(code, stated)
        return self.world.grouped_today(code, stated, name) if today else self.world.group(code, stated, name)

    def values(
        self, name: str, by: Sequence[str], start: int, until: int, upto: int, today: bool
    ) -> dict[tuple[str, ...], tuple[float | None, int]]:
        """(value, n) by group; levels have no start."""
        of = {"towns.open": "towns.open", "towns.opened": "towns.opened"}.get(name, "towns.ended")
        counts: dict[tuple[str, ...], Counter[int]] = defaultdict(Counter)
        for (indicator, leaf, at, days), n, since in self.rows:
            pane = at if name == "towns.open" else at // MINUTE * MINUTE
            if indicator == of and start <= pane < until and since < upto:
                counts[tuple(self.group(g, leaf, today) for g in by)][days] += n
        return {group: (self.number(name, days), sum(days.values())) for group, days in counts.items()}

    @staticmethod
    def number(name: str, days: Counter[int]) -> float | None:
        """The value of an indicator from how many ended after how many days."""
        total = sum(days.values())
        if name in ("towns.open", "towns.opened"):
            return float(total)
        if total <= 0:
            return None
        if name == "towns.quick":
            return sum(n for d, n in days.items() if d < 5) / total * 100
        edges, rank, before = [*EDGES, None], max(ceil(total * 0.5), 1), 0
        for low, high in pairwise(edges):
            inside = sum(n for d, n in days.items() if low is not None and low <= d and (high is None or d < high))
            if before + inside >= rank:
                return float(low or 0) if high is None else (low or 0) + (high - (low or 0)) * (rank - before) / inside
            before += inside
        raise AssertionError(days)


def made(store_url: str, folder: Path, seed: int, permits: int = 60) -> tuple[Store, Catalog, Truth, random.Random]:
    """A store with a random world's permits, some late, and their truth."""
    rng = random.Random(seed)
    there = world(seed)
    events = random_events(rng, there, permits, BEGIN, END)
    received = [ms(e["time"]) + (rng.randrange(400) * DAY if rng.random() < 0.2 else 0) for e in events]
    order = sorted(range(len(events)), key=lambda n: received[n])
    events, received = [beat(BEGIN), *(events[n] for n in order)], [BEGIN, *(received[n] for n in order)]
    end = max(received) + DAY
    events, received = [*events, beat(end)], [*received, end]
    log = [record(e, n, at) for n, (e, at) in enumerate(zip(events, received, strict=True))]
    catalog = Catalog((towns(folder, there),))
    store = real_store(store_url, f"rollups_{seed}", catalog)
    count(pipeline(store, 1, catalog, (TOPIC,)), log)
    return store, catalog, Truth(there, log, events), rng


def window(name: str, rng: random.Random) -> tuple[str | None, Callable[[int], int]]:
    """A window, and where it begins."""
    if name == "towns.open":
        return None, lambda at: -(1 << 60)
    chosen = rng.choice(("7d", "all", "year"))
    if chosen == "year":
        year = lambda at: datetime.fromtimestamp((at - 1) / 1000 + 7 * 3600, UTC).year  # noqa: E731
        return chosen, lambda at: ms(f"{year(at)}-01-01T00:00:00Z") - 7 * 3_600_000
    return chosen, lambda at: at - 7 * DAY if chosen == "7d" else -(1 << 60)


GROUPS = ("kind", "unit", "sort", "province", "district", "commune")


@pytest.mark.parametrize("seed", more_in_proof(3, 40))
def test_every_value_of_every_group_is_the_sum_of_its_leaves_at_any_time_and_knowledge(
    store_url: str, tmp_path: Path, seed: int
) -> None:
    store, catalog, truth, rng = made(store_url, tmp_path, seed)
    empty = 0
    for _ in range(60):
        name = rng.choice(("towns.open", "towns.opened", "towns.quick", "towns.days"))
        at = rng.choice([rng.randrange(BEGIN, END + 200 * DAY), *STARTS[1:], STARTS[2] + 1]) // MINUTE * MINUTE
        spoken, begin = window(name, rng)
        by = rng.sample(GROUPS, rng.choice((1, 1, 2)))
        today = rng.random() < 0.5
        how = rng.choice(("latest", "first", "known"))
        limit = {"latest": 1 << 60, "first": at, "known": at + rng.randrange(-90, 90) * DAY}[how]
        found = value(
            store,
            catalog,
            name,
            at,
            spoken,
            None,
            by,
            how == "first",
            limit if how == "known" else None,
            "today" if today else None,
        )
        if found and how == "first" and "no first final" in str(found[0].notes):
            continue
        by = [g for g in GROUPS[:2] + GROUPS[2:] if g in by]
        want = truth.values(name, by, begin(at), at, limit, today)
        there = {tuple(a.dims[g] for g in by): (a.value, a.n) for a in found}
        nothing = (0.0 if name in ("towns.open", "towns.opened") else None, 0)
        for group in want.keys() | there.keys():
            right, shown = want.get(group, nothing), there.get(group, nothing)
            assert shown[1] == right[1], (name, group, by, today, how)
            assert shown[0] == (right[0] if right[0] is None else pytest.approx(right[0])), (name, group, by, today, how)
        empty += not want
    assert empty < 55


@pytest.mark.parametrize("seed", more_in_proof(2, 20))
def test_evidence_of_a_group_is_as_much_as_the_number_says(store_url: str, tmp_path: Path, seed: int) -> None:
    store, catalog, truth, rng = made(store_url, tmp_path, seed)
    asked = 0
    for _ in range(40):
        name = rng.choice(("towns.open", "towns.opened", "towns.quick", "towns.days"))
        at, units = rng.randrange(BEGIN, END) // MINUTE * MINUTE, rng.choice((None, "today"))
        by = rng.choice(GROUPS)
        spoken, begin = window(name, rng)
        groups = truth.values(name, [by], begin(at), at, 1 << 60, units is not None)
        for (group,), (right, n) in rng.sample(sorted(groups.items()), min(len(groups), 2)):
            units_of = by not in ("kind", "sort") and group not in ("?", "-") and "@" not in group
            where = {by: f"{group}@" if units_of else group}
            (answer,) = value(store, catalog, name, at, spoken, where, units=units)
            assert (answer.value, answer.n) == (right if right is None else pytest.approx(right), n), (name, where, units)
            found = evidence(
                store, catalog, Settings(), scope(store, catalog, name, at=at, window=spoken, where=where, units=units)
            )
            assert sum(one.n for one in found) == n, (name, where, units)
            asked += n != 0
    assert asked > 10


# ---- a unit renamed and re-used in mid-life, by hand

NEW, UNKNOWN = STARTS[2], "99999@2020-07-01"
"""1 July 2025, 00:00 in the province; what is counted of a code that never was."""


def renamed() -> World:
    """14758 is phường Đông Thọ of Thành phố Thanh Hóa, and since July 2025 phường Hàm Rồng; Đông Thọ was divided."""
    before = {
        "38": ("Tỉnh Thanh Hóa", "province", ""),
        "380": ("Thành phố Thanh Hóa", "district", "38"),
        "14755": ("Phường Hàm Rồng", "commune", "380"),
        "14758": ("Phường Đông Thọ", "commune", "380"),
    }
    after = {
        "38": ("Tỉnh Thanh Hóa", "province", ""),
        "14758": ("Phường Hàm Rồng", "commune", "38"),
        "14797": ("Phường Hạc Thành", "commune", "38"),
    }
    return World([before, before, after], {("14755", 1): ["14758"], ("14758", 1): ["14797", "14758"]})


@pytest.fixture(scope="module")
def golden(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Catalog]:
    """A is opened in the old 14758 and closed after it; B is opened there and said to be in the new 14758; C is of a unit that
    never was."""
    events = [
        beat(NEW - 40 * DAY),
        event("A", "a1", "opened", NEW - 30 * DAY, unit="14758", kind="k0"),
        event("B", "b1", "opened", NEW - 20 * DAY, unit="14758", kind="k2"),
        event("C", "c1", "opened", NEW - 10 * DAY, unit="99999", kind="k0"),
        event("A", "a2", "closed", NEW + 10 * DAY),
        event("B", "b2", "moved", NEW + 20 * DAY, unit="14758"),
        beat(NEW + 40 * DAY),
    ]
    catalog = Catalog((towns(tmp_path_factory.mktemp("golden"), renamed()),))
    store = real_store(store_url, "renamed", catalog)
    count(pipeline(store, 1, catalog, (TOPIC,)), [record(e, n, ms(e["time"])) for n, e in enumerate(events)])
    return store, catalog


def shown(
    golden: tuple[Store, Catalog], by: str, at: int, name: str = "towns.open", units: str | None = None
) -> dict[str, float]:
    """What is not 0, by group."""
    found = value(*golden, name, at, "all" if name != "towns.open" else None, by=[by], units=units)
    return {answer.dims[by]: answer.value for answer in found if answer.value}


def test_what_began_in_a_unit_that_is_gone_ends_there_and_leaves_no_number_behind(golden: tuple[Store, Catalog]) -> None:
    assert shown(golden, "unit", NEW) == {"14758": 2, UNKNOWN: 1}
    assert shown(golden, "unit", NEW + 15 * DAY) == {"14758": 1, UNKNOWN: 1}, "A has ended where it began"
    assert shown(golden, "unit", NEW + 30 * DAY) == {"14758@2025-07-01": 1, UNKNOWN: 1}, "B says where it is now"
    assert shown(golden, "district", NEW) == {"380": 2, "?": 1}
    assert shown(golden, "district", NEW + 30 * DAY) == {"-": 1, "?": 1}, "there are no districts any more"
    assert shown(golden, "province", NEW + 30 * DAY) == {"38": 1, "?": 1}
    assert shown(golden, "sort", NEW) == {"house": 2, "road": 1}


def test_by_the_units_of_today_the_default_part_has_the_numbers_and_that_is_said(golden: tuple[Store, Catalog]) -> None:
    assert shown(golden, "commune", NEW, units="today") == {"14797@2025-07-01": 2, "?": 1}
    assert shown(golden, "commune", NEW + 30 * DAY, units="today") == {"14758@2025-07-01": 1, "?": 1}
    assert shown(golden, "district", NEW, units="today") == {"-": 2, "?": 1}
    (answer,) = value(*golden, "towns.open", NEW, where={"province": "38"}, units="today")
    assert answer.value == 2
    assert answer.notes[-1] == (
        "1 unit of before was divided; all of each counts for its default part: "
        "14758 Phường Đông Thọ -> 14797@2025-07-01 Phường Hạc Thành"
    )


def test_a_person_names_the_unit_of_the_time_asked_for_or_an_exact_one_and_is_told_which(golden: tuple[Store, Catalog]) -> None:
    def asked(at: int, units: str | None = None, **where: str) -> tuple[float | None, str]:
        (answer,) = value(*golden, "towns.open", at, where=where, units=units)
        return answer.value, " ".join(answer.notes)

    number, note = asked(NEW, unit="14758")
    assert number == 2
    assert note == ("unit: 14758 is 14758@, Phường Đông Thọ, of the edition of 2010-01-01; 14758@2025-07-01 is Phường Hàm Rồng")
    assert asked(NEW + 30 * DAY, unit="14758")[0] == 1
    assert asked(NEW + 15 * DAY, unit="14758@")[0] == 1
    assert asked(NEW + 15 * DAY, unit="14758@2025-07-01") == (0, "")
    assert asked(NEW + 15 * DAY, district="380") == (
        1,
        "district: 380 is 380@, Thành phố Thanh Hóa, of the edition of 2010-01-01",
    )
    assert asked(NEW, unit="99999") == (1, "")
    assert "nothing that is known is in sort=wall; --by sort shows" in asked(NEW, sort="wall")[1]
    with pytest.raises(UsageError, match="unit=14758@2024-01-01: no edition of the code list begins on '2024-01-01'"):
        asked(NEW, unit="14758@2024-01-01")
    with pytest.raises(UsageError, match="unit=14758@ is no unit of today"):
        asked(NEW, "today", unit="14758@")
    with pytest.raises(UsageError, match="--units 'then': write today"):
        asked(NEW, "then")
    with pytest.raises(UsageError, match=r"no dimension 'ward'; towns has kind, unit, sort \(of kind\), province \(of unit\)"):
        asked(NEW, ward="1")
    with pytest.raises(UsageError, match=r"district is given by --where district=380"):
        value(*golden, "towns.open", NEW, where={"district": "380"}, by=["district"])


def test_codes_that_no_edition_knows_are_found_with_how_much_was_counted(golden: tuple[Store, Catalog]) -> None:
    assert unknown(*golden) == [{"stream": "towns", "dimension": "unit", "code": UNKNOWN, "count": 1, "of": "towns.opened"}]


def test_rollups_ask_for_no_row_more_and_no_other_generation(store_url: str, tmp_path: Path) -> None:
    counted = []
    for rollups in (True, False):
        there = world(3)
        stream = towns(tmp_path / str(rollups), there, rollups=rollups)
        catalog = Catalog((stream,))
        store = real_store(store_url, f"rows_{rollups}", catalog)
        events = [beat(BEGIN), *random_events(random.Random(3), there, 30, BEGIN, BEGIN + 90 * DAY), beat(BEGIN + 100 * DAY)]
        count(pipeline(store, 1, catalog, (TOPIC,)), [record(e, n, ms(e["time"])) for n, e in enumerate(events)])
        Roller(catalog, store, store.settings).step()
        rows = [store.query("SELECT * EXCEPT (computed_at, as_of) FROM indicators FINAL ORDER BY ALL")]  # as_of: by which roller
        rows += [store.query("SELECT * FROM panes FINAL ORDER BY ALL")]
        counted.append((catalog.generations["towns"], *(frame.rows() for frame in rows)))
    assert counted[0] == counted[1]
    assert all(counted[0])
