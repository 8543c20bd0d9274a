"""Corrections: a log that is exported anew with other times corrects what was counted, and the third import changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from ioc.counting.history import History
from ioc.errors import UsageError
from ioc.importing.corrections import Corrections
from ioc.importing.maps import load_map
from ioc.importing.order import Ordered
from ioc.importing.translate import read_events
from ioc.store.clickhouse import Store
from tests.counting import CATALOG, count, pipeline, real_store, verdicts
from tests.logs import record

NOW = 1_800_000_000_000
MAP = """
source = "/s"
type = "vn.ioc.dossier.changed.v1"
on_change = "correct"
[[event]]
id = "{no}/{state}"
time = "{at}"
data = { dossier = "{no}", state = "{state}", agency = "{agency}" }
"""
FIRST = ("T1,received,2026-01-05T08:00:00Z,A", "T1,completed,2026-01-09T08:00:00Z,A", "T2,received,2026-01-05T08:00:00Z,B")


class Centre:
    """A store that counts what is imported into it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.log: list[Any] = []

    def imports(self, rows: Sequence[str], text: str = MAP) -> tuple[int, list[str]]:
        """(events sent as corrections, verdict of each event)."""
        (self.folder / "log.toml").write_text(text)
        (self.folder / "log.csv").write_text("\n".join(("no,state,at,agency", *rows)) + "\n")
        log_map, begin = load_map(str(self.folder / "log.toml")), len(self.log)
        with Ordered(read_events([self.folder / "log.csv"], log_map), self.folder) as ordered:
            correct = Corrections(self.store, CATALOG, log_map.source, lambda: iter(ordered))
            for event in correct(ordered):
                self.receives(event.value)
        self._count()
        return correct.corrected, [v for (_, _, offset), (v, _) in sorted(verdicts(self.store).items()) if offset >= begin]

    def receives(self, value: bytes) -> None:
        self.log.append(replace(record(json.loads(value), len(self.log), NOW), value=value))

    def _count(self) -> None:
        count(pipeline(self.store, 1), self.log)

    def holds(self, entity: str = "T1") -> dict[str, tuple[str, int, Any]]:
        """What stands in the end: id -> (state, time, agency)."""
        self._count()
        stream = CATALOG.streams[[s.name for s in CATALOG.streams].index("dossiers")]
        frame = self.store.query(f"SELECT history FROM entities FINAL WHERE entity = '{entity}'")
        items = History.unpack(stream, frame["history"][0]).items
        replaced = {item.replaces for item in items}
        return {i.id: (i.step.state, i.time, i.step.agency) for i in items if i.id not in replaced}  # type: ignore[attr-defined]


@pytest.fixture
def centre(store_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Centre:
    return Centre(real_store(store_url, f"corrections_{abs(hash(request.node.name)) % 10**9}"), tmp_path)


def moved(rows: Sequence[str], day: str = "12") -> list[str]:
    return [row.replace("01-09", f"01-{day}") for row in rows]


def test_a_corrected_time_takes_the_place_of_the_first_and_a_third_import_changes_nothing(centre: Centre) -> None:
    assert centre.imports(FIRST) == (0, ["accepted"] * 3)
    assert centre.imports(FIRST) == (0, ["duplicate"] * 3)
    assert centre.imports(moved(FIRST)) == (1, ["duplicate", "duplicate", "accepted"])
    held = centre.holds()
    assert sorted(state for state, *_ in held.values()) == ["completed", "received"]
    assert {at - 1_768_204_800_000 for state, at, _ in held.values() if state == "completed"} == {0}
    assert centre.imports(moved(FIRST)) == (0, ["duplicate"] * 3)
    assert centre.holds() == held


def test_corrected_data_and_a_correction_taken_back_and_made_again_count_too(centre: Centre) -> None:
    centre.imports(FIRST)
    other = [row.replace(",A", ",C") for row in FIRST]
    for rows, agency in ((other, "C"), (FIRST, "A"), (other, "C"), (FIRST, "A")):
        assert centre.imports(rows)[0] == 2
        assert {a for *_, a in centre.holds().values()} == {agency}
        assert centre.imports(rows) == (0, ["duplicate"] * 3)


def test_a_correction_by_somebody_stands_until_the_file_says_something_new(centre: Centre) -> None:
    centre.imports(FIRST)
    by_hand = json.loads(centre.log[-1].value) | {"id": "hand", "replaces": "T1/completed", "time": "2026-01-20T08:00:00Z"}
    by_hand["data"] |= {"dossier": "T1"}
    centre.receives(orjson.dumps(by_hand))
    held = centre.holds()
    assert "hand" in held
    assert centre.imports(FIRST)[0] == 0
    assert centre.holds() == held
    assert centre.imports(moved(FIRST))[0] == 1
    assert "hand" not in centre.holds()


def test_what_the_file_itself_says_twice_in_two_ways_is_refused_and_not_corrected_to_and_fro(centre: Centre) -> None:
    twice = [*FIRST, FIRST[1].replace("01-09", "01-10")]
    assert centre.imports(FIRST)[1] == ["accepted"] * 3
    for _ in range(2):
        assert centre.imports(twice)[0] == 0


def test_events_without_state_cannot_be_corrected_and_the_check_of_the_map_says_so(tmp_path: Path) -> None:
    text = MAP.replace("dossier.changed", "ran.measured")
    (tmp_path / "log.toml").write_text(text)
    with pytest.raises(UsageError, match=r"on_change: vn.ioc.ran.measured.v1 has no state to correct"):
        load_map(str(tmp_path / "log.toml"))
