"""Order: events of one moment keep the order of the file, and what a file says of its order is not lost on the way."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.importing.logtimes import reader
from ioc.importing.maps import load_map
from ioc.importing.order import Ordered
from ioc.importing.spill import Sorted
from ioc.importing.translate import Outgoing, read_events

HEAD = """
source = "/import/order"
type = "vn.ioc.dossier.changed.v1"
[time]
format = ["iso", "%d/%m/%Y", "epoch_s", "epoch_ms"]
zone = "Asia/Ho_Chi_Minh"
"""
STEPS = (
    HEAD
    + """
[[event]]
id = "{@member}#{@row}"
time = "{at}"
data = { dossier = "{no}", state = "{state}", agency = "{agency}" }
"""
)


def sent(folder: Path, rows: Iterable[str], text: str = STEPS, header: str = "no,state,at,agency") -> list[dict[str, Any]]:
    """The events as they are sent, in the order in which a history puts them (but for the state's rank)."""
    (folder / "map.toml").write_text(text)
    (folder / "log.csv").write_text("\n".join((header, *rows)) + "\n")
    with Ordered(read_events([folder / "log.csv"], load_map(str(folder / "map.toml"))), folder) as ordered:
        events = [(event.time_ms, orjson.loads(event.value)) for event in ordered]
    return [event for _, event in sorted(events, key=lambda e: (e[0], int(e[1].get("sequence", 0)), e[1]["id"]))]


def agencies(events: Iterable[dict[str, Any]]) -> list[str]:
    return [event["data"]["agency"] for event in events]


def test_events_of_one_moment_keep_the_order_of_the_file_not_that_of_their_ids_text(tmp_path: Path) -> None:
    rows = [f"M,processing,05/01/2026,{n}" for n in range(1, 13)]
    assert agencies(sent(tmp_path, rows)) == [str(n) for n in range(1, 13)]


@pytest.mark.parametrize(
    "times",
    [
        ("2026-01-05 08:00:00.000900", "2026-01-05 08:00:00.000100", "2026-01-05 08:00:00.000200"),
        ("1767574800.0009", "1767574800.0001", "1767574800.0002"),
        ("1767574800000.9", "1767574800000.1", "1767574800000.2"),
    ],
)
def test_times_finer_than_a_millisecond_order_their_events_wherever_they_stand(tmp_path: Path, times: tuple[str, ...]) -> None:
    rows = [f"M,processing,{at},{name}" for at, name in zip(times, "cab", strict=True)]
    assert agencies(sent(tmp_path, rows)) == ["a", "b", "c"]


def test_the_last_row_of_a_moment_is_its_first_where_a_log_is_written_newest_first(tmp_path: Path) -> None:
    rows = ["M,completed,06/01/2026,4", "N,received,05/01/2026,9"]
    rows += [f"M,processing,05/01/2026,{n}" for n in (3, 2)] + ["M,received,05/01/2026,1"]
    assert [name for name in agencies(sent(tmp_path, rows)) if name != "9"] == ["1", "2", "3", "4"]
    rows = [f"M,processing,0{day}/01/2026,{day}{n}" for day in (5, 6) for n in (1, 2)]  # cases newest first, each from its begin
    assert agencies(sent(tmp_path, ["Z,received,09/01/2026,z", *rows]))[:4] == ["51", "52", "61", "62"]


def test_what_all_rows_of_a_case_say_stands_before_or_behind_them_as_in_the_map(tmp_path: Path) -> None:
    once = """
[[event]]
once = "case"
id = "{no}/a"
time = "{at}"
data = { dossier = "{no}", state = "received", agency = "first" }
"""
    last = once.replace("received", "completed").replace("first", "last").replace("/a", "/b")
    text = 'case = "no"\n' + HEAD + once + STEPS.removeprefix(HEAD) + last
    assert agencies(sent(tmp_path, [f"M,processing,05/01/2026,{n}" for n in range(3)], text)) == ["first", "0", "1", "2", "last"]


def test_events_of_one_row_have_one_place_and_the_state_decides(tmp_path: Path) -> None:
    text = STEPS + STEPS.removeprefix(HEAD).replace("#{@row}", "#{@row}/end")
    events = sent(tmp_path, ["M,received,05/01/2026,A", "M,received,05/01/2026,B"], text)
    assert [event["sequence"] for event in events] == ["1", "1", "2", "2"]


def test_a_sequence_that_the_map_states_stays(tmp_path: Path) -> None:
    rows = [f"M,processing,05/01/2026,{n}" for n in (7, 5, 6)]
    events = sent(tmp_path, rows, STEPS.replace('time = "{at}"', 'time = "{at}"\nsequence = "{agency}"'))
    assert [(event["sequence"], event["id"]) for event in events] == [("5", "log.csv#2"), ("6", "log.csv#3"), ("7", "log.csv#1")]


@given(st.permutations(range(6)))
def test_a_file_that_grew_or_was_sorted_anew_says_the_same_of_its_events_but_for_their_sequence(
    tmp_path_factory: pytest.TempPathFactory, places: list[int]
) -> None:
    text, folder = STEPS.replace("{@member}#{@row}", "{no}/{agency}"), tmp_path_factory.mktemp("grown")
    rows = [f"M{n % 2},processing,05/01/2026,{n}" for n in range(6)]
    found = [
        {event["id"]: {k: v for k, v in event.items() if k != "sequence"} for event in sent(folder, some, text)}
        for some in (rows[:3], rows, [rows[n] for n in places])
    ]
    assert found[1] == found[2] == found[1] | found[0]


def test_readings_keep_what_is_finer_than_a_millisecond() -> None:
    from collections import Counter

    assert reader(["iso"], None, Counter())("2026-01-05 08:00:00.000100+07:00") == (
        1767574800000,
        "2026-01-05T08:00:00.000100+07:00",
    )


# ---- memory


def serialized(count: int) -> Iterator[Outgoing]:
    """Events as `translate` makes them, in buffers that are longer than they."""
    for n in range(count):
        value = orjson.dumps({"id": f"D{n}", "data": {"dossier": f"D{n}", "text": "x" * 300}})
        yield Outgoing(n, "t", f"D{n}".encode(), value, n)


def test_a_sort_holds_no_more_than_it_says(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        with Sorted(((n, *event) for n, event in enumerate(serialized(30_000))), tmp_path, 4 << 20) as ordered:
            assert sum(1 for _ in ordered) == 30_000
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
