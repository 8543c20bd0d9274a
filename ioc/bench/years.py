"""Years: a centre after three years of the province: made once and kept, then under the demo's feed, and asked about its past."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from ioc.asking import read
from ioc.asking.evidence import evidence
from ioc.asking.question import scope
from ioc.bench import report
from ioc.bench.centre import Centre, running
from ioc.bench.report import Report
from ioc.catalog import Catalog
from ioc.centre import live
from ioc.embedded.jars import cache
from ioc.errors import UsageError
from ioc.kafka import bounds
from ioc.province.data import communes, departments
from ioc.province.demo import run_history
from ioc.province.demo_state import open_province, remembered
from ioc.province.model import Outgoing, Province
from ioc.province.ran import LONG, Radio
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.store.form import TABLES
from ioc.times import DAY, floor, iso
from ioc.vocabulary import WINDOWS

Say = Callable[[str], None]
LENGTH, RADIO = 3 * 365 * DAY, 60 * DAY
"""How far the dossiers reach back; and the radio, as far as the demo's: three years of it would be more than the dossiers."""
SEED = 56
NOTE = "years.json"
EVERY = 20.0
"""Seconds between two words of progress."""
QUESTIONS, LONGEST = 200, 60.0
"""So many of a kind are asked, or as many as so many seconds allow."""


@dataclass(frozen=True)
class Kept:
    """What a folder holds: of which generations, in which form of the tables, how much past of dossiers and radio (ms), and how
    many events; `complete` once all of it is final."""

    generations: dict[str, str]
    form: str
    length: int
    radio: int
    events: int = 0
    complete: bool = False


class Lately(Radio):
    """The radio of a province in which none was measured before `since` (ms)."""

    def __init__(self, seed: int, since: int) -> None:
        super().__init__(seed)
        self._since = since

    def past(self, since: int, until: int) -> Iterator[Outgoing]:
        """As it is, but for what was before."""
        return super().past(max(since, self._since), until)


def default_folder() -> Path:
    """In the user's cache: all checkouts share it."""
    return cache() / "years"


def is_kept(folder: Path, catalog: Catalog, length: int = LENGTH, radio: int = RADIO) -> bool:
    """Whether the folder holds such a store, complete, and of this program's declarations and tables."""
    found = _note(folder)
    return found is not None and replace(found, events=0) == replace(_wanted(catalog, length, radio), complete=True)


def _wanted(catalog: Catalog, length: int, radio: int) -> Kept:
    form = "\n".join(table.create(name) for name, table in TABLES.items())
    return Kept(dict(catalog.generations), hashlib.sha256(form.encode()).hexdigest()[:16], length, radio)


def province_of(settings: Settings, length: int = LENGTH, radio: int = RADIO) -> Province:
    """The province that the folder's past is of; begun now, if there is none."""
    found = open_province(settings, SEED, length, time.time_ns() // 1_000_000)
    found.radio = Lately(SEED, floor(found.anchor - radio, LONG))
    return found


def make(folder: Path, catalog: Catalog, say: Say, length: int = LENGTH, radio: int = RADIO) -> None:
    """Make the store, unless it is there: a centre loads the past, counts and rolls it. Broken off, it goes on when called again.

    Raises UsageError where the folder holds something else.
    """
    if is_kept(folder, catalog, length, radio):
        return
    found, wanted = _note(folder), _wanted(catalog, length, radio)
    if found is None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} holds something else than a store of three years: name another one with --folder")
    if found is not None and found != wanted:
        say("the store of three years is of other declarations or tables: it is made anew")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _keep(folder, wanted)
    say(f"making {length // DAY:,} days of dossiers and {radio // DAY} of radio in {folder}; this is done once")
    with running(folder, "--no-demo", "--loading") as one:
        events = _load(one, catalog, province_of(one.settings, length, radio), say)
        one.settle(say)
    _keep(folder, replace(wanted, events=events, complete=True))


