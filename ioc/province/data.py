"""Province data: the agencies, procedures and 5G sites of the demo, read from `streams/data`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from ioc.units.cells import FOREVER
from ioc.units.cells_file import home as cells_file
from ioc.units.cells_file import registry
from ioc.units.reading import home as units_folder


@dataclass(frozen=True)
class Agency:
    """Who answers dossiers (cơ quan giải quyết). `unit`: code of the commune, empty for a department of the province."""

    code: str
    name: str
    unit: str
    department: str
    weight: float

    @property
    def short(self) -> str:
        """How dossier numbers begin: `H56.05` for 000.00.05.H56, `H56.01.10` for 000.01.10.H56."""
        parts = self.code.split(".")
        return ".".join(["H56", *(p for p in parts[1:3] if p != "00")])


@dataclass(frozen=True)
class Procedure:
    """An administrative procedure (thủ tục hành chính). `field`: lĩnh vực; `at`: "commune" or an agency code; `days`: working
    days; `automatic`: the portal answers by itself what comes online, at any hour."""

    code: str
    name: str
    field: str
    at: str
    days: int
    fee: bool
    online: float
    level: str
    weight: float
    department: str
    automatic: bool = False


@dataclass(frozen=True)
class Site:
    """A 5G site. `kind`: which daily curve its load follows, how good the 5G cover is; `cells`: their codes."""

    code: str
    name: str
    unit: str
    kind: str
    cells: tuple[str, ...]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((files("streams") / "data" / name).read_text(encoding="utf-8"))


@cache
def departments() -> tuple[Agency, ...]:
    """The departments of the province (sở, ngành)."""
    return tuple(Agency(code, name, "", works, 1.0) for code, name, works in _read("agencies.toml")["departments"])


@cache
def communes() -> tuple[Agency, ...]:
    """The people's committees of all communes and wards (UBND xã, phường)."""
    return tuple(Agency(code, name, unit, "", weight) for code, name, unit, weight in _read("agencies.toml")["communes"])


@cache
def procedures() -> tuple[Procedure, ...]:
    """The procedures dossiers are filed for."""
    return tuple(Procedure(**row) for row in _read("procedures.toml")["procedure"])


@cache
def sites() -> tuple[Site, ...]:
    """The 5G sites of the registry that are on air still."""
    found: dict[str, Site] = {}
    for cell in registry(cells_file(), units_folder()).cells:
        if cell.ends == FOREVER:
            site = found.get(cell.site, Site(cell.site, cell.name, cell.unit, cell.kind, ()))
            found[cell.site] = replace(site, cells=(*site.cells, cell.cell))
    return tuple(found.values())
