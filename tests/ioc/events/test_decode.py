"""Decode: lanes, reception and `known` are a function of the log, wherever a batch is cut."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.catalog import load
from ioc.events.batch import RECEIVED, Batch
from ioc.events.decode import Clock, Decoded, Decoder, Rules, reception
from schemas.envelope import MAX_BYTES
from tests import brute
from tests.logs import START, batch, beat, by_place, dossier, ran, random_log, record

CATALOG = load()
HOUR, MINUTE = brute.HOUR, brute.MINUTE


def rules(sealed: bool = False, partitions: int = 1) -> Rules:
    return Rules(2000, 600, {brute.DOSSIER: partitions, brute.RAN: partitions}, sealed, frozenset({"vn.ioc.ran.measured.v1"}))


def decoder(topic: str = brute.DOSSIER, sealed: bool = False, partitions: int = 1) -> Decoder:
    return Decoder(CATALOG.accepted(topic), rules(sealed, partitions))


def header(at: int) -> tuple[tuple[str, bytes], ...]:
    return ((RECEIVED, str(at).encode()),)


def made(*events: tuple[dict[str, Any], int, int | None]) -> Batch:
    """A batch of (event, timestamp, reception in the header or None)."""
    return batch(
        [record(e, i, at, partition=0, headers=header(h) if h is not None else ()) for i, (e, at, h) in enumerate(events)]
    )


def event(identity: str = "e") -> dict[str, Any]:
    return dossier("D1", identity, "received", START)


@st.composite
def logs(draw: st.DrawFn) -> Batch:
    now, events = START + 100 * HOUR, []
    for i in range(draw(st.integers(1, 12))):
        now += draw(st.sampled_from((0, 1_000, MINUTE)))
        given_at = draw(st.none() | st.sampled_from((START + i * MINUTE, START, now, now + 2 * HOUR)))
        events.append((draw(st.sampled_from((event(f"e{i}"), event(f"e{i}"), beat(now)))), now, given_at))
    return made(*events)


@given(logs(), st.booleans(), st.lists(st.integers(1, 5), max_size=8))
def test_cutting_a_batch_anywhere_gives_the_same_reception_and_the_same_known(
    whole: Batch, sealed: bool, sizes: list[int]
) -> None:
    one = decoder(sealed=sealed).decode([whole], [Clock()])
    clock, received, before = Clock(), [], []
    for piece in whole.cut(sizes):
        part = decoder(sealed=sealed).decode([piece], [clock])
        clock = part.clocks[0]
        received += part.received.tolist()
        before += part.before.tolist()
    assert (received, before, clock) == (one.received.tolist(), one.before.tolist(), one.clocks[0])
    records = [
        brute.Record(whole.topic, 0, o, k, v, t, tuple(whole.headers.get(i, ())))
        for i, (o, k, v, t) in enumerate(zip(whole.offsets, whole.keys, whole.values, whole.timestamps, strict=True))
    ]
    assert list(zip(received, before, strict=True)) == brute.clock(records, sealed, 600_000)


def test_the_header_is_trusted_until_the_first_live_heartbeat() -> None:
    now = START + 10 * HOUR
    found = decoder().decode(
        [
            made(
                (event("a"), now, START),
                (beat(now), now, START + MINUTE),
                (event("b"), now, START + HOUR),
                (beat(now), now, None),
                (event("c"), now, START),
            )
        ],
        [Clock()],
    )
    assert found.received.tolist() == [START, START + MINUTE, START + HOUR, now, now]
    assert found.before.tolist() == [START, START, START + MINUTE, START + HOUR, now]
    assert found.clocks[0] == Clock(now, 3)


def test_records_without_the_header_move_nothing_before_the_first_live_heartbeat() -> None:
    now = START + 10 * HOUR
    found = decoder().decode([made((event("a"), now, None), (event("b"), now, START), (event("c"), now + 1, None))], [Clock()])
    assert found.clocks[0] == Clock(START, None)
    assert found.before.tolist() == [now, START, START]
    again = decoder().decode([made((event("a"), now, None))], [Clock()])
    assert (again.clocks[0], again.before.tolist()) == (Clock(), [now])


def test_in_a_run_the_header_is_always_trusted_and_everything_moves_the_watermark() -> None:
    now = START + 10 * HOUR
    found = decoder(sealed=True).decode(
        [made((beat(now), now, None), (event("a"), now, START), (event("b"), now + 1, None))], [Clock()]
    )
    assert found.received.tolist() == [now, START, now + 1]
    assert found.clocks[0] == Clock(now + 1, None)


def test_a_header_from_the_future_is_not_trusted() -> None:
    now = START + 10 * HOUR
    found = decoder().decode([made((event("a"), now, now + 600_001), (event("b"), now, now + 600_000))], [Clock()])
    assert found.received.tolist() == [now, now + 600_000]


@pytest.mark.parametrize(
    "raw", [None, b"", b"x", b"-1", b"1.5", b" 5", b"1_000", b"9" * 15, b"9" * 5_000, b"-" + b"9" * 30, b"\xff", "١٢".encode()]
)
def test_a_header_of_rubbish_is_as_none_and_ends_nothing(raw: Any) -> None:
    now = START + 10 * HOUR
    broken = batch([record(event("a"), 0, now, headers=((RECEIVED, raw), ("other", None), ("", b"\xff")))])  # type: ignore[arg-type]
    found = decoder().decode([broken], [Clock()])
    assert (found.received.tolist(), found.clocks[0], found.rejects) == ([now], Clock(), {})


def test_rejects_and_duplicates_move_the_watermark_of_a_live_partition() -> None:
    now = START + 10 * HOUR
    live = Clock(START, 0)
    bad = batch([record(b"{", 1, now, key=b"D1", partition=0), record(event("a"), 2, now + 1)], start=1)
    found = decoder().decode([bad], [live])
    assert found.rejects[0].reason == "bad_json"
    assert (found.before.tolist(), found.clocks[0]) == ([START, now], Clock(now + 1, 0))


def test_a_clock_that_goes_back_never_takes_the_watermark_back() -> None:
    now = START + 10 * HOUR
    back = batch([record(event(str(i)), i, now - i * HOUR) for i in range(3)])
    assert decoder().decode([back], [Clock(now - 1, 0)]).clocks[0].received == now


def test_an_empty_batch_moves_only_the_position() -> None:
    empty = Batch(brute.DOSSIER, 0, 5, 9, [], [], [], [])
    found = decoder().decode([empty], [Clock(START, 3)])
    assert (len(found.received), found.clocks[0], found.rejects) == (0, Clock(START, 3), {})
    assert reception(empty, [], Clock(), rules())[2] == Clock()


def rows(found: Decoded) -> dict[int, Any]:
    return {row["_i"]: row for frame in found.frames.values() for row in frame.to_dicts()}


@given(st.integers(0, 10**9))
@settings(max_examples=settings().max_examples // 5)
def test_neighbours_never_change_the_verdict_or_the_row_of_an_event(seed: int) -> None:
    for place, records in by_place(random_log(random.Random(seed), 24)).items():
        whole = batch(records, 0)
        one = decoder(place[0], partitions=2).decode([whole], [Clock()])
        alone: dict[int, Any] = {}
        rejects = {}
        clock = Clock()
        for i, piece in enumerate(whole.cut([1] * len(whole))):
            found = decoder(place[0], partitions=2).decode([piece], [clock])
            clock = found.clocks[0]
            for row in rows(found).values():
                alone[i] = row | {"_i": i}
            for reject in found.rejects.values():
                rejects[i] = reject
        assert rows(one) == alone
        assert one.rejects == rejects
        assert len(alone) + len(rejects) + len(one.beats) == len(whole)


@given(st.integers(0, 10**9))
def test_the_batches_of_a_poll_are_decoded_together_as_each_of_them_alone(seed: int) -> None:
    chance, log = random.Random(seed), random_log(random.Random(seed), 40, partitions=3)
    for topic in {r.topic for r in log}:
        polled = [batch(own, 0) for place, own in by_place(log).items() if place[0] == topic]
        chance.shuffle(polled)
        clocks = [Clock(chance.choice((None, START + chance.randrange(20 * 24) * HOUR))) for _ in polled]
        whole, at = decoder(topic, partitions=3).decode(polled, clocks), 0
        for one, clock, after in zip(polled, clocks, whole.clocks, strict=True):
            alone = decoder(topic, partitions=3).decode([one], [clock])
            here = range(at, at + len(one))
            assert alone.clocks == [after]
            assert alone.received.tolist() == whole.received[at : here.stop].tolist()
            assert alone.before.tolist() == whole.before[at : here.stop].tolist()
            assert {at + i: row | {"_i": at + i} for i, row in rows(alone).items()} == _within(rows(whole), here)
            assert {at + i: reject for i, reject in alone.rejects.items()} == _within(whole.rejects, here)
            assert [at + i for i in alone.beats] == [i for i in whole.beats if i in here]
            at = here.stop
        assert at == len(whole.block)


def _within(found: dict[int, Any], indices: range) -> dict[int, Any]:
    return {i: value for i, value in found.items() if i in indices}


@given(st.integers(0, 10**9))
def test_the_slow_lane_alone_gives_the_same_batch(seed: int) -> None:
    """Every value reaches pydantic when its line is broken in two: the lanes must not be told apart by what they count."""
    counted = 0
    for place, records in by_place(random_log(random.Random(seed), 24)).items():
        fast = decoder(place[0], partitions=2).decode([batch(records, 0)], [Clock()])
        broken = [
            brute.Record(r.topic, r.partition, r.offset, r.key, (r.value or b"") + b"\n", r.timestamp, r.headers) for r in records
        ]
        slow = decoder(place[0], partitions=2).decode([batch(broken, 0)], [Clock()])
        assert rows(fast) == rows(slow)
        assert {i: r.reason for i, r in fast.rejects.items()} == {i: r.reason for i, r in slow.rejects.items()}
        counted += len(rows(fast))
    assert counted


def test_events_of_several_types_keep_their_own_indices() -> None:
    mixed = [json.dumps(e).encode() for e in (event("a"), ran("c1", "r", START), beat(START), event("b"))]
    found = decoder().decode(
        [batch([record(v, i, START + HOUR, key=b"D1", partition=0) for i, v in enumerate(mixed)])], [Clock()]
    )
    assert {i: row["_id"] for i, row in rows(found).items()} == {0: "a", 3: "b"}
    assert (found.beats, found.rejects[1].reason) == ([2], "unknown_type")


def test_a_foreign_key_of_megabytes_is_one_reject_and_takes_no_memory_for_the_others() -> None:
    """Hashing pads keys to the longest one: 2,000 of them beside one of 4 MB would be 8 GB."""
    records = [record(event(str(i)), i, START + HOUR) for i in range(2_000)]
    records[7] = record(event("7"), 7, START + HOUR, key=b"x" * (4 << 20), partition=0)
    found = decoder().decode([batch(records)], [Clock()])
    assert {i: r.reason for i, r in found.rejects.items()} == {7: "key_mismatch"}
    assert len(found.rejects[7].message) < 1_000
    assert len(rows(found)) == 1_999


@pytest.mark.parametrize(("more", "reason"), [(0, None), (1, "too_large")])
@pytest.mark.parametrize("blank", [b" ", b"\n"], ids=["fast lane", "exact lane"])
def test_an_event_of_just_the_limit_is_taken_and_of_a_byte_more_is_not(blank: bytes, more: int, reason: str | None) -> None:
    value = json.dumps(event()).encode().ljust(MAX_BYTES + more, blank)
    found = decoder().decode([batch([record(value, 0, START, key=b"D1"), record(event("f"), 1, START)])], [Clock()])
    assert [found.rejects[i].reason if i in found.rejects else None for i in (0, 1)] == [reason, None]
