"""Life cycle of a dossier (vòng đời hồ sơ): its states, pauses and due times, step by step. Pure.

The rules stand in docs/dossiers.md. A dossier is opened by its first `received`, and again by one after its end. It ends at the
first end state; what comes later changes nothing, but for `returned` after `completed`. A request for a supplement stops its
clock: the working time until the answer is added to its due time, unless the answer states another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from ioc.calendar.workdays import Beyond, calendar
from ioc.units.identity import identity
from ioc.vocabulary import UNKNOWN, Dims
from schemas.dossier import STATES
from streams.tables import DATA, PROCEDURES, RULES, procedures, rules

FILES = (RULES, PROCEDURES, DATA / "calendar.toml", DATA / "units.toml")
"""What decides a dossier's life beside its events."""
ENDS = frozenset({"completed", "returned", "refused", "withdrawn", "stopped"})
ENDS_UNRECEIVED = ENDS - {"withdrawn"}
"""What ends a dossier before it is received: its end is its reception. To withdraw counts only once it was received."""
HANDED = ("completed", "returned")
"""9, then 10: as it should be."""
RANK = {name: (1, 2, 5, 6, 4, 9, 10, 3, 7, 8).index(code) for name, (code, _) in STATES.items()}
_OPEN = ("processing", "supplement", "payment", "withdrawn", "stopped", "completed")
MOVES: Mapping[str | None, frozenset[str]] = {
    None: frozenset({"registered", "received"}),
    "registered": frozenset({"received", "refused", "supplement", "withdrawn"}),
    "received": frozenset(_OPEN),
    "processing": frozenset(_OPEN[1:]),
    "supplement": frozenset({"received", "processing", "withdrawn", "stopped"}),
    "payment": frozenset({"processing", "withdrawn", "stopped", "completed"}),
    "completed": frozenset({"returned"}),
} | dict.fromkeys(("returned", "refused", "withdrawn", "stopped"), frozenset())
"""The moves that are allowed from a state (our choice); any other is a violation. To stay in a state is no move."""
Event = tuple[int, Dims]
"""When something happened (ms), and under which dimensions."""
Facts = tuple[int, tuple[object, ...], tuple[object, ...]]
"""When something was stated of how the service is given (ms), what held before, and since: the fields of a step from `fee` on."""


class Step(NamedTuple):
    """What the history keeps of an event; times in ms."""

    time: int
    state: str
    agency: str | None = None
    procedure: str | None = None
    channel: str | None = None
    service_level: str | None = None
    unit: str | None = None
    due_at: int | None = None
    fee: int | None = None
    paid_online: str | None = None
    e_result: bool | None = None
    digitised: bool | None = None
    reused: bool | None = None
    from_store: bool | None = None
    identified: bool | None = None
    disliked: bool | None = None


AGENCY, DUE, FACTS = (Step._fields.index(name) for name in ("agency", "due_at", "fee"))
"""Where the dimensions begin and end among the fields of a step, and where those begin that tell how the service was given."""
NO_DIMS, NO_FACTS = (None,) * (DUE - AGENCY), (None,) * (len(Step._fields) - FACTS)


class Span(NamedTuple):
    """A stretch [start, end) of an open dossier's life with one set of dimensions, one due time and one clock.

    No end: still open. `paused`: since when its clock stands still, or None while it runs. `again`: it stands still for a second
    request, or a later one: that counts as overdue (Decision 766, 2.1). `moving`: from when on the time it stands still moves the
    due time, if that was stated after the request.
    """

    start: int
    end: int | None
    dims: Dims
    due: int | None
    paused: int | None = None
    again: bool = False
    moving: int | None = None

    @property
    def late(self) -> bool:
        """Whether a dossier that ends with this span ends late."""
        if self.paused is not None:
            return self.again or (self.due is not None and self.due < self.paused)
        return self.due is not None and self.end is not None and self.end > self.due


