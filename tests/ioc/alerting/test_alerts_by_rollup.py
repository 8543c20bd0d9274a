"""Alerts by a rollup: judged on sums of leaves, as if the groups were rolled; against every step looked at by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.alerting.alerts import Alerter
from ioc.alerting.leaves import grouped, summed, total
from ioc.catalog import Catalog
from ioc.rolling.roll import Roller
from ioc.store.clickhouse import Store
from ioc.vocabulary import Dims
from tests.brute import DAY, MINUTE, Record, ms
from tests.counting import count, more_in_proof, pipeline, poll, real_store
from tests.ioc.asking.test_rollups import STARTS, Truth
from tests.logs import beat
from tests.streams_towns import TOPIC, event, random_events, record, towns
from tests.worlds import world

Found = list[tuple[Dims, int, str, float]]
MIDNIGHT = STARTS[2] // MINUTE * MINUTE
"""Both sides of the last edition's beginning are looked at."""
ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 12), st.one_of(st.none(), st.integers(-3, 9))), max_size=30)


def transitions(store: Store) -> Found:
    """(group, step, transition, value), in order."""
    frame = store.query(
        "SELECT dims, toUnixTimestamp64Milli(at), transition, value FROM alerts FINAL ORDER BY at, dims, transition"
    )
    return [(tuple(dims), at, to, value) for dims, at, to, value in frame.rows()]


@given(ROWS, st.dictionaries(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 9))))
def test_sums_of_leaves_are_those_of_every_step_by_itself(
    given_rows: list[tuple[str, int, int | None]], held: dict[str, int | None]
) -> None:
    of = {"a": "x", "b": "x", "c": "x", "d": "y"}
    leaves: dict[Dims, dict[int, float | None]] = {}
    for leaf, at, value in given_rows:
        leaves.setdefault((leaf,), {})[at] = value
    before: dict[Dims, float | None] = {(leaf,): value for leaf, value in held.items()}
    after = dict(before)
    rows = summed(lambda dims: (of[dims[0]],), after, {leaf: sorted(own.items()) for leaf, own in leaves.items()})
    for name in "xy":
        at_step: float | None = total(lambda dims: (of[dims[0]],), before).get((name,))
        shown = dict(rows.get((name,), []))
        for step in range(1, 13):
            values = []
            for leaf in (leaf for leaf, group in of.items() if group == name):
                told = [value for at, value in sorted(leaves.get((leaf,), {}).items()) if at <= step]
                values.append(told[-1] if told else before.get((leaf,)))
            there = [value for value in values if value is not None]
            at_step = shown.get(step, at_step)
            assert at_step == (sum(there) if there else None), (name, step)


@pytest.mark.parametrize("by", [("district",), ("sort", "province"), ("kind", "district")])
@pytest.mark.parametrize("seed", more_in_proof(1, 6))
def test_any_cut_and_any_new_alerter_give_the_transitions_of_the_brute_force(
    store_url: str, tmp_path: Path, by: Dims, seed: int
) -> None:
    rng, there = random.Random(seed), world(seed + 4)
    begin, end = MIDNIGHT - 150 * MINUTE, MIDNIGHT + 150 * MINUTE
    events = random_events(rng, there, 90, begin, end)
    received = [ms(e["time"]) + (rng.randrange(60) * MINUTE if rng.random() < 0.2 else 0) for e in events]
    order = sorted(range(len(events)), key=lambda n: received[n])
    events = [beat(begin), *(events[n] for n in order), beat(end + 90 * MINUTE)]
    received = [begin, *(received[n] for n in order), end + 90 * MINUTE]
    log = [record(e, n, at) for n, (e, at) in enumerate(zip(events, received, strict=True))]
    stream = towns(tmp_path, there, by=by)
    catalog = Catalog((stream,))
    store = real_store(store_url, f"alerts_by_{'_'.join(by)}_{seed}", catalog)
    made, roller, alerter, more = pipeline(store, 1, catalog, (TOPIC,)), Roller(catalog, store, store.settings), None, True
    while more:
        more = poll(made, log, rng, 40)
        roller.step()
        if alerter is None or rng.random() < 0.3:
            alerter = Alerter(catalog, store, run=False)  # the one before has crashed
        if rng.random() < 0.6:
            alerter.step()
    Alerter(catalog, store, run=False).step()
    wanted = truth(Truth(there, log, events), by, begin, end + 89 * MINUTE)
    assert len(wanted) > 3
    assert transitions(store) == wanted
    assert all(grouped(stream, stream.indicators[0].alert, dims) for dims, *_ in wanted)  # type: ignore[arg-type]


def truth(numbers: Truth, by: Dims, begin: int, watermark: int) -> Found:
    """Every step of every group by itself: above 3 at this step and the two before, until it is 2 or less."""
    of = {"sort": 0, "kind": 0, "district": 1, "province": 1}
    found: Found = []
    own = [(row, n, known) for row, n, known in numbers.rows if row[0] == "towns.open"]
    groups: dict[Dims, list[tuple[int, int]]] = {}
    for (_, leaf, at, _), n, known in own:
        dims = ["*", "*"]
        for name in by:
            group = numbers.group(name, leaf, False)
            dims[of[name]] = group if name == "kind" else f"{name}={group}"
        groups.setdefault(tuple(dims), []).append((max(at, known), n))
    for dims, changes in groups.items():
        above, firing = 0, False
        for step in range(begin // MINUTE * MINUTE, watermark + 1, MINUTE):
            value = float(sum(n for at, n in changes if at < step))
            above = above + 1 if value > 3 else 0
            if not firing and above > 2:
                firing = True
                found.append((dims, step, "firing", value))
            elif firing and value <= 2:
                firing = False
                found.append((dims, step, "resolved", value))
    return sorted(found, key=lambda row: (row[1], row[0], row[2]))


def judged(store: Store, catalog: Catalog, log: Sequence[Record]) -> Found:
    """The transitions once all is counted, rolled and judged."""
    count(pipeline(store, 1, catalog, (TOPIC,)), log)
    Roller(catalog, store, store.settings).step()
    Alerter(catalog, store, run=False).step()
    return transitions(store)


def test_a_rule_that_is_for_another_level_from_now_on_ends_what_fires_by_the_old_one(store_url: str, tmp_path: Path) -> None:
    there = world(5)
    code = next(code for code, (_, level, _) in there.editions[2].items() if level == "commune")
    at = MIDNIGHT + DAY
    log = [record(beat(at), 0, at)]
    log += [record(event(f"P{n}", f"p{n}", "opened", at + MINUTE, unit=code, kind="k0"), n + 1, at + MINUTE) for n in range(5)]
    log.append(record(beat(at + 20 * MINUTE), 6, at + 20 * MINUTE))
    by_province = Catalog((towns(tmp_path, there, by=("province",)),))
    store = real_store(store_url, "alerts_levels", by_province)
    assert judged(store, by_province, log) == [(("*", "province=38"), at + 4 * MINUTE, "firing", 5.0)]
    by_unit = Catalog((towns(tmp_path, there, by=("unit",)),))
    log.append(record(beat(at + 40 * MINUTE), 7, at + 40 * MINUTE))
    found = judged(store, by_unit, log)
    name = there.name(code, 2)
    assert {(dims, to) for dims, _, to, _ in found} == {
        (("*", "province=38"), "firing"), (("*", "province=38"), "resolved"), (("*", f"{code}@2025-07-01"), "firing"),
    }, name  # fmt: skip
