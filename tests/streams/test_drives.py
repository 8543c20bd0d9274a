"""Drive tests: small drives and what they tell, random ones and the real traces against a brute force over their rows."""

from __future__ import annotations

import csv
import io
import random
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from ioc.counting.history import History, Item
from ioc.events.exact_lane import Reject
from ioc.importing.maps import load_map
from ioc.importing.translate import read_events
from ioc.times import SECOND, to_ms
from streams.drives import LENGTHS, STREAM, Sample, contributions
from tests import brute_drives
from tests.brute_receipt import UCC5G
from tests.data import needs

FILE = "ran/ucc5g/5G-production-dataset.zip"
RATS = {"5G": "NR", "LTE": "LTE", "HSPA+": "UMTS", "UMTS": "UMTS", "HSUPA": "UMTS", "HSDPA": "UMTS", "GPRS": "GSM", "EDGE": "GSM"}
Rows = dict[tuple[str, tuple[str, ...], int], tuple[int, ...]]


def drive(*said: tuple[int, str, str | None, float | None]) -> list[Sample]:
    """(second, cell, rat, dBm) of each sample."""
    return [Sample(at * SECOND, n, cell[:1], cell, rat, rsrp) for n, (at, cell, rat, rsrp) in enumerate(said)]


def summed(history: Iterable[Sample]) -> Rows:
    found: dict[tuple[str, tuple[str, ...], int], tuple[int, ...]] = {}
    for name, dims, at, measures in contributions(list(history)):
        before = found.get((name, dims, at), (0,) * len(measures))
        found[name, dims, at] = tuple(a + b for a, b in zip(before, measures, strict=True))
    return found


def length(seconds: float) -> tuple[int, ...]:
    """The bucket of a length, by a look at every edge."""
    edges = (*LENGTHS.edges, float("inf"))
    seconds = max(0, seconds)  # the clock went back
    return tuple(int(low <= seconds < high) for low, high in pairwise(edges))


def expected(rows: Sequence[brute_drives.Row]) -> Rows:
    """The rows of a trace by brute force."""
    told, found = brute_drives.told(rows), Counter[tuple[str, object, float, tuple[int, ...]]]()
    for name, changes in (
        ("handovers", told.handovers), ("mode_changes", told.modes), ("fallbacks", told.fell), ("weak_signal", told.weak),
    ):  # fmt: skip
        found.update((name, place, at, (1,)) for at, place in changes)
    for name, episodes in (("fallback_seconds", told.falls), ("weak_seconds", told.spells)):
        found.update((name, place, end, length(end - begin)) for begin, end, place in episodes)
    sums: Rows = {}
    for (name, place, at, measures), times in found.items():
        key = (f"drive.{name}", place, round(at * SECOND))
        before = sums.get(key, (0,) * len(measures))  # type: ignore[arg-type]
        sums[key] = tuple(b + times * m for b, m in zip(before, measures, strict=True))  # type: ignore[index]
    return sums


def test_a_fall_from_5g_lasts_until_5g_is_back_whatever_lies_between() -> None:
    rows = summed(drive((0, "A1", "NR", -90), (5, "A2", "LTE", -90), (9, "A2", "UMTS", -90), (15, "A1", "NR", -90)))
    here, there = ("A", "A1"), ("A", "A2")
    assert rows == {
        ("drive.handovers", here, 5_000): (1,), ("drive.mode_changes", here, 5_000): (1,), ("drive.fallbacks", here, 5_000): (1,),
        ("drive.mode_changes", there, 9_000): (1,),
        ("drive.handovers", there, 15_000): (1,), ("drive.mode_changes", there, 15_000): (1,),
        ("drive.fallback_seconds", here, 15_000): length(10),
    }  # fmt: skip


def test_a_weak_signal_is_told_once_it_is_long_enough_and_its_length_when_it_ends() -> None:
    weak = [(n, "A1", "NR", -111.0) for n in range(0, 14, 2)]
    assert summed(drive(*weak[:5])) == {}, "8 seconds, and it may have ended since"
    assert summed(drive(*weak[:6])) == {("drive.weak_signal", ("A", "A1"), 10_000): (1,)}
    ended = summed(drive(*weak, (14, "A1", "NR", None)))
    assert ended[("drive.weak_seconds", ("A", "A1"), 14_000)] == length(14)
    assert summed(drive(*weak[:5], (9, "A1", "NR", -110))) == {}, "the threshold itself is not below it"


def test_a_device_that_was_off_tells_no_length() -> None:
    rows = summed(drive((0, "A1", "NR", -120), (5, "A1", "LTE", -120), (70, "A1", "NR", -90)))
    assert {name for name, _, _ in rows} == {"drive.mode_changes", "drive.fallbacks"}