def measure(folder: Path, catalog: Catalog, seconds: float, found: Report, say: Say) -> None:
    """Note what a centre takes with that past under the demo's feed and without, and how long questions about the past take.

    The feed goes on where it stopped: what has happened since the store was used last comes first.
    """
    say(f"`ioc up` with the past in {folder} ...")
    kept = _note(folder)
    with running(folder) as one:
        one.wait(one.caught_up, "its feed sends the present")
        now = time.time_ns() // 1_000_000
        one.wait(lambda: one.final(catalog, now), "all of the past is final")
        one.settle(say)
        demo = found.figures.get("demo")
        one.measure("years", seconds, found, report.LONGER * (demo.value if demo else report.DEMO), say)
        _ask(one.settings, catalog, found, say)
        one.end_feed()
        one.settle(say)
        one.measure("years, quiet", seconds, found, None, say)
        state = remembered(one.settings)
    assert kept is not None
    assert state is not None
    found.made["years"] = (
        f"{kept.events:,} events: dossiers of {kept.length // DAY:,} days and radio of the last {kept.radio // DAY} until "
        f"{iso(state.anchor)}, then the demo's feed"
    )


# ---- making it


def _load(one: Centre, catalog: Catalog, province: Province, say: Say) -> int:
    """Send the past, count and roll it; how many events it has."""
    settings, store, told = one.settings, Store(one.settings, patience=60), _Seldom(say)

    def sent(events: int, reached: int) -> None:
        share = (reached - province.start) / (province.anchor - province.start)
        told(f"  {max(0.0, share):.0%} sent, {events:,} events")

    asyncio.run(run_history(settings, province, sent))
    ends = {(p.topic, p.partition): end for p, (_, end) in asyncio.run(bounds(settings, catalog.topics)).items()}
    live.wait_counted(store, catalog, ends, lambda left: told(f"  {left:,} records to count"), patience=180)
    if not live.is_live(store):
        asyncio.run(live.go_live(settings, catalog))

    def final() -> bool:
        told(f"  {store.query('SELECT count() AS n FROM indicators')['n'][0]:,} rows rolled")
        return one.final(catalog, province.anchor)

    one.wait(final, "all of the past is final", every=1.0)
    return int(store.query("SELECT count() AS n FROM events FINAL WHERE verdict = 'accepted'")["n"][0])


class _Seldom:
    """Says something now and then."""

    def __init__(self, say: Say) -> None:
        self._say, self._next = say, 0.0

    def __call__(self, text: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            self._say(text)


def _note(folder: Path) -> Kept | None:
    path = folder / NOTE
    try:
        return Kept(**json.loads(path.read_text())) if path.exists() else None
    except (ValueError, TypeError):  # of another version of this program, or half written
        return Kept({}, "", 0, 0)


def _keep(folder: Path, kept: Kept) -> None:
    (folder / NOTE).write_text(json.dumps(asdict(kept), indent=1))


# ---- asking


def _ask(settings: Settings, catalog: Catalog, found: Report, say: Say) -> None:
    """Questions about random instants of the past, of the whole province and of one agency, by a program that is warm."""
    store, state, rng = Store(settings, readonly=True), remembered(settings), Random(SEED)  # noqa: S311 - the same for everybody
    assert state is not None
    stream = catalog.stream_of("dossier.backlog")
    levels = [i.name for i in stream.indicators if i.level]
    flows = [i.name for i in stream.indicators if not i.level]
    agencies = [a.code for a in (*departments(), *communes())]

    def at() -> int:
        return rng.randrange(state.anchor - state.history_ms + DAY, state.anchor)

    def where() -> dict[str, str]:
        return rng.choice(({}, {"agency": rng.choice(agencies)}))

    def level() -> None:
        read.value(store, catalog, rng.choice(levels), at(), where=where())

    def window() -> None:
        read.value(store, catalog, rng.choice(flows), at(), rng.choice(tuple(WINDOWS)), where())

    def behind() -> None:
        name = rng.choice(("dossier.overdue", "dossier.received"))
        for _ in evidence(store, catalog, settings, scope(store, catalog, name, at=at(), where=where())):
            pass

    for name, ask in {"a level": level, "a window": window, "evidence": behind}.items():
        say(f"{name} at random instants ...")
        ms = _times(ask)
        p50, p95 = np.quantile(ms, (0.5, 0.95))
        parts = {"p50_ms": float(p50), "max_ms": max(ms), "questions": float(len(ms))}
        found.note(f"{name} at a random instant of the years, p95", float(p95), "ms", report.ASKED, **parts)


def _times(ask: Callable[[], None]) -> list[float]:
    """Milliseconds of each question but for the first one, which makes the program warm."""
    ask()
    took: list[float] = []
    end = time.perf_counter() + LONGEST
    while len(took) < QUESTIONS and (not took or time.perf_counter() < end):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    return took
