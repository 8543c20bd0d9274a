"""PM files by chance (a test tool): what the cells of a radio network told of a simulated day, and the truth to compare with.

A file is one site's of one period of 15 minutes, in either dialect and either style. Some never arrive, some late, some twice
under another name; what each cell counted, and what of it arrived, is told by plain dicts. `python -m tests.pm_files DIR`
writes some.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

PERIOD = 900
"""Seconds."""
BEGIN = int(datetime(2026, 5, 13, 17, tzinfo=UTC).timestamp() * 1_000)
"""Midnight of the province, in milliseconds."""
VN = timezone(timedelta(hours=7))
CAUSES = ("mo-Data", "mo-Signalling", "mt-Access")
Counts = dict[str, float | None]
"""By counter; None: the element had no value to tell."""
Key = tuple[str, int, str]
"""Cell (or site), begin of the period (ms), counter."""


@dataclass
class Files:
    """`arrivals`: the files in the order they arrive, some twice. `every`: what was counted; `told`: what of it arrived, without
    the suspect; `suspects`: (cell, begin) whose values are doubted; `dropped`: (site, begin) that never arrive."""

    arrivals: list[Path] = field(default_factory=list)
    every: dict[Key, float | None] = field(default_factory=dict)
    told: dict[Key, float | None] = field(default_factory=dict)
    suspects: set[tuple[str, int]] = field(default_factory=set)
    dropped: set[tuple[str, int]] = field(default_factory=set)
    results: int = 0
    """Results in all files that arrive, each file once."""


def make(
    folder: Path, cells: int = 6, periods: int = 96, begin: int = BEGIN, seed: int = 1, per_site: int = 3, empty: float = 0.01,
    suspect: float = 0.01, drop: float = 0.0, late: float = 0.0, repeat: float = 0.0, filled: Collection[str] = (),
) -> Files:  # fmt: skip
    """Write the files. `drop`, `late`, `repeat`: shares of files that never arrive, arrive behind all others, arrive twice;
    `empty`: of results without a value, but for those of `filled`; `suspect`: of cells and periods that are doubted."""
    chance, found, behind = random.Random(seed), Files(), list[Path]()
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(periods):
        at = begin + n * PERIOD * 1_000
        for first in range(0, cells, per_site):
            site = f"THA-P{first // per_site + 1:03}"
            objects = [
                (dn, cell, {n: None if n not in filled and chance.random() < empty else value for n, value in counts.items()})
                for dn, cell, counts in _objects(chance, site, min(per_site, cells - first))
            ]
            doubted = {cell for _, cell, _ in objects if cell != site and chance.random() < suspect}
            found.every |= {(cell, at, name): value for _, cell, counts in objects for name, value in counts.items()}
            found.suspects |= {(cell, at) for cell in doubted}
            if chance.random() < drop:
                found.dropped.add((site, at))
                continue
            path = folder / _name(site, at)
            path.write_text(_TEXTS[chance.randrange(len(_TEXTS))](site, at, objects, doubted), encoding="utf-8")
            found.results += sum(len(counts) for _, _, counts in objects)
            found.told |= {
                (cell, at, name): value for _, cell, counts in objects if cell not in doubted for name, value in counts.items()
            }
            (behind if chance.random() < late else found.arrivals).append(path)
            if chance.random() < repeat:
                again = path.with_name(f"again_{path.name}")
                again.write_bytes(path.read_bytes())
                behind.append(again)
    chance.shuffle(behind)
    found.arrivals += behind
    return found


def _objects(chance: random.Random, site: str, cells: int) -> Iterator[tuple[str, str, Counts]]:
    """(DN below the element, cell or site, counts) of all that a site measures in a period."""
    for n in range(1, cells + 1):
        for dn, counts in ((f"GNBCUCPFunction=1,NRCellCU={n}", _cu(chance)), (f"GNBDUFunction=1,NRCellDU={n}", _du(chance))):
            yield dn, f"{site}:{n}", counts
    yield "", site, {"PEE.Energy": chance.randrange(100, 900) / 1_000, "PEE.AvgPower": float(chance.randrange(400, 3_600))}


def _cu(chance: random.Random) -> Counts:
    found: Counts = {}
    for cause in CAUSES:
        for what in ("RRC.ConnEstab", "UECNTX.ConnEstab"):
            tried = chance.randrange(200)
            found[f"{what}Att.{cause}"] = tried
            found[f"{what}Succ.{cause}"] = tried - chance.randrange(max(1, tried // 20))
    for tries, successes in (
        ("DRB.EstabAtt", "DRB.EstabSucc"), ("MM.HoPrepInterReq", "MM.HoPrepInterSucc"), ("MM.HoExeInterReq", "MM.HoExeInterSucc"),
        ("MM.HoExeIntraReq", "MM.HoExeIntraSucc"),
    ):  # fmt: skip
        found[tries] = tried = chance.randrange(300)
        found[successes] = tried - chance.randrange(max(1, tried // 15))
    mean = chance.randrange(1, 400)
    found |= {"RRC.ConnMean": mean, "RRC.ConnMax": mean + chance.randrange(50)}
    found |= {"DRB.RelActNbr": chance.randrange(20), "DRB.SessionTime": chance.randrange(1, 300_000)}
    found |= {"QF.RelActNbr": chance.randrange(20), "QF.SessionTimeUE": chance.randrange(1, 300_000)}
    return found | {f"DRB.PdcpSduVolume{way}": chance.randrange(40_000_000) for way in ("DL", "UL")}


def _du(chance: random.Random) -> Counts:
    found: Counts = {f"RRU.PrbTot{way}": chance.randrange(101) for way in ("Dl", "Ul")}
    return found | {f"DRB.UEThp{way}": chance.randrange(10, 9_000_000) / 10 for way in ("Dl", "Ul")}


# ---- how it is written

Objects = list[tuple[str, str, Counts]]


def _name(site: str, at: int) -> str:
    begin, end = (datetime.fromtimestamp(ms / 1_000, VN) for ms in (at, at + PERIOD * 1_000))
    return f"A{begin:%Y%m%d.%H%M%z}-{end:%H%M%z}_{site}.xml"


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if value < 100_000 else repr(value)


def _32435(site: str, at: int, objects: Objects, doubted: set[str]) -> str:
    """TS 32.435, a `measType p` and an `r p` each, offsets without a colon."""
    end = datetime.fromtimestamp(at / 1_000 + PERIOD, VN)
    infos = []
    for dn, cell, counts in objects:
        types = "".join(f'<measType p="{p}">{name}</measType>\n' for p, name in enumerate(counts, 1))
        told = "".join(f'<r p="{p}">{_text(value)}</r>\n' for p, value in enumerate(counts.values(), 1))
        doubt = "<suspect>true</suspect>" if cell in doubted else ""
        name = f"ManagedElement={site}" + (f",{dn}" if dn else "")
        infos.append(
            f'<measInfo measInfoId="{dn.partition("=")[0] or "site"}"><job jobId="1"/>\n<granPeriod duration="PT{PERIOD}S" '
            f'endTime="{end:%Y-%m-%dT%H:%M:%S%z}"/>\n<repPeriod duration="PT{PERIOD}S"/>\n{types}'
            f'<measValue measObjLdn="{name}">\n{told}{doubt}</measValue></measInfo>\n'
        )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<measCollecFile xmlns="http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec">
<fileHeader fileFormatVersion="32.435 V10.0" vendorName="made" dnPrefix="SubNetwork=THA">
<fileSender localDn="ManagedElement={site}"/><measCollec beginTime="{end:%Y-%m-%dT%H:%M:%S%z}"/></fileHeader>
<measData><managedElement localDn="ManagedElement={site}"/>
{"".join(infos)}</measData>
<fileFooter><measCollec endTime="{end:%Y-%m-%dT%H:%M:%S%z}"/></fileFooter></measCollecFile>
"""


