"""Community digital groups (tổ công nghệ số cộng đồng): groups, members, what they do, and how far snapshots drift from the sums.

A membership is an entity: it counts from `joined` to `left`, a group from `founded` to `dissolved`. What opens again what is open with
another place moves it there. A session or a help counts where its own event says. A snapshot (`counted`) is what a unit counts by
itself; it changes no sum, and each one replaces the one before. It holds no longer than the edition of the code list that names
the unit: whoever follows it counts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ioc.units.identity import editions, identity
from ioc.vocabulary import UNKNOWN, Board, Contribution, Dims, Indicator, Legal, Look, Rollup, Stream, Terms
from schemas.group import STATES, GroupChanged
from streams.groups_demo import demo, past, stock

DATA = Path(__file__).parent / "data"
OPENS = {"founded": "group.count", "joined": "group.members"}
CLOSES = {"dissolved": "group.count", "left": "group.members"}
FLOWS = {"joined": "group.joined", "left": "group.left"}
SNAPSHOT = ("group.stated_groups", "group.stated_members", "group.counted_units")
RANK = {state: n for n, state in enumerate(STATES)}


class Step(NamedTuple):
    """What the history keeps of an event; times in ms."""

    time: int
    subject: str
    state: str
    group: str | None = None
    unit: str | None = None
    people: int | None = None
    groups: int | None = None
    members: int | None = None


def contributions(history: Sequence[Step]) -> list[Contribution]:
    """What a group, a membership, a session or a unit's snapshots add to each indicator, and when."""
    rows: list[Contribution] = []
    held: dict[str, tuple[Dims, int]] = {}
    """What each level counts now, and where."""

    def holds(name: str, dims: Dims, amount: int, time: int) -> None:
        before, was = held.get(name, (dims, 0))
        if before == dims:
            rows.append((name, dims, time, (amount - was,)))
        else:
            rows.extend(((name, before, time, (-was,)), (name, dims, time, (amount,))))
        held[name] = dims, amount

    lapse: int | None = None
    """When the last snapshot holds no longer."""

    def lapses(until: int | None) -> None:
        nonlocal lapse
        if lapse is not None and (until is None or lapse <= until):
            rows.extend((name, dims, lapse, (-amount,)) for name in SNAPSHOT for dims, amount in [held.pop(name)])
            lapse = None

    for step in history:
        time, state = step.time, step.state
        lapses(time)
        dims: Dims = (UNKNOWN if step.unit is None else identity(step.unit, time), step.group or UNKNOWN)
        if state in OPENS:
            if state in FLOWS and OPENS[state] not in held:
                rows.append((FLOWS[state], dims, time, (1,)))
            holds(OPENS[state], dims, 1, time)
        elif state in CLOSES:
            if CLOSES[state] in held:
                dims, _ = held.pop(CLOSES[state])
                rows.append((CLOSES[state], dims, time, (-1,)))
                if state in FLOWS:
                    rows.append((FLOWS[state], dims, time, (1,)))
        elif state == "outreach":
            rows += (("group.outreach", dims, time, (1,)), ("group.reached", dims, time, (step.people or 0,)))
        elif state == "helped":
            rows.append(("group.helped", dims, time, (step.people or 0,)))
        else:
            _counts_its_own(step)
            dims = (dims[0], UNKNOWN)
            for name, amount in zip(SNAPSHOT, (step.groups or 0, step.members or 0, 1), strict=True):
                holds(name, dims, amount, time)
            lapse = editions().end(time)
    lapses(None)
    return [row for row in rows if row[3] != (0,)]


def _counts_its_own(step: Step) -> None:
    """A unit has one snapshot, the last: under another key each would count beside it."""
    if step.subject != step.unit:
        raise ValueError(f"a snapshot of unit {step.unit!r} has subject {step.subject!r}; its subject is the unit's code")


BY = ((), ("unit",))
WINDOWS = ("1d", "7d", "day", "month", "year")
OWN = Legal("project's own", "2026-12-01")


def _indicator(name: str, vi: str, en: str, unit: str, rule: str, *, level: bool = False) -> Indicator:
    return Indicator(f"group.{name}", vi, en, unit, rule, level=level, windows=WINDOWS, groupings=BY, legal=OWN)


STREAM = Stream(
    name="groups",
    contract=GroupChanged,
    dimensions=("unit", "digital_group"),
    item=Step,
    rank=lambda step: RANK[step.state],
    contributions=contributions,
    indicators=(
        _indicator("count", "Tổ công nghệ số cộng đồng", "Community digital groups", "1",
                   "+1 when founded, -1 when dissolved; founded again while it is there with another unit: it moves", level=True),
        _indicator("members", "Thành viên tổ công nghệ số", "Members of the groups", "người",
                   "+1 when a membership is joined, -1 when it is left; joined again while it holds with another unit or group: it "
                   "moves. A dissolved group's members leave by events of their own", level=True),
        _indicator("joined", "Thành viên tham gia", "Members joined", "người",
                   "+1 at each event joined of a membership that does not hold; a move is none"),
        _indicator("left", "Thành viên rời tổ", "Members left", "người",
                   "+1 at each event left of a membership that holds, where it was joined"),
        _indicator("outreach", "Buổi tuyên truyền, hướng dẫn", "Outreach sessions", "lượt", "+1 at each event outreach"),
        _indicator("reached", "Người dự buổi tuyên truyền", "People reached by sessions", "người",
                   "the people of each event outreach; none stated: 0"),
        _indicator("helped", "Người dân được hỗ trợ", "Citizens helped", "người", "the people of each event helped"),
        _indicator("stated_groups", "Số tổ theo số liệu chốt", "Groups by snapshots", "1",
                   "what the last snapshot of each unit counts, from its time on", level=True),
        _indicator("stated_members", "Số thành viên theo số liệu chốt", "Members by snapshots", "người",
                   "what the last snapshot of each unit counts, from its time on", level=True),
        _indicator("counted_units", "Xã, phường đã chốt số liệu", "Communes with a snapshot", "1", "+1 at the first snapshot of a unit",
                   level=True),
        Indicator("group.drift", "Chênh lệch thành viên so với số liệu chốt", "Members: snapshot minus sum of events", "người",
                  "(members by the last snapshot - members by events at the beginning of this month, of which snapshots speak) / communes "
                  "with a snapshot: of one commune its drift, and no value where it has no snapshot; of several the mean, which holds "
                  "where each has one (group.counted_units). A snapshot of an earlier month shows what has changed since, too",
                  Terms(("stated", "members", "this_month", "units"), (1, -1, 1, 0), (0, 0, 0, 1)), level=True,
                  groupings=(("unit",),), legal=OWN,
                  looks=(Look("group.stated_members"), Look("group.members"), Look("group.members", this="month"),
                         Look("group.counted_units"))),
    ),
    data_files=(DATA / "units.toml",),
    rollups=(Rollup("district", of="unit", tree=DATA / "units"), Rollup("province", of="unit", tree=DATA / "units")),
    board=Board(
        "groups", "Tổ công nghệ số cộng đồng", "Community digital groups",
        names={"unit": ("Xã, phường", "Commune"), "digital_group": ("Tổ", "Group")},
        tiles=("group.count", "group.members", "group.outreach", "group.helped", "group.stated_members", "group.counted_units"),
        rankings=(("group.helped", "unit"), ("group.drift", "unit")),
        lines=(("group.members", "group.stated_members"), ("group.helped", "group.reached"), ("group.joined", "group.left")),
    ),
    demo=demo,
    stock=stock,
    pasts={"thanh-hoa-2022": past},
)  # fmt: skip
