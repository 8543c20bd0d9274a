"""Read: the value at any time, what was first shown, what was known when, and what is to come; small logs by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ioc.asking.evidence import evidence
from ioc.asking.question import scope
from ioc.asking.read import Answer, now, value
from ioc.catalog import Catalog
from ioc.errors import UsageError, WrongGeneration
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.times import DAY, HOUR, MINUTE, SECOND
from tests.brute import Record
from tests.counting import CATALOG, count, pipeline, real_store
from tests.logs import START, beat, dossier, ran, record
from tests.streams_queue import QUEUE, TOPIC, change
from tests.streams_queue import record as waiting

T0 = START + 4 * DAY
DIMENSIONS = CATALOG.stream_of("dossier.backlog").dimensions
"""When the small log begins; the centre is live."""


def beats(offset: int, at: int) -> list[Record]:
    """A live heartbeat in both topics."""
    event = beat(at)
    radio = record(event, offset, at, topic="ioc.events.ran", partition=0)
    return [record(event, offset, at, partition=0), radio]


@pytest.fixture(scope="module")
def store(store_url: str) -> Store:
    """A dossier on time, one that comes to know late, one that is due in the future; radio of two cells."""
    log = [
        *beats(0, T0),
        record(dossier("A", "a1", "received", T0 + HOUR, agency="X", channel="online", due_at=T0 + 10 * DAY), 1, T0 + HOUR),
        record(dossier("B", "b1", "received", T0 + HOUR + 500, agency="Y", due_at=T0 + 5 * HOUR), 2, T0 + HOUR + SECOND),
        # C was received at 02:00, and heard of when the log had come to 04:00
        record(beat(T0 + 4 * HOUR), 3, T0 + 4 * HOUR, partition=0),
        record(dossier("C", "c1", "received", T0 + 2 * HOUR, agency="X"), 4, T0 + 5 * HOUR),
        record(ran("c1", "r1", T0 + HOUR, 10.0), 1, T0 + HOUR),
        record(ran("c2", "r2", T0 + HOUR + 30 * SECOND, 30.0, rat="LTE"), 2, T0 + HOUR + MINUTE),
        record(ran("c1", "r1", T0 + HOUR, 10.0), 3, T0 + 2 * HOUR),
        *beats(5, T0 + 6 * HOUR),
    ]
    made = real_store(store_url, "read")
    count(pipeline(made, 1), log)
    return made


def one(store: Store, indicator: str, **asked: object) -> Answer:
    (answer,) = value(store, CATALOG, indicator, **asked)  # type: ignore[arg-type]
    return answer


def test_all_of_a_dimension_is_no_restriction_and_may_be_said_as_the_views_say_it(store: Store) -> None:
    whole = one(store, "dossier.received", window="all")
    assert one(store, "dossier.received", window="all", where={"agency": "*", "channel": "*"}) == whole
    assert one(store, "dossier.received", window="all", where={"agency": "X", "channel": "*"}).value == 2
    with pytest.raises(UsageError, match="no dimension 'agent'"):
        value(store, CATALOG, "dossier.received", where={"agent": "*"})


def test_what_is_told_of_each_desk_has_no_sum_over_desks_and_says_what_to_write(store_url: str) -> None:
    each = replace(QUEUE.indicators[0], groupings=(("desk",),), each=("desk",))
    catalog = Catalog((replace(QUEUE, indicators=(each,)),))
    made = real_store(store_url, "read_each", catalog)
    events = [change("A", 3, T0), change("B", 4, T0 + SECOND)]
    log = [record(beat(T0 - SECOND), 0, T0 - SECOND, topic=TOPIC, partition=0)]
    log += [waiting(event, n, T0 + n * SECOND) for n, event in enumerate(events, start=1)]
    count(pipeline(made, 1, catalog, (TOPIC,)), log)
    for where in ({}, {"desk": "*"}):
        with pytest.raises(UsageError, match=r"no sum over desk, .*: write --where desk=\.\.\., or --by desk"):
            value(made, catalog, "queue.waiting", where=where)
        with pytest.raises(UsageError, match="no sum over desk"):
            list(evidence(made, catalog, Settings(), scope(made, catalog, "queue.waiting", where=where)))
    assert value(made, catalog, "queue.waiting", where={"desk": "A"})[0].value == 3
    assert [(a.dims["desk"], a.value) for a in value(made, catalog, "queue.waiting", by=["desk"])] == [("A", 3), ("B", 4)]


def test_a_value_that_nothing_ever_had_is_noted_and_a_true_zero_is_not(store: Store) -> None:
    def notes(**where: str) -> tuple[str, ...]:
        answer = one(store, "dossier.backlog", where=where)
        assert answer.value == 0
        return answer.notes

    assert one(store, "dossier.backlog", where={"agency": "X"}).notes == ()
    assert notes(agency="x") == ("nothing was ever counted with agency=x; --by agency shows what there is",)
    assert len(notes(agency="x", channel="letter")) == 2
    assert notes(agency="Y", channel="online") == (), "both there are, but not together"


def test_now_is_the_highest_reception_plus_one_millisecond(store: Store) -> None:
    assert now(store) == T0 + 6 * HOUR + 1


def test_an_event_counts_from_the_millisecond_after_its_time(store: Store) -> None:
    assert one(store, "dossier.backlog", at=T0 + HOUR).value == 0
    assert one(store, "dossier.backlog", at=T0 + HOUR + 1).value == 1
    assert one(store, "dossier.backlog", at=T0 + HOUR + 500).value == 1
    assert one(store, "dossier.backlog", at=T0 + HOUR + 501).value == 2


def test_a_flow_is_read_on_the_grain_and_the_answer_says_so(store: Store) -> None:
    answer = one(store, "dossier.received", at=T0 + HOUR + 90 * SECOND)
    assert (answer.at, answer.value) == (T0 + HOUR + MINUTE, 2)
    assert "on the grain" in answer.notes[0]
    assert one(store, "dossier.received", at=T0 + HOUR + MINUTE).notes == ()


def test_a_level_that_looks_at_flows_is_read_on_the_grain_for_they_are_kept_by_it(store: Store) -> None:
    answer = one(store, "dossier.to_handle_month", at=T0 + HOUR + 200)  # A is open, B will be in 300 ms
    assert (answer.value, answer.at) == (0, T0 + HOUR)
    assert "on the grain" in answer.notes[0]
    assert one(store, "dossier.to_handle_month", at=T0 + HOUR + MINUTE).value == 2
    assert one(store, "dossier.overdue_ahead_1", at=T0 + HOUR + 200).notes == (), "overdue is a level, exact at any instant"


def test_a_window_is_half_open(store: Store) -> None:
    at = T0 + 2 * HOUR
    assert one(store, "dossier.received", at=at, window="1h").value == 2
    assert one(store, "dossier.received", at=at + MINUTE, window="1h").value == 1
    assert one(store, "dossier.received", at=at + MINUTE, window="all").value == 3


def test_a_late_event_restates_what_was_first_shown(store: Store) -> None:
    at = T0 + 3 * HOUR
    latest, first = one(store, "dossier.backlog", at=at), one(store, "dossier.backlog", at=at, first=True)
    assert (latest.value, latest.kind, latest.restated, latest.first_value) == (3, "latest", True, 2)
    assert (first.value, first.kind) == (2, "first")
    assert one(store, "dossier.backlog", at=T0 + 90 * MINUTE).restated is False


def test_as_known_then_is_what_the_wall_showed_then(store: Store) -> None:
    assert one(store, "dossier.backlog", known=T0 + 3 * HOUR).value == 2
    assert one(store, "dossier.backlog", at=T0 + 3 * HOUR, known=T0 + 6 * HOUR).value == 3
    answer = one(store, "dossier.overdue", at=T0 + 11 * DAY, known=T0 + 90 * MINUTE)
    assert (answer.value, answer.kind, answer.restated) == (2, "known", None)


def test_the_future_holds_what_will_be_overdue(store: Store) -> None:
    assert one(store, "dossier.overdue").value == 1
    answer = one(store, "dossier.overdue", at=T0 + 11 * DAY)
    assert (answer.value, answer.restated) == (2, None)
    assert "forecast" in answer.notes[0]
    assert one(store, "dossier.overdue", at=T0 + 11 * DAY, first=True).value is None


def test_without_a_time_the_open_step_counts_up_to_now(store: Store) -> None:
    answer = one(store, "dossier.backlog")
    assert (answer.value, answer.kind, answer.until, answer.at) == (3, "provisional", now(store), T0 + 6 * HOUR + MINUTE)
    assert answer.restated is None


def test_values_by_a_dimension_add_up_and_where_fixes_one(store: Store) -> None:
    by = {a.dims["agency"]: a.value for a in value(store, CATALOG, "dossier.backlog", by=["agency"])}
    assert by == {"X": 2, "Y": 1}
    answer = one(store, "dossier.backlog", where={"agency": "X"})
    assert (answer.value, answer.dims) == (2, dict.fromkeys(DIMENSIONS, "*") | {"agency": "X"})
    both = value(store, CATALOG, "dossier.backlog", by=["channel", "agency"])
    assert [(a.dims["agency"], a.dims["channel"], a.value) for a in both] == [
        ("X", "counter", 1),
        ("X", "online", 1),
        ("Y", "counter", 1),
    ]
    assert one(store, "dossier.backlog", where={"agency": "it's"}).value == 0


def test_a_count_without_data_is_0_and_a_ratio_is_not_there(store: Store) -> None:
    early = T0 - DAY
    assert one(store, "dossier.received", at=early).value == 0
    answer = one(store, "dossier.online_share", at=early)
    assert (answer.value, answer.lo, answer.n) == (None, None, 0)
    assert one(store, "dossier.handling_days").stats == {"p50": None, "p90": None}
    json.dumps(answer.notes)


def test_a_mean_is_weighted_and_a_repeat_counts_once(store: Store) -> None:
    answer = one(store, "ran.dl_throughput", window="1d")
    assert (answer.value, answer.n) == (20.0, 2)
    assert one(store, "ran.nr_share", window="1d").value == 50.0
    assert one(store, "ran.dl_throughput", window="1d", where={"cell": "c2"}).value == 30.0


def test_behind_a_mean_stand_its_events_with_their_coordinates(store: Store) -> None:
    asked = scope(store, CATALOG, "ran.dl_throughput", window="1d")
    found = list(evidence(store, CATALOG, Settings(), asked))
    assert [(f.what["id"], f.offsets, f.n, f.dims["cell"]) for f in found] == [("r1", (1,), 1, "c1"), ("r2", (2,), 1, "c2")]
    only = scope(store, CATALOG, "ran.dl_throughput", window="1d", where={"cell": "c2"})
    assert [f.what["id"] for f in evidence(store, CATALOG, Settings(), only)] == ["r2"]
    none = scope(store, CATALOG, "ran.dl_throughput", at=T0 + HOUR, window="1d")
    assert list(evidence(store, CATALOG, Settings(), none)) == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"indicator": "dossier.nothing"}, f"there are {CATALOG.indicators()[0].name}, .*dossier.received"),
        ({"indicator": "dossier.backlg"}, "no indicator 'dossier.backlg'; did you mean dossier.backlog"),
        ({"indicator": "dossier.backlog", "window": "1d"}, "is a level"),
        ({"indicator": "dossier.received", "window": "2d"}, "1h, 1d, 7d"),
        ({"indicator": "dossier.received", "where": {"agenci": "X"}}, "dossiers has agency, procedure, channel"),
        ({"indicator": "dossier.received", "by": ["cell"]}, "dossiers has agency, procedure, channel"),
        ({"indicator": "dossier.received", "by": ["agency"], "where": {"agency": "X"}}, "leave it out of --by"),
        ({"indicator": "dossier.received", "first": True, "known": T0}, "exclude each other"),
        ({"indicator": "dossier.received", "at": 1 << 60}, "between 1901 and 2299"),
        ({"indicator": "dossier.backlog", "at": 1 << 60}, "between 1901 and 2299"),
    ],
)
def test_a_wrong_question_is_told_what_is_right(store: Store, asked: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        value(store, CATALOG, **asked)  # type: ignore[arg-type]


def test_an_empty_store_has_no_now_and_says_so(store_url: str) -> None:
    empty = real_store(store_url, "read_empty")
    assert now(empty) is None
    answer = one(empty, "dossier.backlog")
    assert (answer.value, answer.at, answer.until) == (0, None, None)
    assert "nothing has been counted yet" in answer.notes
    assert one(empty, "dossier.on_time_share").value is None
    assert value(empty, CATALOG, "dossier.backlog", by=["agency"]) == []


def test_readers_follow_the_generation_the_store_names(store: Store, store_url: str) -> None:
    other = real_store(store_url, "read_other")
    other.command("INSERT INTO generations (stream, generation, since) VALUES ('dossiers', 'old', now64(3) + INTERVAL 1 MINUTE)")
    row = "'dossier.backlog', ['X', '?', '?', '?', '?'], toDateTime64(1000, 3, 'UTC'), toDateTime64(1000, 3, 'UTC'), 't', 0, 1"
    other.command(f"INSERT INTO panes VALUES ('old', {row}, [7])")
    answer = one(other, "dossier.backlog", at=T0)
    assert answer.value == 7
    assert any("ioc rebuild" in note for note in answer.notes)
    other.command(f"INSERT INTO panes VALUES ('old', {row.replace('backlog', 'overdue')}, [7, 8])")
    with pytest.raises(WrongGeneration, match="ioc rebuild"):
        one(other, "dossier.overdue", at=T0)
