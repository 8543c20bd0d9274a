"""Life of an alarm condition (cảnh báo mạng): its episodes from raise to clear, event by event, and what follows. Pure.

An episode begins with `raised` and ends with `cleared`; `raised` again before that is the same alarm, told again. What an event
states moves the alarm then, its severity above all. It is acknowledged until `unacknowledged`, or the end of the episode. What
names the episode of the raise before comes too late and changes nothing: a restarted element raises what holds anew, and then
clears what it had raised. `changed` and `cleared` without an alarm to be of are unmatched.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from ioc.times import DAY, MINUTE
from ioc.tomls import Strict, load
from ioc.vocabulary import UNKNOWN, Contribution, Dims, Lifecycle, Part, Quantiles, told, told_apart
from schemas.alarm import AFFECTING, STATES
from streams.levels import ONE, on

RULES = Path(__file__).parent / "data" / "alarms.toml"
RANK = {state: n for n, state in enumerate(STATES)}
CLEARING = Quantiles((0, 1, 2, 5, 10, 15, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1_440, 2_880, 10_080, 43_200), (0.5, 0.9))
"""Minutes."""


class Rules(Strict):
    """`alarms.toml`."""

    flap_minutes: Annotated[int, Field(ge=1, le=1_440)]
    stale_days: Annotated[int, Field(ge=1, le=365)]
    outage: list[Annotated[str, Field(min_length=1)]]


@cache
def rules() -> Rules:
    """What `streams/data/alarms.toml` says.  Raises UsageError."""
    return load(RULES, Rules, f"streams/data/{RULES.name}")


class Step(NamedTuple):
    """What the history keeps of an event; time in ms."""

    time: int
    state: str
    site: str | None = None
    cell: str | None = None
    severity: str | None = None
    kind: str | None = None
    problem: str | None = None
    episode: str | None = None
    affects_service: bool | None = None


class Said(NamedTuple):
    """What holds of an alarm: its dimensions, whether service is affected (none: nobody said), whether the problem is an outage."""

    dims: Dims = (UNKNOWN,) * 4
    service: bool | None = None
    outage: bool = False

    @property
    def affects(self) -> bool:
        """Whether it affects service."""
        return self.dims[2] in AFFECTING if self.service is None else self.service


class Stretch(NamedTuple):
    """A part [start, end) of an episode in which nothing moved; no end: still active."""

    start: int
    said: Said
    acknowledged: bool = False
    end: int | None = None


class Episode(NamedTuple):
    """From a raise to its clear. `flapped`: it came soon after the clear before."""

    stretches: tuple[Stretch, ...]
    flapped: bool

    @property
    def cleared(self) -> int | None:
        """When it was cleared."""
        return self.stretches[-1].end


class Life(NamedTuple):
    """An alarm condition so far."""

    said: Said = Said()
    episodes: tuple[Episode, ...] = ()
    id: str | None = None
    """What the raise that stated one last called its episode, and the raise before that."""
    former: str | None = None
    reraised: tuple[tuple[int, Dims], ...] = ()
    unmatched: tuple[tuple[int, Dims], ...] = ()


def advance(life: Life, step: Step) -> Life:
    """The life after one more event."""
    time, state = step.time, step.state
    is_active = bool(life.episodes) and life.episodes[-1].cleared is None
    if state == "raised":
        if step.episode not in (None, life.id):
            life = life._replace(id=step.episode, former=life.id)
    elif step.episode is not None and step.episode == life.former:
        return _unmatched(life, time, life.said.dims, state)
    life = life._replace(said=(said := _said(life.said, step)))
    if is_active:
        if state == "raised":
            life = life._replace(reraised=(*life.reraised, (time, said.dims)))
        return life._replace(episodes=(*life.episodes[:-1], _on(life.episodes[-1], time, state, said)))
    if state != "raised":
        return _unmatched(life, time, said.dims, state)
    before = life.episodes[-1].cleared if life.episodes else None
    flapped = before is not None and time - before <= rules().flap_minutes * MINUTE
    return life._replace(episodes=(*life.episodes, Episode((Stretch(time, said),), flapped)))


def _unmatched(life: Life, time: int, dims: Dims, state: str) -> Life:
    """An event without an alarm to be of. What is cleared may be acknowledged still: that is nothing odd."""
    return life._replace(unmatched=(*life.unmatched, (time, dims))) if state in ("changed", "cleared") else life


def _said(said: Said, step: Step) -> Said:
    site, cell, severity, kind = said.dims
    return Said(
        (step.site or site, step.cell or cell, step.severity or severity, step.kind or kind),
        said.service if step.affects_service is None else step.affects_service,
        said.outage if step.problem is None else _plain(step.problem) in _outages(),
    )


def _plain(problem: str) -> str:
    return " ".join(problem.casefold().split())


@cache
def _outages() -> frozenset[str]:
    return frozenset(map(_plain, rules().outage))


def _on(episode: Episode, time: int, state: str, said: Said) -> Episode:
    """An active episode after an event."""
    last = episode.stretches[-1]
    acknowledged = state == "acknowledged" or (last.acknowledged and state != "unacknowledged")
    end = time if state == "cleared" else None
    if (said, acknowledged, end) == last[1:]:
        return episode
    moved = (last._replace(end=time), Stretch(time, said, acknowledged, end))
    return episode._replace(stretches=(*episode.stretches[:-1], *moved))


def say(life: Life) -> list[Contribution]:
    """What it adds to each indicator, and when."""
    return told(_parts(life))


def apart(one: Life, other: Life) -> tuple[list[Contribution], list[Contribution]]:
    """What two lives add, without the episodes that both have."""
    return told_apart(_parts(one), _parts(other))


def spanned(life: Life) -> Lifecycle:
    """When its last episode began and ended."""
    if not life.episodes:
        return (None, None, None, life.said.dims)
    last = life.episodes[-1]
    return (last.stretches[0].start, last.cleared, None, life.said.dims)


def _parts(life: Life) -> Sequence[Part]:
    return [
        *((_episode, episode) for episode in life.episodes),
        *((_noted, "alarm.reraised", *event) for event in life.reraised),
        *((_noted, "alarm.unmatched", *event) for event in life.unmatched),
    ]


def _noted(indicator: str, time: int, dims: Dims) -> list[Contribution]:
    return [(indicator, dims, time, ONE)]


def _episode(episode: Episode) -> list[Contribution]:
    first, last = episode.stretches[0], episode.stretches[-1]
    raised, rows = first.start, _noted("alarm.raised", first.start, first.said.dims)
    if episode.flapped:
        rows += _noted("alarm.flapping", raised, first.said.dims)
    stale = raised + rules().stale_days * DAY
    for start, said, acknowledged, end in episode.stretches:
        on(rows, "alarm.active", said.dims, start, end)
        if said.affects:
            on(rows, "alarm.active_service", said.dims, start, end)
        if said.outage:
            on(rows, "alarm.outage", said.dims, start, end)
        if not acknowledged:
            on(rows, "alarm.unacknowledged", said.dims, start, end)
        if end is None or stale < end:
            on(rows, "alarm.never_cleared", said.dims, max(start, stale), end)
    if last.end is not None:
        rows.append(("alarm.cleared", last.said.dims, last.end, ONE))
        rows.append(("alarm.time_to_clear", last.said.dims, last.end, CLEARING.one_hot((last.end - raised) / MINUTE)))
    return rows


def rank(step: Step) -> int:
    """The order of events of one time."""
    return RANK[step.state]
