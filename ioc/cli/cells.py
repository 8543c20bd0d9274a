"""Cells: the registry of 5G cells: which are on air, where each stands, and what is wrong with its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ioc.cli.common import Data, Json, Run, dump, moment, reader, say, show, table
from ioc.cli.units import checked
from ioc.errors import ServiceAway

if TYPE_CHECKING:
    from ioc.units.cells import Cell, Registry
    from ioc.units.tree import Tree

cells = typer.Typer(help="The registry of 5G cells (ô): site, position, commune, vendor, days on air.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(cells, name="cells")


@cells.command("list")
def list_cells(
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="The cells on air then; default: the newest.")] = None,
    site: Annotated[list[str] | None, typer.Option("--site", help="Only the cells of this site; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """List the cells on air at a time: site, position, commune, vendor, the seconds of a period, and since when.

    Example: ioc cells list --at 2026-01-01 --site THA-SS1
    """
    from ioc.units.cells import FOREVER

    registry, tree = _known()
    then = moment(at)
    found = registry.at(FOREVER - 1 if then is None else then)
    rows = [_row(tree, cell, FOREVER if then is None else then + 1) for cell in found if not site or cell.site in site]
    if as_json:
        dump(rows)
    elif not rows:
        say("no cell is on air then" if not site else "no cell of this site is on air then; leave out --site to see which are")
    else:
        show(table("", tuple(rows[0]), [tuple(row.values()) for row in rows]))


def _row(tree: Tree, cell: Cell, at: int) -> dict[str, Any]:
    """`at`: the commune is told under the edition in force just before it."""
    from ioc.units.cells import FOREVER
    from ioc.units.cells_file import day

    codes = tree.editions
    unit = tree.at(codes.identity(cell.unit, cell.begins), codes.at(at - 1))
    named = tree.unit(unit)
    return {
        "cell": cell.cell, "site": cell.site, "name": cell.name, "latitude": cell.latitude, "longitude": cell.longitude,
        "unit": unit, "commune": named.name if named else "", "vendor": cell.vendor, "period_s": cell.period_s, "kind": cell.kind,
        "from": day(cell.begins), "to": None if cell.ends == FOREVER else day(cell.ends),
    }  # fmt: skip


@cells.command()
def check(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A registry, as CSV; default: the one in force.")] = None,
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Check a registry: rows that overlap, end before they begin, name no commune or lie outside Vietnam; or the one in force and
    the sites in the data that it lacks.

    Exits 1 when something is wrong. Example: ioc cells check cells.csv
    """
    from ioc.units import cells_file, reading
    from ioc.units.reading import UnitsRefused

    wrong: list[str] = []
    unknown: list[dict[str, Any]] = []
    told = ""
    try:
        tree = reading.tree(reading.home())
        registry = cells_file.checked(reading.opened(file or cells_file.home()), tree)
    except UnitsRefused as error:
        wrong = list(error.found)
    else:
        told, unknown = _told(registry), [] if file else _unknown(run, data)
    checked(wrong, told, unknown, "trạm không rõ / unknown sites in the data", as_json)


def _known() -> tuple[Registry, Tree]:
    from ioc.units import cells_file, reading

    return cells_file.registry(cells_file.home(), reading.home()), reading.tree(reading.home())


def _told(registry: Registry) -> str:
    """How much there is of what."""
    from ioc.units.cells import FOREVER

    now = registry.at(FOREVER - 1)
    sites, gone = len({cell.site for cell in now}), len({c.cell for c in registry.cells} - {c.cell for c in now})
    return f"the registry is well\n{len(now)} cells of {sites} sites on air, {gone} gone, {len(registry.cells)} rows"


def _unknown(run: str | None, data: Path | None) -> list[dict[str, Any]]:
    """The sites in the data that the registry does not know, with how much was counted under each."""
    from ioc.asking.unknown import unknown_sites
    from ioc.cli.later import catalog

    try:
        return unknown_sites(reader(data, run)[1], catalog())
    except ServiceAway:
        say("no centre is running, so the sites in the data are not looked at")
        return []
