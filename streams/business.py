"""Business (doanh nghiệp): companies in the SME programme (SMEdx), cooperation agreements in force, exhibition stands.

A company is in the programme from `joined` to `left`; with an `exhibition` the two tell that it shows there, so a company at two
stands is one exhibitor. An agreement is in force from its signing, or from `since` where that is later, to `until` or `ended`.
One `signed` again before that is renewed: it stays in force, to another `until`; after that it is signed anew, with a `since` and
an `until` of its own. A stand is there from `opened` to `closed`. What leaves, ends or closes without having come counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from ioc.times import DAY
from ioc.tomls import Strict, load
from ioc.units.identity import identity
from ioc.vocabulary import UNKNOWN, Board, Contribution, Dims, Indicator, Legal, Rollup, Stream, above
from schemas.business import STATES, BusinessChanged
from streams.business_demo import demo, past, stock
from streams.levels import ONE, on

DATA = Path(__file__).parent / "data"
RULES, SECTORS, AGENCIES = DATA / "business.toml", DATA / "sectors.toml", DATA / "agencies.toml"
RANK = {state: n for n, state in enumerate(STATES)}


class Rules(Strict):
    """`business.toml`."""

    expiring_days: Annotated[int, Field(ge=1, le=3_650)]


@cache
def rules() -> Rules:
    """What `streams/data/business.toml` says.  Raises UsageError."""
    return load(RULES, Rules, f"streams/data/{RULES.name}")


class Step(NamedTuple):
    """What the history keeps of an event; times in ms."""

    time: int
    kind: str
    state: str
    exhibition: str | None = None
    field: str | None = None
    unit: str | None = None
    agency: str | None = None
    since: int | None = None
    until: int | None = None


def contributions(history: Sequence[Step]) -> list[Contribution]:
    """What a number of the registry adds to each indicator, and when: what its events say of each kind, told by itself."""
    rows: list[Contribution] = []
    for kind, tell in (("company", _company), ("agreement", _agreement), ("stand", _stand)):
        tell(rows, [step for step in history if step.kind == kind])
    return rows


def _stretches(steps: Sequence[Step]) -> Iterator[tuple[Step, Dims, int | None]]:
    """Each event, what holds from it on, and until when: the next one's time, or none."""
    field = unit = agency = UNKNOWN
    for n, step in enumerate(steps, 1):
        field, agency = step.field or field, step.agency or agency
        unit = unit if step.unit is None else identity(step.unit, step.time)
        yield step, (field, unit, agency), steps[n].time if n < len(steps) else None


def _company(rows: list[Contribution], steps: Sequence[Step]) -> None:
    member, shows = False, frozenset[str]()
    for step, dims, end in _stretches(steps):
        joined = step.state == "joined"
        if step.exhibition is not None:
            shows = shows | {step.exhibition} if joined else shows - {step.exhibition}
        elif joined != member:
            member = joined
            rows.append((f"business.{step.state}", dims, step.time, ONE))
        if member:
            on(rows, "business.companies", dims, step.time, end)
        if shows:
            on(rows, "business.exhibitors", dims, step.time, end)


def _agreement(rows: list[Contribution], steps: Sequence[Step]) -> None:
    signed = False
    since: int | None = None
    until: int | None = None
    for step, dims, end in _stretches(steps):
        if until is not None and until <= step.time:
            signed = False  # it ran out
        if step.state == "ended":
            if signed:
                rows.append(("business.agreements_ended", dims, step.time, ONE))
            signed = False
            continue
        if not signed:
            rows.append(("business.agreements_signed", dims, step.time, ONE))
            since, until = step.since, step.until
        elif since is not None and since > step.time and step.since is not None:
            since = step.since  # not in force yet; what is stays so
        signed, until = True, until if step.until is None else step.until
        begins = step.time if since is None else max(step.time, since)
        stops = end if until is None else until if end is None else min(end, until)
        on(rows, "business.agreements", dims, begins, stops)
        if until is not None:
            on(rows, "business.expiring", dims, max(begins, until - rules().expiring_days * DAY), stops)


