"""Question: which contributions a question is about: an indicator, a span of `at`, a limit of `known`, and its dimensions.

`ioc.asking.read` sums the panes of a scope, `ioc.asking.evidence` lists what stands behind the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ioc.asking.joined import NOTHING, Joins, joins
from ioc.calendar.looks import NEVER, reach
from ioc.calendar.windows import window_start
from ioc.catalog import Catalog
from ioc.errors import IocError, UsageError
from ioc.store.clickhouse import Store, literal
from ioc.text import nfc
from ioc.times import DAY, floor, iso
from ioc.values import Within
from ioc.vocabulary import ALL, WINDOWS, Indicator, Stream

EVERYTHING = "all"
"""The window of everything before T."""
EARLIEST, LATEST = -2_208_988_800_000, 10_413_791_999_000
"""What the store's times can hold: the years 1900 to 2299."""
LATEST_RECEIVED = "(SELECT max(received) FROM checkpoints WHERE stage = 'measure' AND received IS NOT NULL)"
"""The highest reception counted (ms)."""


@dataclass(frozen=True)
class Scope:
    """Contributions with start <= `at` < until and, where there is a limit, `known` < known; all in ms.

    `at`: the step the answer is for; the same as `until` but for a provisional answer, which counts to now in an open step.
    `kind`: latest, first, known or provisional. `compare`: whether a first final of the step may exist.
    """

    stream: Stream
    indicator: Indicator
    generation: str
    window: str
    start: int | None
    until: int
    at: int
    known: int | None
    kind: str
    where: Mapping[str, str]
    notes: tuple[str, ...] = ()
    joins: Joins = NOTHING

    @property
    def looked(self) -> list[tuple[str, int, int]]:
        """Of an indicator that looks at others: for each measure the other's name, and since when until when its contributions
        count."""
        return [(look.of, *reach(self.until, *look.where)) for look in self.indicator.looks]

    def sums(self, known: str = "") -> str:
        """The summed measures as SQL over `panes`. `known`: of those panes only."""
        if not self.indicator.looks:
            return f"sumForEachIf(measures, {known})" if known else "sumForEach(measures)"
        then = f" AND {known}" if known else ""
        return "[" + ", ".join(f"sumIf(measures[1], {_inside('', *one)}{then})" for one in self.looked) + "]"

    def condition(self, alias: str = "") -> str:
        """The scope as SQL over `panes`, in the order of its sort key; without `known`."""
        p = f"{alias}." if alias else ""
        own = [(self.indicator.name, NEVER if self.start is None else self.start, self.until)]
        inside = dict.fromkeys(_inside(p, *one) for one in self.looked or own)
        parts = [f"{p}generation = {literal(self.generation)}", f"({' OR '.join(inside)})"]
        return " AND ".join([*parts, *self.groups(alias)])

    def groups(self, alias: str = "") -> list[str]:
        """What `where` and the wanted groups ask of the dimensions, as SQL: more may be read (`Joins.holds`), none is missed."""
        names, p = self.stream.dimensions, f"{alias}." if alias else ""
        fixed = [f"{p}dims[{names.index(d) + 1}] = {literal(v)}" for d, v in self.where.items()]
        return [*fixed, *self.joins.conditions(self.stream, p)]

    @property
    def asked_for(self) -> dict[str, str]:
        """Dimensions and rollups by name with the value or group asked for."""
        return {**self.where, **self.joins.wanted}


def _inside(p: str, name: str, since: int, until: int) -> str:
    begun = f" AND {p}at >= {moment(since)}" if since > NEVER else ""
    return f"({p}indicator = {literal(name)}{begun} AND {p}at < {moment(until)})"


def moment(ms: int) -> str:
    """A time as SQL, comparable with the store's times."""
    return f"fromUnixTimestamp64Milli({max(EARLIEST, min(ms, LATEST))}, 'UTC')"


def now(store: Store) -> int | None:
    """Now of a database (view `v_now`): the highest reception counted plus 1 ms; None where nothing was counted."""
    (row,) = store.rows(f"SELECT {LATEST_RECEIVED} AS latest")
    return _after(row["latest"])


def _after(latest: int | None) -> int | None:
    return latest + 1 if latest else None


