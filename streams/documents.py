"""Documents (văn bản liên thông): sent, received, waiting, stuck, signed and recalled on the exchange axis, by sender and receiver.

An entity is a delivery: one document on its way to one receiver. Its first event sends it, whatever the status: it has arrived then.
It waits until it is accepted (the first of 03, 04, 05, 06), refused (02) or taken back (15, an agreed recall); it is stuck while it
still waits `accept_within_days` working days after it arrived. Refused and taken back are ends: of what follows only `arrived` (01)
counts, for it sends the document again. A status said again changes nothing; neither does 01 before an end.

A recall is asked by the first of 13, 15, 16 after a sending, for an answer tells of a question. It counts when it is asked, for no
event changes what was before it. Every 15 is an answer; a 16 is one unless the answer since the last 13 was a 16 already. Events of
one moment go by their number.

The time until acceptance is told of what arrived by 01, in working hours, so one working day is 7.5. The share that got stuck is of
the same, at the moment its days for acceptance have gone by: none is judged before, and nothing that comes later changes it. Where
the calendar has no days neither is told, and nothing is stuck.

A level of senders or receivers is that of the province's agencies (`streams/data/agencies.toml`): those above it have the level `?`.

What is stated last of sender, receiver, signatures and count holds for all of a delivery. Every number is taken `count` times: a
daily total of deliveries that are alike is one entity. A signature counts in a share where it is stated, `none` among it; a share
that knows nothing of a document leaves it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from ioc.calendar.workdays import Beyond, calendar
from ioc.times import HOUR
from ioc.tomls import Strict, load
from ioc.vocabulary import UNKNOWN, Board, Contribution, Dims, Indicator, Legal, Measures, Quantiles, Ratio, Rollup, Stream, above
from schemas.document import STATUSES, DocumentChanged
from streams.axis import demo, past

DATA = Path(__file__).parent / "data"
RULES, AGENCIES = DATA / "documents.toml", DATA / "agencies.toml"
RANK = {status: n for n, status in enumerate(STATUSES)}
ACCEPTS = frozenset({"received", "assigned", "processing", "completed"})
ENDS = frozenset({"refused", "recall_agreed"})
RECALLS = frozenset({"recalled", "recall_agreed", "recall_refused"})
HOURS = Quantiles((0, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 7.5, 11.25, 15, 22.5, 37.5, 75), (0.5, 0.9))
"""Working hours until acceptance; 7.5 are a day, 37.5 a week."""


class Rules(Strict):
    """`documents.toml`."""

    accept_within_days: Annotated[int, Field(ge=1, le=30)]


@cache
def rules() -> Rules:
    """What `streams/data/documents.toml` says.  Raises UsageError."""
    return load(RULES, Rules, f"streams/data/{RULES.name}")


class Step(NamedTuple):
    """What the history keeps of an event; times in ms."""

    time: int
    status: str
    sender: str | None = None
    receiver: str | None = None
    agency_signature: str | None = None
    personal_signature: str | None = None
    count: int | None = None  # type: ignore[assignment] # the contract's name hides the method of tuples


class Facts(NamedTuple):
    """What holds for all of a delivery."""

    dims: Dims
    agency: str | None
    personal: str | None
    alike: int


def contributions(history: Sequence[Step]) -> list[Contribution]:
    """What a delivery adds to each indicator, and when."""
    rows: list[Contribution] = []
    facts = _facts(history)
    waits: int | None = None
    """Since when it waits."""
    timed = asked = answered = False
    """Whether its waiting began with 01; a recall was asked; the last question was answered by 16."""
    ended = True
    for step in history:
        time, status = step.time, step.status
        if ended:
            if rows and status != "arrived":
                continue
            _send(rows, facts, time)
            waits = time
            timed, asked, answered, ended = status == "arrived", False, False, False
        if waits is not None and (status in ACCEPTS or status in ENDS):
            _wait(rows, facts, waits, time, timed)
            if timed and status in ACCEPTS and (hours := took(waits, time, facts.alike)):
                rows.append(("document.acceptance_hours", facts.dims, time, hours))
            waits = None
        if status in RECALLS and not asked:
            asked = True
            _add(rows, facts, "recall_share", time, 1, 0, 0)
        if status == "recall_agreed" or (status == "recall_refused" and not answered):
            _add(rows, facts, "recall_agreed_share", time, int(status == "recall_agreed"), 1, 1)
        if status == "refused":
            _add(rows, facts, "refused", time, 1)
        if status in RECALLS:
            answered = status == "recall_refused"
        ended = status in ENDS
    if waits is not None:
        _wait(rows, facts, waits, None, timed)
    return rows


def _facts(history: Sequence[Step]) -> Facts:
    sender = receiver = UNKNOWN
    agency = personal = None
    count = 1
    for step in history:
        sender, receiver = step.sender or sender, step.receiver or receiver
        agency, personal = step.agency_signature or agency, step.personal_signature or personal
        count = step.count or count
    return Facts((sender, receiver), agency, personal, count)


def _add(rows: list[Contribution], facts: Facts, name: str, at: int, *measures: int) -> None:
    rows.append((f"document.{name}", facts.dims, at, tuple(facts.alike * one for one in measures)))


def _send(rows: list[Contribution], facts: Facts, at: int) -> None:
    """A sending: it arrives at once, with its signatures."""
    _add(rows, facts, "sent", at, 1)
    _add(rows, facts, "received", at, 1)
    _add(rows, facts, "recall_share", at, 0, 1, 1)
    for name, signature in (("signed_agency_share", facts.agency), ("signed_personal_share", facts.personal)):
        if signature is not None:
            _add(rows, facts, name, at, int(signature == "valid"), 1, 1)
    if invalid := (facts.agency, facts.personal).count("invalid"):
        _add(rows, facts, "invalid_signatures", at, invalid)


def _wait(rows: list[Contribution], facts: Facts, since: int, until: int | None, timed: bool) -> None:
    """The levels of its waiting [since, until), and whether it got stuck; no end: it still waits."""
    stuck = stuck_from(since)
    if timed and stuck is not None:
        _add(rows, facts, "stuck_share", stuck, int(until is None or stuck < until), 1, 1)
    for name, start in (("waiting", since), ("stuck", stuck)):
        if start is not None and (until is None or start < until):
            _add(rows, facts, name, start, 1)
            if until is not None:
                _add(rows, facts, name, until, -1)


@lru_cache(maxsize=1 << 14)
def stuck_from(arrived: int) -> int | None:
    """From when on (ms) what arrived then is stuck, if it still waits; None: the calendar does not say."""
    try:
        return calendar().add_days(arrived, rules().accept_within_days)
    except Beyond:
        return None


@lru_cache(maxsize=1 << 14)
def took(arrived: int, accepted: int, count: int) -> Measures | None:
    """The measures of a time until acceptance; None: the calendar does not say."""
    try:
        worked = calendar().between(arrived, accepted)
    except Beyond:
        return None
    return tuple(count * one for one in HOURS.one_hot(worked / HOUR))


LONG = ("7d", "month", "quarter", "year")
SENDERS, RECEIVERS = ((), ("sender",)), ((), ("receiver",))
BY = ((), ("sender",), ("receiver",))
LEVELS = {"departments": "Sở, ngành", "communes": "UBND xã, phường"}
OWN = Legal("project's own", "2026-12-01")

STREAM = Stream(
    name="documents",
    contract=DocumentChanged,
    dimensions=("sender", "receiver"),
    item=Step,
    rank=lambda step: RANK[step.status],
    contributions=contributions,
    indicators=(
        Indicator("document.sent", "Văn bản gửi đi", "Documents sent", "1", "+count at the first event of a delivery, and when sent again; one document to six receivers is six",
                  groupings=SENDERS, legal=OWN),
        Indicator("document.received", "Văn bản đến", "Documents received", "1", "+count when it arrives: at the first event, and when sent again",
                  groupings=RECEIVERS, legal=OWN),
        Indicator("document.refused", "Văn bản bị từ chối tiếp nhận", "Documents refused", "1", "+count at 02 of a delivery that has not ended",
                  groupings=BY, legal=OWN),
        Indicator("document.acceptance_hours", "Thời gian tiếp nhận (giờ làm việc)", "Time until acceptance (working hours)", "giờ làm việc",
                  "median and 90th percentile of the working time from 01 to the first of 03, 04, 05, 06", HOURS, groupings=BY, legal=OWN),
        Indicator("document.waiting", "Văn bản chờ tiếp nhận", "Documents waiting", "1",
                  "arrived, and neither accepted (03 to 06) nor refused (02) nor taken back (15)", level=True, groupings=BY, legal=OWN),
        Indicator("document.stuck", "Văn bản quá hạn tiếp nhận", "Documents stuck", "1",
                  "waiting `accept_within_days` (1) working days after arrival", level=True, groupings=BY, legal=OWN,
                  alert=above(5, hold="1h", clear=3, by=("receiver",))),
        Indicator("document.stuck_share", "Tỷ lệ văn bản quá hạn tiếp nhận", "Share stuck", "%",
                  "still waiting / arrived by 01, each when `accept_within_days` (1) working days after its arrival have gone by",
                  Ratio("stuck", "judged"), groupings=BY, legal=OWN),
        Indicator("document.recall_share", "Tỷ lệ văn bản lấy lại", "Share asked back", "%",
                  "first requests for a recall in the window (13; 15 or 16 without one) / sent in the window: what is asked back was mostly "
                  "sent before, so the windows are long", Ratio("recalled", "sent"), windows=LONG, groupings=SENDERS, legal=OWN),
        Indicator("document.recall_agreed_share", "Tỷ lệ đồng ý lấy lại", "Recalls agreed to", "%", "15 / (15 + 16)",
                  Ratio("agreed", "answered"), groupings=BY, legal=OWN),
        Indicator("document.signed_agency_share", "Tỷ lệ ký số cơ quan", "Signed by the agency", "%",
                  "valid agency signatures / sent, of which the signature is stated", Ratio("valid", "stated"), groupings=SENDERS, legal=OWN),
        Indicator("document.signed_personal_share", "Tỷ lệ ký số cá nhân", "Signed by a person", "%",
                  "valid personal signatures / sent, of which the signature is stated", Ratio("valid", "stated"), groupings=SENDERS, legal=OWN),
        Indicator("document.invalid_signatures", "Chữ ký số không hợp lệ", "Invalid signatures", "lượt",
                  "+count for each invalid signature, of the agency or of a person, of what is sent", groupings=SENDERS, legal=OWN),
    ),
    data_files=(RULES, DATA / "calendar.toml"),
    reads=rules,
    units=(AGENCIES,),
    rollups=(Rollup("sender_level", of="sender", file=AGENCIES, names=LEVELS), Rollup("receiver_level", of="receiver", file=AGENCIES, names=LEVELS)),
    board=Board(
        "documents", "Văn bản liên thông", "Documents",
        names={"sender": ("Cơ quan gửi", "Sender"), "receiver": ("Cơ quan nhận", "Receiver"), "sender_level": ("Cấp gửi", "Sender's level"),
               "receiver_level": ("Cấp nhận", "Receiver's level")},
        tiles=("document.sent", "document.waiting", "document.stuck", "document.acceptance_hours", "document.signed_personal_share",
               "document.recall_share"),
        rankings=(("document.stuck", "receiver"), ("document.sent", "sender")),
        lines=(("document.waiting", "document.stuck"), ("document.sent",), ("document.signed_agency_share", "document.signed_personal_share")),
        choices=("sender_level",),
    ),
    demo=demo,
    pasts={"thanh-hoa-2022": past},
)  # fmt: skip
