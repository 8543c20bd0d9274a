"""Boards against a real store: every query runs, and what tiles and forecasts show is what `ioc value` says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from ioc.asking import read
from ioc.boards import sql
from ioc.boards.derive import boards
from ioc.boards.expand import filled, timed
from ioc.boards.lint import queries
from ioc.boards.words import VI
from ioc.calendar.workdays import days_off
from ioc.catalog import REJECTS
from ioc.events.rejects import Reject, pack, refused
from ioc.rolling import roll
from ioc.rolling.roll import Roller
from ioc.store import tables
from ioc.store.clickhouse import Store
from ioc.times import DAY, HOUR, MINUTE, from_datetime, to_ms
from tests.brute import DOSSIER, RAN, Record
from tests.counting import CATALOG, EVERY, OF_LOGS, TOPICS, count, pipeline, real_store
from tests.logs import beat, dossier, ran, record
from tests.rolled import only

NAME = "boards_queries"
NOW = to_ms("2026-04-29T03:00:00Z")
"""A Wednesday, 10:00 in the province; 30 April and 1 May are holidays."""
PARTITIONS = 2
EDGES = [
    length - within
    for length, step in ((HOUR, 5 * MINUTE), (DAY, HOUR), (7 * DAY, 6 * HOUR))
    for within in (-MINUTE, 0, MINUTE, step // 2, step - MINUTE)
]
"""How long ago what lies around the beginning of a window was: a minute outside, at its first minutes, within its first step."""
FORGED = "\\' OR 1 = 1 -- it's $__toTime ${run}"
"""An agency out of a link that would end the quotes Grafana writes."""
CHOSEN = dict.fromkeys((stream.dimensions[0] for stream in CATALOG.streams), "*")
"""What boards choose by, each on "all"."""
FED = f"(SELECT fed FROM {sql.RUN}.v_state)"
LEVELS = [(s, i) for s in OF_LOGS for i in s.indicators if i.level]
ALL_OF = [(s, i) for s in OF_LOGS for i in s.indicators]


def log() -> list[Record]:
    """Dossiers of three agencies, some ended, due around now, some at the edges of the windows; radio, too; a repeated, a broken,
    a refused event."""
    made: list[tuple[int, dict[str, object] | bytes, str]] = []
    for n in range(30):
        at = NOW - 3 * DAY + n * HOUR
        made.append(
            (at, dossier(f"D{n}", f"e{n}", "received", at, agency="ABC"[n % 3], due_at=NOW + (n - 8) * 6 * HOUR), DOSSIER)
        )
        if n % 5 == 0:
            made.append((at + 30 * HOUR, dossier(f"D{n}", f"end{n}", "completed", at + 30 * HOUR), DOSSIER))
    for n, ago in enumerate(EDGES):
        made.append((NOW - ago, dossier(f"E{n}", f"edge{n}", "received", NOW - ago, agency="ABC"[n % 3]), DOSSIER))
    radio = [*(n * MINUTE for n in range(1, 20)), *EDGES]
    told = [
        [{"name": "DRB.UEThpDl", "value": 5.0 * n, "unit": "kbit/s"}, {"name": "RRU.PrbTotDl", "value": n, "unit": "%"}]
        for n in range(len(radio))
    ]
    made += [
        (NOW - ago, ran(f"c{n % 2}", f"r{n}", NOW - ago, rat="NR", measurements=told[n]), RAN) for n, ago in enumerate(radio)
    ]
    made.append((NOW - 10 * MINUTE, made[0][1], DOSSIER))
    offsets: Counter[tuple[str, int]] = Counter()
    records = []

    def put(one: Record) -> None:
        records.append(replace(one, offset=offsets[one.topic, one.partition]))
        offsets[one.topic, one.partition] += 1

    for at, event, topic in sorted(made, key=lambda m: m[0]):
        put(record(event, 0, at, PARTITIONS, topic=topic))
    put(record(b'{"id": ', 0, NOW - MINUTE, topic=DOSSIER, partition=0))
    sent = b'{"specversion": "1.0", "id": "x", "source": "/portal", "type": "vn.ioc.dossier.changed.v1", "data": {}}'
    put(
        record(pack(refused(Reject("schema", "data", "no"), sent, (), NOW - 5)), 0, NOW - 5, topic=REJECTS, partition=0, key=None)
    )
    for topic in TOPICS:
        for partition in range(PARTITIONS):
            put(record(beat(NOW), 0, NOW, topic=topic, partition=partition))
    return records


@pytest.fixture(scope="module")
def store(store_url: str) -> Store:
    """A database with the log, counted and rolled."""
    made = real_store(store_url, NAME, named=True)
    count(pipeline(made, PARTITIONS, topics=(*TOPICS, REJECTS)), log())
    Roller(CATALOG, made, made.settings).step()
    return made


def asked(query: str, agency: str = "*", window: str = "1d") -> str:
    return timed(filled(query, CHOSEN | {"run": NAME, "agency": agency, "window": window}), NOW - 7 * DAY, NOW + HOUR)


def test_the_views_have_the_columns_that_the_lint_believes(store: Store) -> None:
    named = "SELECT table, name FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
    found: dict[str, tuple[str, ...]] = {}
    for view, name in store.query(named).rows():
        found[view] = (*found.get(view, ()), name)
    views = tables.board_views(CATALOG)
    assert {view: found.get(view) for view in views} == views


@pytest.mark.parametrize("board", boards(CATALOG), ids=lambda board: board.uid)
def test_every_query_of_every_board_runs(store: Store, board: object) -> None:
    for place, query in queries(board):  # type: ignore[arg-type]
        for agency in ("*", FORGED):
            assert store.query(asked(query, agency)).width > 0, place


@pytest.mark.parametrize("board", boards(CATALOG)[:3], ids=lambda board: board.uid)
def test_every_query_runs_over_years_whose_points_lie_days_apart(store: Store, board: object) -> None:
    values = CHOSEN | {"run": store.database, "window": "1d"}
    for place, query in queries(board):  # type: ignore[arg-type]
        assert store.query(timed(filled(query, values), NOW - 600 * DAY, NOW)).width > 0, place


@pytest.mark.parametrize(("stream", "indicator"), ALL_OF, ids=lambda one: one.name)
@pytest.mark.parametrize("agency", ["*", "A", "nobody"])
def test_a_tile_shows_the_value_that_ioc_value_gives_at_its_until(store: Store, stream, indicator, agency) -> None:  # type: ignore[no-untyped-def]
    if agency != "*" and "agency" not in stream.dimensions:
        return
    query = sql.tile(stream, indicator, VI).replace(FED, "true")
    where = {} if agency == "*" else {"agency": agency}
    for window in (None,) if indicator.level else indicator.windows:
        row = store.query(asked(query, agency, window or "")).row(0, named=True)
        (shown,) = read.value(store, CATALOG, indicator.name, None, window, where)
        assert (row["value"], from_datetime(row["until"])) == (shown.value, shown.until), window


def test_a_ranking_without_groups_has_a_row_that_says_so_and_long_names_keep_their_beginning(store: Store) -> None:
    stream = CATALOG.stream_of("dossier.backlog")
    query = sql.ranking(stream, stream.indicator("dossier.backlog"), "agency", ("Đơn vị", "Đang tồn"), 15, VI)
    assert store.query(asked(query))["Đơn vị"].to_list() == ["A", "B", "C"]
    empty = store.query(asked(query.replace("isNotNull(r.value)", "r.value > 999"))).rows()
    assert empty == [("Không có", None)]
    named = store.query(asked(query.replace("r.agency, u.name) AS full", f"'{'Thủ tục ' * 9}', u.name) AS full")))
    assert named["Đơn vị"][0] == ("Thủ tục " * 9)[:35] + "…"
    query = sql.ranking(stream, stream.indicator("dossier.backlog"), "procedure", ("Thủ tục", "Đang tồn"), 15, VI)
    assert store.query(asked(query))["Thủ tục"].to_list() == ["(không rõ)"], "no dossier names its procedure"


def test_the_coming_days_are_the_next_working_days(store: Store) -> None:
    days = [date(2026, 4, 29), date(2026, 5, 4), date(2026, 5, 5), date(2026, 5, 6), date(2026, 5, 7), date(2026, 5, 8)]
    assert store.query("SELECT n, day FROM v_workdays ORDER BY n LIMIT 6").rows() == list(enumerate(days, 1))


def test_the_last_row_of_a_group_is_the_highest_count_at_the_highest_step_and_no_overtaken_open_one(store_url: str) -> None:
    store, columns = real_store(store_url, "boards_last"), "generation, indicator, window, dims, at, until, value, n, as_of"
    generation = CATALOG.generations["dossiers"]
    store.command(
        "INSERT INTO checkpoints (generation, stage, topic, next, received) "
        f"VALUES ('{generation}', 'roll', '{DOSSIER}', 9, {NOW})"
    )

    def put(group: str, at: int, until: int, value: str, as_of: int) -> None:
        times = f"fromUnixTimestamp64Milli({at}), fromUnixTimestamp64Milli({until})"
        store.command(
            f"INSERT INTO indicators ({columns}) VALUES ('{generation}', 'dossier.backlog', 'level', "
            f"['{group}', '*', '*', '*', '*'], {times}, {value}, 1, {as_of})"
        )

    before, after = NOW - MINUTE, NOW + MINUTE
    for as_of, value in ((2, "7"), (1, "3")):  # the one that was counted further stands, whichever came last
        put("A", NOW, NOW, value, as_of)
        put("B", after, NOW + 1, value, as_of)
    put("A", before, before, "9", 5)
    put("A", NOW, before, "4", 8)  # an open row at a step that is final: from a roller that was overtaken
    put("C", before, before, "5", 1)
    put("C", NOW, NOW, "NULL", 1)
    found = store.query("SELECT agency, value, n FROM v_dossier_backlog_now ORDER BY agency").rows()
    assert found == [("A", 7.0, 1), ("B", 7.0, 1), ("C", None, 1)]


def test_what_is_to_come_begins_with_what_the_tile_shows_now_and_is_0_for_who_has_nothing(store: Store) -> None:
    panel, tile = "Hồ sơ quá hạn đang tồn: hôm nay và các ngày làm việc tới", "Hồ sơ quá hạn đang tồn"
    found = {place: query for board in boards(CATALOG)[:2] for place, query in queries(board)}
    ends = [to_ms(f"2026-{day}T00:00:00+07:00") for day in ("04-30", "05-05", "05-06", "05-07", "05-08")]
    for agency in ("*", "A", "nobody"):
        labels, values = store.query(asked(found[panel], agency)).get_columns()
        shown = store.query(asked(found[tile].replace(FED, "true"), agency))
        assert (labels[0], values[0]) == ("Hiện tại", shown["value"][0])
        days = ["Thứ Tư 29/04", "Thứ Hai 04/05", "Thứ Ba 05/05", "Thứ Tư 06/05", "Thứ Năm 07/05"]
        assert labels[1:].to_list() == days
        where = {} if agency == "*" else {"agency": agency}
        coming = [read.value(store, CATALOG, "dossier.overdue", end, where=where)[0].value for end in ends]
        assert values[1:].to_list() == coming


def test_a_feed_tells_what_was_accepted_repeated_and_refused_also_by_the_gateway(store: Store) -> None:
    frame = store.query("SELECT topic, source, accepted, duplicate, rejected, freshness FROM v_feeds ORDER BY topic, source")
    found = {(row["topic"], row["source"]): row for row in frame.to_dicts()}
    assert found[DOSSIER, "/portal"]["rejected"] == 1
    assert found[DOSSIER, ""]["rejected"] == 1
    assert sum(row["duplicate"] for row in found.values()) == 1
    assert sum(row["accepted"] for row in found.values() if row["topic"] == RAN) == 19 + sum(ago < HOUR for ago in EDGES)
    assert found[DOSSIER, "/portal"]["freshness"] == 0


def test_what_worker_and_gateway_refused_at_like_places_is_counted_each(store_url: str) -> None:
    store = real_store(store_url, "boards_refused")
    for topic in (DOSSIER, REJECTS):
        store.command(
            "INSERT INTO events (topic, partition, offset, received_at, type, source, verdict) "
            f"SELECT '{topic}', 0, number, fromUnixTimestamp64Milli({NOW}), "
            "'vn.ioc.dossier.changed.v1', '/s', 'rejected' FROM numbers(3)"
        )
    store.command(f"INSERT INTO checkpoints (stage, topic, next, received) VALUES ('measure', '{DOSSIER}', 3, {NOW})")
    assert store.query("SELECT topic, source, rejected FROM v_feeds").rows() == [(DOSSIER, "/s", 6)]


def test_a_live_centre_whose_now_lags_says_so_on_its_mark_and_its_tiles(store: Store) -> None:
    assert store.query("SELECT live, fed FROM v_state").rows() == [(True, False)]
    mark = store.query(asked(dict(queries(boards(CATALOG)[0]))["Trạng thái"]))
    assert mark["state"].to_list() == ["Không có dữ liệu"]
    tile = store.query(asked(dict(queries(boards(CATALOG)[0]))["Hồ sơ đang tồn"]))
    assert tile["value"].to_list() == [None]


def test_a_run_bears_its_mark_is_never_without_feed_and_stands_among_the_runs_of_the_live_centre(store_url: str) -> None:
    live, run = real_store(store_url, "boards_live"), real_store(store_url, "ioc_run_boards_1")
    live.command("INSERT INTO runs (name, source, state) VALUES ('boards-1', 'import', 'open'), ('gone', 'import', 'dropped')")
    query = dict(queries(boards(CATALOG)[0]))
    values = {"run": "ioc_run_boards_1"}
    assert run.query(timed(filled(query["Trạng thái"], values), 0, 0))["state"].to_list() == ["DIỄN LẠI: boards_1"]
    assert run.query("SELECT live, fed FROM v_state").rows() == [(False, True)]
    rows = live.query(query["variable run"]).rows()
    assert rows == [(live.database, "Trực tiếp"), ("ioc_run_boards_1", "boards-1")]


def test_units_are_named_and_a_line_ends_where_the_data_end(store: Store) -> None:
    assert store.query("SELECT name FROM v_units WHERE code = '000.01.11.H56'")["name"].to_list() == ["UBND phường Hạc Thành"]
    stream, indicator = next(one for one in LEVELS if one[1].name == "dossier.backlog")
    frame = store.query(asked(sql.lines(stream, {"x": indicator}, VI)))
    assert from_datetime(frame["time"].to_list()[-1]) == NOW + 1
    for time, value in frame.tail(100).rows()[::20]:
        assert value == read.value(store, CATALOG, indicator.name, from_datetime(time) // MINUTE * MINUTE)[0].value


def test_a_line_goes_on_to_now_though_final_steps_of_an_hour_are_not_yet_there(store_url: str) -> None:
    made, now, stream = real_store(store_url, "boards_hours", named=True), NOW + 55 * MINUTE, CATALOG.stream_of("feed.received")

    beats = [record(beat(at), 0, at, topic=t, partition=p) for at in (NOW - DAY, now) for t in EVERY for p in range(PARTITIONS)]
    sent = [record(dossier(f"D{n}", f"e{n}", "received", NOW - n * HOUR), 0, NOW - n * HOUR, PARTITIONS) for n in range(20)]
    count(pipeline(made, PARTITIONS, topics=EVERY), ordered([*beats, *sent]))
    Roller(only("feed.received"), made, made.settings).step()
    query = filled(
        sql.lines(stream, {"x": stream.indicator("feed.received")}, VI), {"run": made.database, "source": "*", "window": "1d"}
    )
    frame = made.query(timed(query, NOW - 6 * HOUR, NOW + HOUR))
    assert sum(from_datetime(time) > NOW for time in frame["time"]) > 2
    assert None not in frame["x"].to_list()


def test_while_a_past_is_rolled_a_line_has_no_points_where_nothing_is_known_yet(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What held ten days after the beginning does not hold until today."""
    made = real_store(store_url, "boards_behind", named=True)
    monkeypatch.setattr(roll, "SLICE", 0)
    count(pipeline(made, PARTITIONS, topics=(DOSSIER,)), past())
    stream, indicator = next(one for one in LEVELS if one[1].name == "dossier.backlog")
    roller, query = Roller(only("dossier.backlog"), made, made.settings), sql.lines(stream, {"x": indicator}, VI)
    assert roller.turn()
    asked = timed(filled(query, {"run": made.database, "agency": "*"}), NOW - 30 * DAY, NOW + HOUR)
    *before, now = made.query(asked)["x"].to_list()
    assert now == 40
    assert before
    assert set(before) == {None}
    roller.step()
    for time, value in made.query(asked).rows():
        assert value == sum(NOW - (40 - n) * DAY <= from_datetime(time) for n in range(40)), time