def _28532(site: str, at: int, objects: Objects, doubted: set[str]) -> str:
    """TS 28.532, space-separated lists, names relative to the element."""
    end = datetime.fromtimestamp(at / 1_000 + PERIOD, VN).isoformat()
    infos = []
    for dn, cell, counts in objects:
        doubt = f"<suspect>{'true' if cell in doubted else 'false'}</suspect>"
        told = " ".join(_text(value) or "NULL" for value in counts.values())
        infos.append(
            f'<measInfo measInfoId="{dn.partition("=")[0] or "site"}"><job jobId="1"/>'
            f'<granPeriod duration="PT15M" endTime="{end}"/><measTypes>{" ".join(counts)}</measTypes>\n'
            f'<measValue measObjLdn="{dn}"><measResults>{told}</measResults>{doubt}</measValue></measInfo>\n'
        )
    return f"""<?xml version="1.0"?>
<measDataFile xmlns="http://www.3gpp.org/ftp/specs/archive/28_series/28.532#measData">
<fileHeader fileFormatVersion="28.532 V16.0" vendorName="made" dnPrefix="SubNetwork=THA">
<fileSender senderName="ManagedElement={site}"/><measData beginTime="{end}"/></fileHeader>
<measData><measEntity localDn="ManagedElement={site}"/>
{"".join(infos)}</measData><fileFooter><measData endTime="{end}"/></fileFooter></measDataFile>
"""


_TEXTS = (_32435, _28532)


if __name__ == "__main__":
    made = make(Path(sys.argv[1]), *(int(number) for number in sys.argv[2:]), drop=0.1, late=0.1, repeat=0.1)
    print(f"{len(made.arrivals)} files, {made.results} results, {len(made.dropped)} files that never arrive")