def scope(
    store: Store,
    catalog: Catalog,
    name: str,
    *,
    at: int | None = None,
    window: str | None = None,
    where: Mapping[str, str] | None = None,
    first: bool = False,
    known: int | None = None,
    units: str | None = None,
) -> Scope:
    """What is asked. Without `at`: as known at `known`, else now. A dimension of which all (`*`) are asked for is not restricted.
    `units`: "today" groups all by the units of today, else each contribution is grouped by those of its own time.

    Raises UsageError naming what there is.
    """
    stream = catalog.stream_of(name)
    indicator = stream.indicator(name)
    window = _window(indicator, window)
    _dimensions(stream, where or {})
    where = {dimension: nfc(wanted) for dimension, wanted in (where or {}).items() if wanted != ALL}
    if first and known is not None:
        raise UsageError("--first and --known exclude each other: first is what was known at T itself")
    for given in (at, known):
        if given is not None and not EARLIEST + 366 * DAY <= given <= LATEST - DAY:
            raise UsageError("the times one can ask for lie between 1901 and 2299")
    latest, generation, notes = _stands(store, catalog, stream)
    if known is not None:
        known = _on_grain(known, stream, "known", notes)
    at = known if at is None else at
    kind = "known" if known is not None else "first" if first else "latest" if at is not None else "provisional"
    if at is None:
        until = latest or 0
        at = -floor(-until, stream.grain)  # the end of the open step
        if first:
            at = until = floor(until, stream.grain)
    else:
        exact = indicator.level and all(
            stream.indicator(look.of).level for look in indicator.looks
        )  # flows are kept by the grain
        at = until = at if exact and not first else _on_grain(at, stream, "at", notes)
        if latest is None or until > latest:
            notes.append(f"{iso(until)} lies ahead of {iso(latest) if latest else 'everything'}: a forecast from what is known")
    if latest is None:
        notes.append("nothing has been counted yet")
    start = None if window == EVERYTHING else window_start(window, at)
    limit = at if first else known
    joined, where = joins(stream, where, until, units, notes)
    return Scope(stream, indicator, generation, window, start, until, at, limit, kind, where, tuple(notes), joined)


def checked_by(indicator: Indicator, stream: Stream, by: list[str], where: Mapping[str, str]) -> list[str]:
    """The dimensions and rollups to group by.  Raises UsageError for one there is not, or that is fixed; and where one is lacking
    of whose values the indicator is told each."""
    _dimensions(stream, by)
    if lacking := [d for d in indicator.each if d not in (*where, *by)]:
        said = f"write --where {lacking[0]}=..., or --by {lacking[0]}"
        raise UsageError(f"{indicator.name} has no sum over {lacking[0]}, it is told of each of them: {said}")
    if fixed := [d for d in by if d in where]:
        raise UsageError(f"{fixed[0]} is given by --where {fixed[0]}={where[fixed[0]]}; leave it out of --by")
    return [d for d in (*stream.dimensions, *(r.name for r in stream.rollups)) if d in by]


def _window(indicator: Indicator, window: str | None) -> str:
    if window is not None and window not in (*WINDOWS, EVERYTHING):
        raise UsageError(f"no window {window!r}; there are {', '.join(WINDOWS)} and {EVERYTHING}")
    if indicator.level:
        if window not in (None, EVERYTHING):
            raise UsageError(f"{indicator.name} is a level, the running sum of everything before T: it has no window {window}")
        return EVERYTHING
    if isinstance(indicator.value, Within):
        if window is not None and window not in indicator.value.windows:
            there = ", ".join(indicator.value.windows)
            raise UsageError(
                f"{indicator.name} is told of {there} only, not of {window}: it counts what belongs to one such period"
            )
        return window or indicator.value.windows[0]
    return window or "1d"


def _dimensions(stream: Stream, names: object) -> None:
    for name in names:  # type: ignore[attr-defined]
        if name not in stream.dimensions and stream.rollup(name) is None:
            there = ", ".join([*stream.dimensions, *(f"{rollup.name} (of {rollup.of})" for rollup in stream.rollups)])
            raise UsageError(f"no dimension {name!r}; {stream.name} has {there}")


def _stands(store: Store, catalog: Catalog, stream: Stream) -> tuple[int | None, str, list[str]]:
    """Now, and the generation that readers of the store use, with a note where it is not this program's."""
    found = store.rows(f"SELECT {LATEST_RECEIVED} AS latest, generation FROM v_generation WHERE stream = {literal(stream.name)}")
    if not found:
        raise IocError(f"the store has no stream {stream.name} yet; run `ioc store migrate` (`ioc up` does it by itself)")
    read, own = found[0]["generation"], catalog.generations[stream.name]
    notes = [] if read == own else [f"counted under generation {read}, this program's is {own}: see `ioc rebuild`"]
    return _after(found[0]["latest"]), read, notes


def _on_grain(ms: int, stream: Stream, name: str, notes: list[str]) -> int:
    floored = floor(ms, stream.grain)
    if floored != ms:
        notes.append(f"--{name} {iso(ms)} counts as {iso(floored)}, on the grain of {stream.grain // 1000} s")
    return floored
