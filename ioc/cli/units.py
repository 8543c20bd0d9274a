"""Units: the tree of administrative units: what is in force, what is wrong with files, and new ones put in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ioc.cli.common import Data, Json, Run, connected, dump, moment, reader, say, show, table
from ioc.errors import IocError, ServiceAway, UsageError

if TYPE_CHECKING:
    from ioc.units.reading import File
    from ioc.units.tree import Tree, Unit

units = typer.Typer(help="The tree of administrative units (đơn vị hành chính), as of any time.", no_args_is_help=True)
Into = Annotated[Path | None, typer.Option("--into", metavar="DIR", help="Folder of the tree; default: that of streams/data.")]
Files = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILES]", help="Units or successors, as CSV; default: those in force.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(units, name="units")


@units.command("list")
def list_units(
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="The units in force then; default: the newest.")] = None,
    level: Annotated[
        list[str] | None, typer.Option("--level", help="central, province, district or commune; repeatable.")
    ] = None,
    into: Into = None,
    as_json: Json = False,
) -> None:
    """List the units of a time: by what they are counted under, with their parents, and what they became.

    Example: ioc units list --at 2022-10-06 --level district
    """
    from ioc.units.reading import tree
    from ioc.units.tree import LEVELS

    if odd := [one for one in level or [] if one not in LEVELS]:
        raise UsageError(f"no level {odd[0]!r}; there are {', '.join(LEVELS)}")
    found, then = tree(_folder(into)), moment(at)
    edition = len(found.editions.days) - 1 if then is None else found.editions.at(then)
    rows = [_row(found, unit, edition) for unit in found.of(edition, level or LEVELS)]
    if as_json:
        dump(rows)
        return
    say(f"edition of {found.editions.days[edition]}: {len(rows)} units")
    show(table("", tuple(rows[0]) if rows else (), [tuple(_cell(cell) for cell in row.values()) for row in rows]))


def _row(tree: Tree, unit: Unit, edition: int) -> dict[str, Any]:
    days = tree.editions.days
    return {
        "unit": tree.name(unit), "name": unit.name, "level": unit.level, "parent": unit.parent,
        "valid_from": str(days[unit.begins]), "valid_to": None if unit.ends is None else str(days[unit.ends]),
        "became": list(tree.parts(tree.name(unit))),
    }  # fmt: skip


def _cell(cell: Any) -> Any:
    return ", ".join(cell) if isinstance(cell, list) else cell


@units.command()
def check(files: Files = None, into: Into = None, run: Run = None, data: Data = None, as_json: Json = False) -> None:
    """Check files of units: holes, overlaps, cycles, successors; or those in force and the codes in the data that they lack.

    Exits 1 when something is wrong. Example: ioc units check units.csv successors.csv
    """
    from ioc.units.reading import UnitsRefused, tree

    try:
        found = _of_files(files, _folder(into)) if files else tree(_folder(into))
    except UnitsRefused as error:
        wrong, unknown, told = list(error.found), [], ""
    else:
        wrong, told = _gone(found, _folder(into)) if files else [], _told(found)
        unknown = [] if files else _unknown(run, data)
    checked(wrong, told, unknown, "đơn vị không rõ / unknown units in the data", as_json)


def checked(wrong: list[str], told: str, unknown: list[dict[str, Any]], title: str, as_json: bool) -> None:
    """Say what is wrong with files, or how they are, and which codes in the data they lack.  Raises Exit 1 where there is any."""
    from ioc.units.reading import first

    if as_json:
        dump({"wrong": wrong, "unknown": unknown})
    else:
        show("\n".join([*first(wrong), *([told] if told else [])]))
        if unknown:
            columns = ("stream", "dimension", "code", "count", "of")
            show(table(title, columns, [tuple(row.values()) for row in unknown]))
    if wrong or unknown:
        raise typer.Exit(1)


def _gone(tree: Tree, folder: Path) -> list[str]:
    """What is said of units that are in force, and would be so no longer: none ends by being left out."""
    from ioc.units.reading import UnitsRefused
    from ioc.units.reading import tree as in_force

    try:
        before = in_force(folder)
    except UnitsRefused:  # what is there is wrong itself
        return []
    if not (gone := sorted({*before.identities()} - {*tree.identities()})):
        return []
    some = f"{', '.join(gone[:5])}{', ...' if len(gone) > 5 else ''}"
    said = "units in force are not in these files, and a file is the whole list"
    return [f"{len(gone)} {said}: {some}; one that ends stays, with the day in valid_to"]


def _told(tree: Tree) -> str:
    """How many units of each level there are in each edition."""
    from ioc.units.tree import LEVELS

    counts = [
        f"{day}: " + ", ".join(f"{n} {level}{'' if n == 1 else 's'}" for level in LEVELS if (n := len(tree.of(edition, [level]))))
        for edition, day in enumerate(tree.editions.days)
    ]
    return "\n".join(["the units are well", *counts])


def _unknown(run: str | None, data: Path | None) -> list[dict[str, Any]]:
    """The codes in the data that no edition knows, with how much was counted under each."""
    from ioc.asking.unknown import unknown
    from ioc.cli.later import catalog

    try:
        store = reader(data, run)[1]
        return unknown(store, catalog())
    except ServiceAway:
        say("no centre is running, so the codes in the data are not looked at")
        return []


@units.command("import")
def import_units(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="units.csv, successors.csv, or both; known by their headers.")
    ],
    into: Into = None,
    drop: Annotated[bool, typer.Option("--drop", help="Also where units that are in force are not in the files.")] = False,
    data: Data = None,
) -> None:
    """Put files of units in force, if they hold together with what they do not replace; else nothing changes.

    A file takes the place of the whole list: a unit that ends stays in it, with the day it ends. Boards follow at once where a
    centre runs; the worker's alerts by a rollup once it is started again. Nothing is counted anew.
    Example: ioc units import units.csv successors.csv
    """
    from ioc.units.reading import UnitsRefused, install, kind_of, opened

    folder = _folder(into)
    try:
        found = _of_files(files, folder)
    except UnitsRefused as error:
        raise IocError(f"{error}\nnothing is changed: what was in force stays") from None
    if not drop and (gone := _gone(found, folder)):
        raise IocError(f"{gone[0]}\nnothing is changed: what was in force stays; --drop takes them away")
    install({kind_of(file): file for file in map(opened, files)}, folder)
    show(f"{_told(found)}\nin force from now on: {folder}")
    if into is None:
        _follow(data)


def _follow(data: Path | None) -> None:
    """Boards read names and groups from the store."""
    from ioc.catalog import load
    from ioc.store import tables
    from ioc.store.clickhouse import Store

    try:
        changed = tables.fill(Store(connected(data)), load())
    except ServiceAway:
        say("no centre is running; `ioc up` brings its boards up to date")
        return
    for one in changed:
        say(one)


def _of_files(files: list[Path], folder: Path) -> Tree:
    """The tree of some files, with those in force for what they do not hold.  Raises UnitsRefused."""
    from ioc.units.reading import UnitsRefused, checked, editions, kind_of, opened
    from ioc.units.reading import files as in_force

    given: dict[str, File] = {}
    for file in map(opened, files):
        kind = kind_of(file)
        if kind in given:
            raise UnitsRefused([f"{file.name} and {given[kind].name} both hold {kind}; one file of each kind is right"])
        given[kind] = file
    return checked(editions(folder), in_force(folder) | given)


def _folder(into: Path | None) -> Path:
    from ioc.units.reading import home

    return home() if into is None else into
