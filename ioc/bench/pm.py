"""PM: what the files of a radio network cost, from the folder to counted results."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

from ioc.bench.events import Pair
from ioc.importing.maps import load_map
from ioc.importing.translate import read_events
from ioc.times import MINUTE, iso

COUNTERS = 50
"""Results of one object; the one real file at hand has 21 of 125 objects, with vectors."""
PERIOD = 15 * MINUTE
_OBJECTS = ("GNBCUCPFunction=1,NRCellCU={}", "GNBDUFunction=1,NRCellDU={}")


def write(folder: Path, results: int, end: int, seed: int = 1) -> int:
    """Files of at least so many results, of 3 cells and 15 minutes each, the last ending at `end` (ms); how many there are."""
    chance, per_file = random.Random(seed), 3 * len(_OBJECTS) * COUNTERS  # noqa: S311 - the same files for everybody
    files = -(-results // per_file)
    sites = min(files, 200)
    for n in range(files):
        site, until = f"gNB{n % sites:03}", end - n // sites * PERIOD
        (folder / f"A{until}_{site}.xml").write_text(_text(site, iso(until), chance))
    return files * per_file


def _text(site: str, end: str, chance: random.Random) -> str:
    types = "".join(f'<measType p="{p}">pmBench{p}</measType>\n' for p in range(1, COUNTERS + 1))
    infos = []
    for dn in _OBJECTS:
        values = []
        for cell in (1, 2, 3):
            told = "".join(f'<r p="{p}">{chance.randrange(100_000)}</r>\n' for p in range(1, COUNTERS + 1))
            values.append(f'<measValue measObjLdn="ManagedElement={site},{dn.format(cell)}">\n{told}</measValue>\n')
        head = f'<measInfo measInfoId="{dn.partition("=")[0]}"><granPeriod duration="PT900S" endTime="{end}"/>\n'
        infos.append(f"{head}{types}{''.join(values)}</measInfo>\n")
    return (
        '<measCollecFile xmlns="http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec">\n'
        f'<fileHeader vendorName="bench"><fileSender localDn="ManagedElement={site}"/></fileHeader>\n'
        f'<measData><managedElement localDn="ManagedElement={site}"/>\n{"".join(infos)}</measData></measCollecFile>\n'
    )


def pairs(folder: Path) -> Iterator[Pair]:
    """The events of the files."""
    return ((event.key, event.value) for event in read_events([folder], load_map("pm")))


def seconds_to_read(folder: Path) -> float:
    """How long it takes to make events of the files, and nothing else."""
    began = time.perf_counter()
    for _ in pairs(folder):
        pass
    return time.perf_counter() - began
