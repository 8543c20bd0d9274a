"""Index: a period is scored under a rule pack, or under two side by side."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ioc.cli.common import Data, Json, Run, dump, number, reader, say, show, table
from ioc.errors import UsageError

if TYPE_CHECKING:
    from ioc.scoring.pack import Pack
    from ioc.scoring.score import Scored

Name = Annotated[str, typer.Option("--pack", metavar="PACK", help="A shipped pack (`ioc index list`), or a file.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    index = typer.Typer(
        help="Rule packs that turn indicators of a period into points: Decision 766/QĐ-TTg.", no_args_is_help=True
    )
    index.command("list")(list_packs)
    index.command("show")(show_pack)
    index.command("score")(score_period)
    app.add_typer(index, name="index")


def list_packs(as_json: Json = False) -> None:
    """List the shipped packs and their dates of effect. Example: ioc index list"""
    from ioc.scoring.pack import load_pack, shipped

    packs = [load_pack(name) for name in shipped()]
    if as_json:
        dump([{"id": p.id, "version": p.version, "vi": p.vi, "en": p.en, "basis": p.basis, "effect": _effect(p)} for p in packs])
        return
    show(
        table("", ("pack", "version", "in effect", "tên", "basis"), [(p.id, p.version, _effect(p), p.vi, p.basis) for p in packs])
    )


def _effect(pack: Pack) -> str:
    return f"from {pack.begins}" + (f" to {pack.ends}" if pack.ends else "")


def show_pack(
    pack: Annotated[str, typer.Argument(metavar="PACK", help="A shipped pack, or a file: it is checked.")], as_json: Json = False
) -> None:
    """Show the items of a pack: points, thresholds, what they are read from. Example: ioc index show 766"""
    from ioc.catalog import load
    from ioc.scoring.pack import load_pack
    from ioc.scoring.score import check

    found = load_pack(pack)
    check(found, load())
    if as_json:
        dump(found.model_dump(mode="json", by_alias=True))
        return
    show(f"{found.vi}\n{found.en}\n{found.basis}; version {found.version}, {_effect(found)}\n{found.source}")
    rows = [(i.id, i.vi, i.en, number(i.max), f"{number(i.target)} %", _read_from(i)) for i in found.item]
    show(table("", ("id", "tên", "title", "max", "target", "from"), rows))


def _read_from(item: Any) -> str:
    if item.any is not None:
        return f"share of procedures ({item.any.of}) with {item.any.indicator}"
    return " less ".join(item.indicators) or f"no data: {item.missing}"


def score_period(
    period: Annotated[
        str, typer.Option("--period", metavar="PERIOD", help="A month, a quarter or a year: 2026-10, 2026-Q3, 2026.")
    ],
    pack: Name = "766",
    against: Annotated[str | None, typer.Option("--against", metavar="PACK", help="A second pack, beside the first.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="DIM", help="Points for each agency or procedure.")] = None,
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Score a period under a pack. What lacks data says so, and neither gains nor loses points.

    Example: ioc index score --period 2026-10 --pack 766 --by agency
    """
    from ioc.catalog import load
    from ioc.province.data import procedures
    from ioc.scoring import score
    from ioc.scoring.pack import load_pack

    packs = [load_pack(name) for name in (pack, against) if name is not None]
    of, catalog = score.period(period), load()
    if by is not None and by not in ("agency", "procedure"):
        raise UsageError(f"--by {by}: the index is told by agency or by procedure")
    _, store = reader(data, run)
    known = [asdict(p) for p in procedures()]
    found = [score.score(store, catalog, one, of, known, by) for one in packs]
    for note in filter(None, (score.goes_on(store, of), *(score.in_effect(one, of) for one in packs))):
        say(f"note: {note}")
    if as_json:
        dump([_as_json(one, groups) | {"period": of.name} for one, groups in zip(packs, found, strict=True)])
    elif by:
        _by_group(packs, found, by)
    else:
        _items(packs, [groups["*"] for groups in found])


def _as_json(pack: Pack, groups: dict[str, list[Scored]]) -> dict[str, Any]:
    from ioc.scoring.score import total

    told = {}
    for group, items in groups.items():
        points, most = total(items)
        rows = [
            {"id": s.item.id, "ratio": s.ratio, "n": s.n, "points": s.points, "max": s.item.max, "no data": s.why or None}
            for s in items
        ]
        told[group] = {"points": points, "of": most, "items": rows}
    return {"pack": pack.id, "version": pack.version, "groups": told}


def _items(packs: list[Pack], found: list[list[Scored]]) -> None:
    """The items of one pack, or of two side by side."""
    from ioc.scoring.score import total

    ids = list(dict.fromkeys(s.item.id for items in found for s in items))
    sides = [{s.item.id: s for s in items} for items in found]
    titles = ("id", "tên", "title", *(name for p in packs for name in ("ratio", "n", f"points {p.id}", "of")))
    rows = []
    for one in ids:
        item = next(side[one] for side in sides if one in side).item
        rows.append((one, item.vi, item.en, *(cell for side in sides for cell in _cells(side.get(one)))))
    ends = [total(items) for items in found]
    rows.append(
        (
            "",
            "Tổng điểm của mục có dữ liệu",
            "Points of what has data",
            *(c for p, m in ends for c in ("", "", number(p), number(m))),
        )
    )
    show(table("", titles, rows))


def _cells(scored: Scored | None) -> tuple[str, str, str, str]:
    if scored is None:
        return ("", "", "", "")
    if scored.ratio is None:
        return ("no data", scored.why, "", number(scored.item.max))
    return (f"{scored.ratio:.2f}", str(scored.n), number(scored.points), number(scored.item.max))


def _by_group(packs: list[Pack], found: list[dict[str, list[Scored]]], by: str) -> None:
    from ioc.scoring.score import total

    names = sorted({name for groups in found for name in groups})
    ends = [{name: total(items) for name, items in groups.items()} for groups in found]
    rows = [(name, *(cell for side in ends for cell in map(number, side.get(name, (None, 0.0))))) for name in names]
    show(table("", (by, *(title for p in packs for title in (f"points {p.id}", "of"))), rows))