def overdue(span: Span) -> tuple[int, int | None] | None:
    """When an open dossier is overdue in a stretch of its life: [begin, end), no end: still; None: never."""
    start, end, _, due, paused, again, _ = span
    if paused is not None:
        late = again or (due is not None and due < paused)
        return (start, end) if late and (end is None or start < end) else None
    if due is None:
        return None
    begin = max(due, start)
    return (begin, end) if end is None or begin < end else None


class Opening(NamedTuple):
    """From a reception to the end of processing: its spans, the state it ended in, and when a result that lay ready was taken
    (or the dossier opened again)."""

    spans: tuple[Span, ...]
    ended: str | None = None
    taken: int | None = None


class Life(NamedTuple):
    """A dossier so far: what its events state, and what follows from it."""

    dims: Dims = (UNKNOWN, UNKNOWN, "counter", UNKNOWN, UNKNOWN)
    due: int | None = None
    stated: int | None = None
    """The due time that an event stated last; none did: it is the legal limit of the procedure, if that is known."""
    state: str | None = None
    ended: str | None = None
    """The state it ended in, also before it was received; none while it is open."""
    found: tuple[Opening, ...] = ()
    """Empty: never received."""
    requests: int = 0
    """Requests for a supplement since the dossier was opened."""
    wrong: tuple[Event, ...] = ()
    """Moves that are not allowed."""
    late: tuple[Event, ...] = ()
    """What came after an end and opened nothing."""
    asked: tuple[Event, ...] = ()
    """Requests for a supplement."""
    moved: tuple[Event, ...] = ()
    """New due times with an apology."""
    facts: tuple[Facts, ...] = ()
    """One for each event that states other ones."""


def advance(life: Life, step: Step) -> Life:
    """The life after one more event; the same one where it changes nothing, as most events do: this is the engine's hottest code."""
    time, state, due = step.time, step.state, step.due_at
    if due is not None and due == life.stated:
        due = None  # many sources repeat it with every event: that states nothing
    before, ended = life.state, life.ended
    told = step[FACTS:] != NO_FACTS
    dims = life.dims
    if step[AGENCY:DUE] != NO_DIMS:
        agency, procedure, channel, level, unit = dims
        placed = unit if step.unit is None else identity(step.unit, time)
        dims = _shared(
            step.agency or agency, step.procedure or procedure, step.channel or channel, step.service_level or level, placed
        )
    if dims is life.dims and state == before and due is None and ended is None and not told:
        return life
    noted = life
    if state != before and state not in MOVES[before]:
        noted = life._replace(wrong=(*life.wrong, (time, dims)))
    if told:
        known = life.facts[-1][2] if life.facts else NO_FACTS
        said = _shared(*[old if new is None else new for old, new in zip(known, step[FACTS:], strict=True)])
        if said != known:
            noted = Life(*noted[:-1], (*life.facts, (time, known, said)))
    if life.found and ended is None:
        now = _on(noted, time, state, dims, due)
    elif state == "received":
        now = _opened(noted, time, dims, due)
    elif life.found:
        now = _after_end(noted, time, state, dims, due)
    else:
        now = _not_yet_received(noted, state, dims, due)
    return life if now == life else now


def _not_yet_received(life: Life, state: str, dims: Dims, due: int | None) -> Life:
    """An event before the reception: what it states holds, and so does an end."""
    ended, stated = life.ended, life.stated if due is None else due
    if state in ENDS_UNRECEIVED and (ended is None or (ended, state) == HANDED):
        ended = state
    due = life.due if due is None else due
    return Life(dims, due, stated, state, ended, (), life.requests, life.wrong, life.late, life.asked, life.moved, life.facts)