def past() -> list[Record]:
    """A dossier a day for forty days, and nothing that ends."""
    events = [dossier(f"D{n}", f"e{n}", "received", NOW - (40 - n) * DAY - MINUTE) for n in range(40)]
    records = [record(event, 0, to_ms(str(event["time"])), PARTITIONS) for event in events]
    records += [record(beat(at), 0, at, topic=DOSSIER, partition=p) for at in (NOW - 41 * DAY, NOW) for p in range(PARTITIONS)]
    return ordered(records)


def ordered(records: list[Record]) -> list[Record]:
    """In the order of time, with the offsets that gives."""
    offsets, found = Counter[tuple[str, int]](), []
    for one in sorted(records, key=lambda r: r.timestamp):
        found.append(replace(one, offset=offsets[one.topic, one.partition]))
        offsets[one.topic, one.partition] += 1
    return found


def test_a_tile_of_a_stream_that_was_never_fed_says_no_instant(store_url: str) -> None:
    made = real_store(store_url, "boards_unfed", named=True)
    count(pipeline(made, PARTITIONS, topics=(DOSSIER,)), past())
    Roller(CATALOG, made, made.settings).step()
    query = dict(queries(boards(CATALOG)[0]))["Tốc độ tải xuống"]
    frame = made.query(timed(filled(query, {"run": made.database, "site": "*", "window": "1d"}), NOW - DAY, NOW))
    assert frame.rows() == [(None, None)]


def test_the_offices_are_closed_on_weekends_and_holidays() -> None:
    off = set(days_off())
    assert {date(2026, 4, 25), date(2026, 4, 30), date(2026, 5, 1), date(2026, 2, 17)} <= off
    assert date(2026, 4, 29) not in off
