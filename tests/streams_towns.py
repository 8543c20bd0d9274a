"""A stream for tests of units: permits that are opened and closed in units of a random world, of kinds that are of sorts."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from ioc.times import DAY
from ioc.units.identity import Editions
from ioc.vocabulary import UNKNOWN, Board, Contribution, Dims, Indicator, Lifecycle, Quantiles, Ratio, Rollup, Stream, above
from schemas.envelope import Code, Envelope, Strict
from tests.brute import Record
from tests.logs import text
from tests.worlds import DAYS, World

TOPIC = "ioc.events.towns"
KINDS = {"k0": "house", "k1": "house", "k2": "road"}
"""Kind -> sort."""
EDGES = (0, 1, 5, 20, 100)
DAYS_OPEN = Quantiles(EDGES, (0.5, 0.9))


class Permit(Strict):
    """A change of a permit."""

    permit: Code
    state: Annotated[Literal["opened", "moved", "closed"], Field(description="what happened")]
    unit: Code | None = None
    kind: Code | None = None


class PermitChanged(Envelope[Permit]):
    """A permit was opened, moved or closed."""

    event_type: ClassVar[str] = "test.permit.v1"
    topic: ClassVar[str] = TOPIC
    entity_key: ClassVar[str] = "permit"

    type: Literal["test.permit.v1"]


class Item(NamedTuple):
    """What is kept of an event."""

    time: int
    state: str
    unit: str | None
    kind: str | None


@cache
def editions() -> Editions:
    """Those of the random worlds."""
    return Editions(tuple(map(date.fromisoformat, DAYS)))


def _life(history: Sequence[Item]) -> tuple[list[tuple[int, int | None, Dims]], Dims]:
    """The stretches in which it was open, each with its dimensions."""
    spans: list[tuple[int, int | None, Dims]] = []
    dims = (UNKNOWN, UNKNOWN)
    for item in history:
        unit = dims[1] if item.unit is None else editions().identity(item.unit, item.time)
        dims = (item.kind or dims[0], unit)
        if spans and spans[-1][1] is None:
            start, _, before = spans[-1]
            if item.state == "closed" or dims != before:
                spans[-1] = (start, item.time, before)
            if item.state != "closed" and dims != before:
                spans.append((item.time, None, dims))
        elif not spans and item.state == "opened":
            spans.append((item.time, None, dims))
    return spans, dims


def contributions(history: Sequence[Item]) -> list[Contribution]:
    """A level while it is open, and what it was when it began and ended."""
    spans, _ = _life(history)
    rows: list[Contribution] = []
    for start, end, dims in spans:
        rows += [("towns.open", dims, start, (1,))] + ([("towns.open", dims, end, (-1,))] if end is not None else [])
    if spans:
        rows.append(("towns.opened", spans[0][2], spans[0][0], (1,)))
        start, (_, end, dims) = spans[0][0], spans[-1]
        if end is not None:
            days = (end - start) // DAY
            rows.append(("towns.quick", dims, end, (int(days < 5), 1, 1)))
            rows.append(("towns.days", dims, end, DAYS_OPEN.one_hot(days)))
    return rows


def lifecycle(history: Sequence[Item]) -> Lifecycle:
    """From its first opening to its last end."""
    spans, dims = _life(history)
    return (spans[0][0], spans[-1][1], None, spans[-1][2]) if spans else (None, None, None, dims)


def towns(folder: Path, world: World, *, rollups: bool = True, by: Dims = ("district",)) -> Stream:
    """The stream with the units of a world, whose files are written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tree, kinds = folder / "units", folder / "kinds.toml"
    tree.mkdir(exist_ok=True)
    (folder / "units.toml").write_text(world.toml())
    (tree / "units.csv").write_text("\n".join(world.units()))
    (tree / "successors.csv").write_text("\n".join(world.successors()))
    kinds.write_text("\n".join(f'[[kind]]\ncode = "{code}"\nname = "{code}"\nsort = "{sort}"' for code, sort in KINDS.items()))
    groupings = ((), ("kind",), ("unit",), ("kind", "unit"))
    flow = {"windows": ("1d", "7d", "month", "year"), "groupings": groupings}
    return Stream(
        name="towns",
        contract=PermitChanged,
        dimensions=("kind", "unit"),
        item=Item,
        rank=lambda item: ("opened", "moved", "closed").index(item.state),
        contributions=contributions,
        lifecycle=lifecycle,
        indicators=(
            Indicator("towns.open", "Đang mở", "Open", "1", "+1 while it is open", level=True, groupings=groupings,
                      alert=above(3, hold="2m", by=by, clear=2) if rollups else None),
            Indicator("towns.opened", "Đã mở", "Opened", "1", "+1 when it is opened", **flow),  # type: ignore[arg-type]
            Indicator("towns.quick", "Nhanh", "Quick", "%", "closed within 5 days / closed", Ratio("quick", "closed"), **flow),  # type: ignore[arg-type]
            Indicator("towns.days", "Số ngày", "Days", "ngày", "days it was open", DAYS_OPEN, **flow),  # type: ignore[arg-type]
        ),
        rollups=(
            Rollup("sort", of="kind", file=kinds, key="sort", names={"house": "Nhà ở", "road": "road"}),
            *(Rollup(level, of="unit", tree=tree) for level in ("province", "district", "commune")),
        )
        if rollups
        else (),
        board=Board(
            "towns", "Giấy phép", "Permits", names={"district": ("Huyện", "District"), "sort": ("Loại", "Sort")},
            tiles=("towns.open", "towns.quick"), lines=(("towns.open",), ("towns.opened",), ("towns.quick",)),
            choices=("district", "sort"),
            rankings=(("towns.open", "district"), ("towns.opened", "sort"), ("towns.quick", "district")),
        )
        if rollups
        else None,
    )  # fmt: skip


def event(permit: str, identity: str, state: str, at: int, **more: Any) -> dict[str, Any]:
    """An event of a permit."""
    data = {"permit": permit, "state": state, **{name: value for name, value in more.items() if value is not None}}
    return {"specversion": "1.0", "id": identity, "source": "/t", "type": "test.permit.v1", "time": text(at), "data": data}


def record(made: dict[str, Any], offset: int, received: int) -> Record:
    """Its record in a topic of one partition."""
    key = made["data"].get("permit", "").encode()
    return Record(TOPIC, 0, offset, key, json.dumps(made).encode(), received)


def random_events(rng: random.Random, world: World, permits: int, begin: int, end: int) -> list[dict[str, Any]]:
    """Lives of permits between two instants, in the order of time; units as of their time, and some that were never there."""
    found = []
    codes = [*{code for units in world.editions for code in units}, "999"]
    for n in range(permits):
        times = sorted(rng.sample(range(begin // 1000, end // 1000), rng.randrange(1, 5)))
        for place, at in enumerate(times):
            state = "opened" if place == 0 else rng.choice(("moved", "closed"))
            unit = rng.choice(codes) if place == 0 or rng.random() < 0.4 else None
            kind = rng.choice([*KINDS, "k9"]) if place == 0 or rng.random() < 0.2 else None
            found.append(event(f"P{n}", f"p{n}.{place}", state, at * 1000, unit=unit, kind=kind))
    return sorted(found, key=lambda e: (e["time"], e["id"]))