def _stand(rows: list[Contribution], steps: Sequence[Step]) -> None:
    for step, dims, end in _stretches(steps):
        if step.state == "opened":
            on(rows, "business.stands", dims, step.time, end)


COMPANY_BY = ((), ("field",), ("unit",))
AGREEMENT_BY = ((), ("field",), ("agency",))
STAND_BY = ((), ("field",))
OWN = Legal("project's own", "2026-12-01")

STREAM = Stream(
    name="business",
    contract=BusinessChanged,
    dimensions=("field", "unit", "agency"),
    item=Step,
    rank=lambda step: RANK[step.state],
    contributions=contributions,
    indicators=(
        Indicator("business.companies", "Doanh nghiệp tham gia chương trình SMEdx", "Companies in the SME programme", "1",
                  "+1 when a company joins the programme, -1 when it leaves", level=True, groupings=COMPANY_BY, legal=OWN),
        Indicator("business.joined", "Doanh nghiệp mới tham gia", "Companies that joined", "1",
                  "+1 at each event joined of a company that is not in the programme", groupings=COMPANY_BY, legal=OWN),
        Indicator("business.left", "Doanh nghiệp rời chương trình", "Companies that left", "1",
                  "+1 at each event left of a company in the programme", groupings=COMPANY_BY, legal=OWN),
        Indicator("business.agreements", "Thỏa thuận hợp tác còn hiệu lực", "Agreements in force", "1",
                  "+1 when signed, or at `since` if that is later; -1 at `until`, or when ended", level=True,
                  groupings=AGREEMENT_BY, legal=OWN),
        Indicator("business.agreements_signed", "Thỏa thuận ký kết", "Agreements signed", "1",
                  "+1 at each event signed of an agreement that is not signed yet, has ended or has run out",
                  groupings=AGREEMENT_BY, legal=OWN),
        Indicator("business.agreements_ended", "Thỏa thuận chấm dứt trước hạn", "Agreements ended early", "1",
                  "+1 at each event ended of an agreement that is signed and has not run out", groupings=AGREEMENT_BY, legal=OWN),
        Indicator("business.expiring", "Thỏa thuận sắp hết hiệu lực", "Agreements about to run out", "1",
                  "in force, and at most `expiring_days` (30) calendar days before `until`", level=True,
                  groupings=AGREEMENT_BY, legal=OWN, alert=above(8, hold="1h", clear=6)),
        Indicator("business.stands", "Gian hàng trưng bày", "Exhibition stands", "1", "+1 when opened, -1 when closed",
                  level=True, groupings=STAND_BY, legal=OWN),
        Indicator("business.exhibitors", "Doanh nghiệp trưng bày", "Exhibiting companies", "1",
                  "companies that joined an exhibition, or several, and have not left all of them: each counts once", level=True,
                  groupings=STAND_BY, legal=OWN),
    ),
    data_files=(RULES, DATA / "units.toml"),
    reads=rules,
    units=(SECTORS, AGENCIES),
    rollups=(Rollup("district", of="unit", tree=DATA / "units"),),
    board=Board(
        "business", "Doanh nghiệp", "Business",
        names={"field": ("Lĩnh vực", "Field"), "unit": ("Xã, phường", "Commune"), "agency": ("Cơ quan", "Agency"),
               "district": ("Huyện, thị xã", "District")},
        tiles=("business.companies", "business.agreements", "business.expiring", "business.stands", "business.exhibitors"),
        rankings=(("business.companies", "field"), ("business.agreements", "agency")),
        lines=(("business.joined", "business.left"), ("business.agreements", "business.expiring"),
               ("business.stands", "business.exhibitors")),
    ),
    demo=demo,
    stock=stock,
    pasts={"thanh-hoa-2022": past},
)  # fmt: skip