def test_random_drives_tell_what_a_brute_force_tells_in_whatever_order_they_arrive() -> None:
    for seed in range(60):
        rng, at, samples = random.Random(seed), 0, list[Sample]()
        for number in range(rng.randrange(1, 60)):
            at += rng.choice((0, 1, 1, 1, 2, 5, 70)) * SECOND
            cell = rng.choice(("A1", "A1", "A2", "B1"))
            rsrp = rng.choice((-90.0, -111.0, -111.0, -125.0, None))
            samples.append(Sample(at, number, cell[0], cell, rng.choice(("NR", "NR", "LTE", "LTE", "UMTS")), rsrp))
        if len(samples) > 3:  # the clock goes back
            samples[2] = samples[2]._replace(time=samples[1].time - 1)
        wanted = expected([brute_drives.Row(s.time / SECOND, (s.site, s.cell), s.rat, s.rsrp) for s in samples])
        history, sums = History(STREAM), dict[tuple[str, tuple[str, ...], int], tuple[int, ...]]()
        for offset, sample in enumerate(rng.sample(samples, len(samples))):
            change = history.add(Item(sample.time, sample.number, 0, "/d", str(sample.number), offset, offset, None, sample))
            assert change is not None
            assert not isinstance(change, Reject)
            for key, measures in change.items():
                sums[key] = tuple(a + b for a, b in zip(sums.get(key, (0,) * len(measures)), measures, strict=True))
        assert {key: measures for key, measures in sums.items() if any(measures)} == wanted, seed


# ---- the real traces


def traces() -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(UCC5G) as archive:
        names = [name for name in archive.namelist() if name.endswith(".csv") and "__MACOSX" not in name]
        return {name: list(csv.DictReader(io.StringIO(archive.read(name).decode()))) for name in names}


def seen(name: str, row: dict[str, str]) -> brute_drives.Row:
    """A row of a file: a place is what its columns say, named as the map names it."""
    node, cell = (None if row[column] in ("", "-") else row[column] for column in ("NODEHEX", "CELLHEX"))
    place = node or name, f"{node or name}:{cell}" if cell else name
    rsrp = None if row["RSRP"] in ("", "-", "-200") else float(row["RSRP"])
    at = datetime.strptime(row["Timestamp"], "%Y.%m.%d_%H.%M.%S").replace(tzinfo=UTC)
    return brute_drives.Row(at.timestamp(), place, RATS[row["NetworkMode"]], rsrp)


def imported(paths: Iterable[Path]) -> dict[str, list[Sample]]:
    """The samples of each trace, as the map makes them of files, in the order of a history."""
    found: dict[str, list[tuple[int, int, Sample]]] = {}
    for event in read_events(paths, load_map("ucc5g")):
        if event.topic == STREAM.topic:
            whole = orjson.loads(event.value)
            data, at = whole["data"], to_ms(whole["time"])
            sample = Sample(at, data["number"], data.get("site"), data.get("cell"), data.get("rat"), data.get("rsrp"))
            found.setdefault(data["trace"], []).append((at, int(whole["sequence"]), sample))
    return {trace: [sample for _, _, sample in sorted(samples)] for trace, samples in found.items()}


@needs(FILE)
def test_real_traces_tell_what_a_brute_force_over_their_files_tells(tmp_path: Path) -> None:
    known = traces()
    back = [name for name, rows in known.items() if any(b["Timestamp"] < a["Timestamp"] for a, b in pairwise(rows))]
    falls = sorted(known, key=lambda name: sum(row["NetworkMode"] == "LTE" for row in known[name]) / len(known[name]))[-20:-16]
    chosen = {Path(name).name: name for name in [*back, *falls]}
    with zipfile.ZipFile(UCC5G) as archive:
        for file, name in chosen.items():
            (tmp_path / file).write_bytes(archive.read(name))
    found = imported(sorted(tmp_path.iterdir()))
    assert found.keys() == chosen.keys()
    for file, samples in found.items():
        assert summed(samples) == expected([seen(file, row) for row in known[chosen[file]]]), file


@pytest.mark.proof
@needs(FILE)
def test_all_real_traces_have_2321_changes_of_cell_and_tell_what_a_brute_force_tells() -> None:
    known, counts = traces(), Counter[str]()
    for trace, samples in imported([UCC5G]).items():
        rows = summed(samples)
        assert rows == expected([seen(trace, row) for row in known[trace]]), trace
        for (name, _, _), measures in rows.items():
            counts[name] += sum(measures)
    assert counts["drive.handovers"] == 2_321
    assert counts["drive.mode_changes"] == 789
    assert counts["drive.fallbacks"] == 344
