"""Rebuild: changed declarations count the archive again into a generation of their own; the old one stays as it was."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace

import pytest

from ioc.catalog import Catalog, load
from ioc.centre.live import check_generations
from ioc.centre.rebuild import ahead, rebuild
from ioc.counting.pipeline import MEASURE
from ioc.errors import WrongGeneration
from ioc.events import murmur
from ioc.events.heartbeats import heartbeat
from ioc.store import state, tables
from ioc.store.clickhouse import Store
from ioc.times import HOUR, iso, to_ms
from ioc.vocabulary import Contribution
from streams import dossiers
from tests.brute import Record
from tests.counting import pipeline, real_store, verdicts
from tests.logs import batch, by_place

TOPIC = "ioc.events.dossier"
NOW = to_ms("2026-03-30T01:00:00Z")


def received_only(history: list[dossiers.Step]) -> list[Contribution]:
    """Another rule: a dossier counts as received one hour later."""
    return [(i, d, at + HOUR, m) for i, d, at, m in dossiers.contributions(history) if i == "dossier.received"]


def changed() -> Catalog:
    """This program's catalog with another rule for dossiers."""
    streams = load().streams
    return Catalog(tuple(replace(s, contributions=received_only) if s.name == "dossiers" else s for s in streams))


def log() -> list[Record]:
    """Sixty dossiers and a reject in two partitions, heartbeats between, the first twenty records loaded as a past."""
    chance = random.Random(1)
    made: list[Record] = []
    nexts = [0, 0]
    for number in range(60):
        key = f"d{number}".encode()
        data = {"dossier": f"d{number}", "state": "received", "agency": chance.choice("ab"), "due_at": iso(NOW + 48 * HOUR)}
        event = {"specversion": "1.0", "id": f"e{number}", "source": "/t", "type": "vn.ioc.dossier.changed.v1", "time": iso(NOW)}
        place = int(murmur.partitions([key], 2)[0])
        past = (("ioc-received", b"%d" % (NOW - HOUR + number)),) if number < 20 else ()
        value = json.dumps(event | {"data": data}).encode() if number != 40 else b"\xff rubbish"
        made.append(Record(TOPIC, place, nexts[place], key, value, NOW + number, past))
        nexts[place] += 1
        if number % 10 == 9:
            for p in (0, 1):
                made.append(Record(TOPIC, p, nexts[p], None, heartbeat("pacemaker", NOW), NOW + number, past))
                nexts[p] += 1
    return made


def panes(store: Store, generation: str) -> list[tuple[object, ...]]:
    return store.query(
        "SELECT indicator, dims, at, known, topic, partition, offset, measures FROM panes FINAL "
        f"WHERE generation = '{generation}' ORDER BY ALL"
    ).rows()


def test_a_rebuild_counts_the_archive_as_the_log_would_have_been_counted(store_url: str) -> None:
    store, fresh = real_store(store_url, "rebuild"), real_store(store_url, "rebuild_fresh", changed())
    for target, catalog in ((store, load()), (fresh, changed())):
        made = pipeline(target, catalog=catalog)
        made.run([batch(records, 0) for records in by_place(log()).values()])
    old, new = load().generations["dossiers"], changed().generations["dossiers"]
    before = panes(store, old)
    assert before
    with pytest.raises(WrongGeneration, match=r"dossiers changed .* run `ioc rebuild`"):
        check_generations(store, changed())
    settings = store.settings.model_copy(update={"clickhouse_database": store.database})
    told: list[tuple[int, int]] = []
    assert ahead(store, load()) == {}
    assert ahead(store, changed()) == {"dossiers": len(log())}, "what is to be counted anew is known before"
    assert rebuild(settings, changed(), lambda fed, known: told.append((fed, known))) == len(log())
    assert {known for _, known in told} == {len(log())}, "how much there is to do does not grow with what is done"
    assert told[-1][0] == len(log())
    check_generations(store, changed())
    assert panes(store, new) == panes(fresh, new)
    assert panes(store, new) != []
    assert panes(store, old) == before, "the old generation stays readable"
    assert rebuild(settings, changed(), lambda fed, known: None) == 0, "a second time there is nothing to do"