def _on(life: Life, time: int, state: str, dims: Dims, due: int | None) -> Life:
    """The life of an open dossier after an event."""
    before, opening = life.state, life.found[-1]
    span = opening.spans[-1]
    requests, asked, moved, stated = life.requests, life.asked, life.moved, life.stated
    ended = state if state in ENDS else None
    stands = state == "supplement" or (state == "payment" and rules().payment_pauses)
    paused, again, moving = span[4:] if stands or ended else (None, False, None)
    if stands and state != before:
        paused = moving = time
        again = False
        if state == "supplement":
            requests, asked = requests + 1, (*asked, (time, dims))
            again = requests > 1
    new, left = span.due, span.paused is not None and paused != span.paused
    if due is not None:
        if stated is not None and new is not None and due > new and "supplement" not in (before, state):
            moved = (*moved, (time, dims))
        new, stated, moving = due, due, paused and time
    elif stated is None and dims[1] != span.dims[1]:
        new = _limit(opening, dims[1], time, paused)
    elif left:
        new = _waited(new, span, time)
    spans = opening.spans
    if (dims, new, paused, again, moving) != span[2:]:
        spans = (*spans[:-1], Span(span.start, time, *span[2:]), Span(time, None, dims, new, paused, again, moving))
    if ended:
        span = spans[-1]
        spans = (*spans[:-1], Span(span.start, time, *span[2:]))
        new = new if due is not None else _waited(new, span, time)
    found = life.found if spans is opening.spans else (*life.found[:-1], Opening(spans, ended))
    return Life(dims, new, stated, state, ended, found, requests, life.wrong, life.late, asked, moved, life.facts)


def _waited(due: int | None, span: Span, until: int) -> int | None:
    """A due time once the clock runs again: the working time since it stood still later."""
    return due if due is None or span.moving is None else _later(due, [(span.moving, until)])


def _later(due: int, waits: list[tuple[int, int]]) -> int:
    """A due time, moved by the working time of the waits. Where the calendar has no days nothing moves."""
    try:
        return calendar().add(due, sum(calendar().between(*wait) for wait in waits))
    except Beyond:
        return due


def _opened(life: Life, time: int, dims: Dims, due: int | None) -> Life:
    """The reception, or one after an end: from it on the dossier is open, unless it ended before it was ever received."""
    stated, found = life.stated if due is None else due, life.found
    if due is None:
        due = life.due if stated is not None else legal_limit(time, dims[1])
    early = None if found else life.ended
    if found and found[-1].ended == "completed" and found[-1].taken is None:
        found = _taken(found, time)
    found = (*found, Opening((Span(time, time if early else None, dims, due),), early))
    return Life(dims, due, stated, "received", early, found, 0, life.wrong, life.late, life.asked, life.moved, life.facts)


def _after_end(life: Life, time: int, state: str, dims: Dims, due: int | None) -> Life:
    """An event of an ended dossier: what it states holds for the next opening."""
    ended, found, late, stated = life.ended, life.found, life.late, life.stated if due is None else due
    if (ended, state) == HANDED:
        ended, found = state, _taken(found, time)
    else:
        late = (*late, (time, dims))
    due = life.due if due is None else due
    return Life(dims, due, stated, state, ended, found, life.requests, life.wrong, late, life.asked, life.moved, life.facts)


def _taken(found: tuple[Opening, ...], time: int) -> tuple[Opening, ...]:
    """The result of the last opening is no longer waited for."""
    spans, ended, _ = found[-1]
    return (*found[:-1], Opening(spans, ended, time))


def _limit(opening: Opening, procedure: str, until: int, paused: int | None) -> int | None:
    """The due time by the legal limit of a procedure, with the supplements that were waited for (not the one since `paused`)."""
    due = legal_limit(opening.spans[0].start, procedure)
    if due is None:
        return None
    return _later(due, [(s.start, s.end or until) for s in opening.spans if s.paused not in (None, paused)])


def legal_limit(received: int, procedure: str) -> int | None:
    """The end (ms) of a procedure's time limit for a dossier received then; None where the limit, or the calendar, is not known."""
    days = limits().get(procedure)
    try:
        return None if days is None else calendar().due(received, days)
    except Beyond:
        return None


@cache
def limits() -> dict[str, int]:
    """The time limit of each procedure (thời hạn giải quyết), in working days."""
    return {procedure.code: procedure.days for procedure in procedures()}


@lru_cache(maxsize=1 << 16)
def _shared(*values: Any) -> tuple[Any, ...]:
    """One object for all dossiers that share these values: a million lives are in memory."""
    return values