def test_the_log_is_recognised_after_a_rebuild_by_the_record_that_was_counted_last(store_url: str) -> None:
    store = real_store(store_url, "rebuild_hash")
    made = pipeline(store)
    made.run([batch(records, 0) for records in by_place(log()).values()])
    settings = store.settings.model_copy(update={"clickhouse_database": store.database})
    rebuild(settings, changed(), lambda fed, known: None)
    rows = state.checkpoints(store, MEASURE, [TOPIC])
    old, new = load().generations["dossiers"], changed().generations["dossiers"]
    for partition in (0, 1):
        assert rows[new, TOPIC, partition] == rows[old, TOPIC, partition]


def test_streams_of_one_topic_recognise_the_log_though_a_worker_goes_on_meanwhile(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed calendar changes dossiers and feeds: both are counted on from the archive, and then from the log."""
    monkeypatch.setattr("ioc.counting.from_archive.CHUNK", 4)
    places = list(by_place(log()).values())
    with monkeypatch.context() as before:
        before.setattr("ioc.catalog.RULES", 2)
        store = real_store(store_url, "rebuild_shared", load())
        made = pipeline(store, catalog=(worker := load()))
        made.run([batch(records[:-6], 0) for records in places])
    later = iter([(-6, -3), (-3, None)])

    def goes_on(fed: int, known: int) -> None:
        if (stretch := next(later, None)) is not None:
            made.run([batch(records[slice(*stretch)], len(records) + stretch[0]) for records in places])

    settings = store.settings.model_copy(update={"clickhouse_database": store.database})
    rebuild(settings, load(), goes_on)
    rows = state.checkpoints(store, MEASURE, [TOPIC])
    for partition in (0, 1):
        seen = rows[worker.generations["dossiers"], TOPIC, partition]
        for name in ("dossiers", "feeds"):
            own = rows[load().generations[name], TOPIC, partition]
            assert (own.next, own.last_offset, own.last_hash) == (seen.next, seen.last_offset, seen.last_hash), name


def test_a_store_made_under_earlier_rules_of_the_kernel_is_counted_anew(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once identity was of data alone: an event with a corrected time was a duplicate. The archive holds it."""
    first = next(r for r in log() if r.key == b"d30")
    event = json.loads(first.value or b"")
    later = json.dumps(event | {"time": iso(NOW - HOUR)}).encode()
    again = replace(first, offset=max(r.offset for r in log() if r.partition == first.partition) + 1, value=later)
    place = (TOPIC, first.partition, again.offset)
    with monkeypatch.context() as before:
        before.setattr("ioc.catalog.RULES", 2)
        before.setattr("ioc.counting.history.differing", lambda a, b: ["data"] if a.hash != b.hash else [])
        store = real_store(store_url, "rebuild_rules", load())
        made = pipeline(store, catalog=load())
        made.run([batch(records, 0) for records in by_place([*log(), again]).values()])
        old = load().generations["dossiers"]
    assert verdicts(store)[place] == ("duplicate", "")
    with pytest.raises(WrongGeneration, match="run `ioc rebuild`"):
        check_generations(store, load())
    settings = store.settings.model_copy(update={"clickhouse_database": store.database})
    assert rebuild(settings, load(), lambda fed, known: None) == len(log()) + 1
    check_generations(store, load())
    assert verdicts(store)[place] == ("rejected", "id_reused")
    assert panes(store, load().generations["dossiers"]) == panes(store, old) != []


def test_a_stream_that_counts_the_records_of_others_is_new_and_counts_what_the_archive_holds(store_url: str) -> None:
    """Also what came twice and what was refused, which only the stream of the events themselves could tell."""
    before = Catalog(tuple(s for s in load().streams if s.name != "feeds"))
    places = by_place(log())
    again = [replace(next(r for r in records if r.key and not r.headers), offset=len(records)) for records in places.values()]
    whole = [*log(), *again]
    store, fresh = real_store(store_url, "rebuild_records", before), real_store(store_url, "rebuild_records_fresh")
    for target, catalog in ((store, before), (fresh, load())):
        made = pipeline(target, catalog=catalog)
        made.run([batch(records, 0) for records in by_place(whole).values()])
    assert sorted(v for v, _ in verdicts(fresh).values() if v == "duplicate") == ["duplicate"] * len(again)
    rejects = store.query("SELECT * FROM rejects FINAL ORDER BY ALL")
    settings = store.settings.model_copy(update={"clickhouse_database": store.database})
    tables.migrate(store, load())
    with pytest.raises(WrongGeneration, match=r"feeds changed .* run `ioc rebuild`"):
        check_generations(store, load())
    assert ahead(store, load()) == {"feeds": len(whole)}
    assert rebuild(settings, load(), lambda fed, known: None) == len(whole)
    check_generations(store, load())
    own = load().generations["feeds"]
    assert panes(store, own) == panes(fresh, own) != []
    assert verdicts(store) == verdicts(fresh)
    assert store.query("SELECT * FROM rejects FINAL ORDER BY ALL").equals(rejects), "they are kept where they were judged"


def radio_log() -> list[Record]:
    """Measurements and alarms in one topic: some twice, one of each kind refused, rubbish between."""
    made: list[Record] = []
    nexts = [0, 0]
    for number in range(24):
        alarm, cell = number % 2 == 1, f"c{number // 4}"
        data: dict[str, object] = {"cell": cell, "site": "S", "period_s": 60, "rat": "NR", "measurements": []}
        if alarm:
            state = {"state": "raised", "severity": "major", "site": "S"} if number % 4 == 1 else {"state": "cleared"}
            data = {"alarm": cell, **state}
        if number in (10, 11):
            data["odd"] = 1
        kind = f"vn.ioc.ran.{'alarm' if alarm else 'measured'}.v1"
        event = {"specversion": "1.0", "id": f"e{number}", "source": "/r", "type": kind, "time": iso(NOW + number), "data": data}
        place = int(murmur.partitions([cell.encode()], 2)[0])
        value = b"\xff rubbish" if number == 20 else json.dumps(event).encode()
        for _ in range(2 if number % 5 == 0 else 1):
            made.append(Record("ioc.events.ran", place, nexts[place], cell.encode(), value, NOW + 100 + number, ()))
            nexts[place] += 1
    return made


@pytest.mark.parametrize("name", ["alarms", "ran"])
def test_streams_of_one_topic_are_counted_anew_together_and_each_record_has_one_verdict(store_url: str, name: str) -> None:
    """One of them is new, or counts otherwise: what the other found out of its own events stays, and is told once."""
    now = Catalog(tuple(s for s in load().streams if s.topic == "ioc.events.ran"))
    before = Catalog(tuple(s for s in now.streams if s.name != name))
    store, fresh = (real_store(store_url, f"rebuild_two_{name}{n}", c) for n, c in enumerate((before, now)))
    for target, catalog in ((store, before), (fresh, now)):
        pipeline(target, catalog=catalog).run([batch(records, 0) for records in by_place(radio_log()).values()])
    assert Counter(v for v, _ in verdicts(fresh).values()) == {"accepted": 21, "duplicate": 3, "rejected": 5}
    tables.migrate(store, now)
    with pytest.raises(WrongGeneration, match=r"alarms, ran changed"):
        check_generations(store, now)
    rebuild(store.settings.model_copy(update={"clickhouse_database": store.database}), now, lambda fed, known: None)
    check_generations(store, now)
    assert verdicts(store) == verdicts(fresh)
    for stream in now.streams:
        assert panes(store, own := now.generations[stream.name]) == panes(fresh, own) != []
    current = "generation IN (SELECT generation FROM v_generation)"
    told = f"SELECT topic, partition, offset, reason FROM rejects FINAL WHERE {current} ORDER BY ALL"
    assert store.query(told).rows() == fresh.query(told).rows() != []
