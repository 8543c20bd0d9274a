"""Events of VES for tests: gNBs that measure, raise alarms and beat, the same for the same seed; and the truth of what they say.

The truth is what the generator decided before it wrote an event of it: it shares no code with the engine.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
MINUTE, US = 60_000, 1_000
PERIOD_S, BEAT_S = 900, 60
PROBLEMS = ("Cell unavailable", "Link down", "High temperature")
SEVERITIES = ("CRITICAL", "MAJOR", "MINOR", "WARNING")
SUCCESSES = {
    "RRC.ConnEstabAtt": "RRC.ConnEstabSucc",
    "UECNTX.ConnEstabAtt": "UECNTX.ConnEstabSucc",
    "DRB.EstabAtt": "DRB.EstabSucc",
    "MM.HoExeInterReq": "MM.HoExeInterSucc",
}


@dataclass
class Episode:
    """An alarm from its onset to its clear; `severities`: (ms, severity) as it was told, the onset first; no `end`: active."""

    site: str
    cell: str
    problem: str
    severities: list[tuple[int, str]]
    end: int | None = None

    def severity(self, at: int) -> str | None:
        """The severity at a moment (what happens then has happened); None: it is not active."""
        if self.end is not None and self.end <= at:
            return None
        return next((severity for since, severity in reversed(self.severities) if since <= at), None)


@dataclass
class Truth:
    """`measured`: (cell, period begin in ms, counter) -> value, None where it was told to be none; `suspect`: the (cell, begin)
    whose values are doubted; `episodes`; `beats`: heartbeats of each element."""

    measured: dict[tuple[str, int, str], float | None] = field(default_factory=dict)
    suspect: set[tuple[str, int]] = field(default_factory=set)
    episodes: list[Episode] = field(default_factory=list)
    beats: dict[str, int] = field(default_factory=dict)


class Network:
    """`sites` gNBs of `cells` cells each, from `begin` (ms) on for `periods` granularity periods of a quarter of an hour."""

    def __init__(self, seed: int, sites: int, cells: int, begin: int, periods: int) -> None:
        self.truth = Truth()
        self._dice = random.Random(seed)
        self._number = 0
        self.sites = [f"THA-G{n:03}" for n in range(sites)]
        told: list[tuple[int, Event]] = []
        for site in self.sites:
            ends = [begin + (n + 1) * PERIOD_S * 1000 for n in range(periods)]
            told += [(end, self._performance(site, range(1, cells + 1), end)) for end in ends]
            told += [(at, self._heartbeat(site, at)) for at in range(begin, ends[-1], BEAT_S * 1000)]
            for cell in range(1, cells + 1):
                told += self._faults(site, cell, begin, ends[-1])
        self.told = sorted(told, key=lambda pair: pair[0])
        """(ms, event) in order of time; an event is what stands in `event`, or in a batch's `eventList`."""

    def batches(self, size: int = 20) -> Iterator[Event]:
        """Bodies for `/eventListener/v7/eventBatch`."""
        for n in range(0, len(self.told), size):
            yield {"eventList": [event for _, event in self.told[n : n + size]]}

    def active(self, at: int) -> dict[str, int]:
        """How many alarms are active at a moment, by severity."""
        found = [severity for episode in self.truth.episodes if (severity := episode.severity(at))]
        return {severity.lower(): found.count(severity) for severity in set(found)}

    def _header(self, site: str, domain: str, name: str, at: int, since: int | None = None) -> Event:
        self._number += 1
        return {
            "version": "4.1", "vesEventListenerVersion": "7.2.1", "domain": domain, "eventName": f"{domain}_{name}",
            "eventId": f"{domain}-{self._number:08}", "sequence": 0, "priority": "Normal", "sourceName": site,
            "reportingEntityName": f"{site}-oam", "timeZoneOffset": "+07:00", "nfVendorName": "acme",
            "startEpochMicrosec": (at if since is None else since) * US, "lastEpochMicrosec": at * US,
        }  # fmt: skip

    def _heartbeat(self, site: str, at: int) -> Event:
        self.truth.beats[site] = self.truth.beats.get(site, 0) + 1
        fields = {"heartbeatFieldsVersion": "3.0", "heartbeatInterval": BEAT_S}
        return {"commonEventHeader": self._header(site, "heartbeat", "gNB", at), "heartbeatFields": fields}

    def _counters(self) -> dict[str, float | None]:
        dice = self._dice
        found: dict[str, float | None] = {}
        for attempt, success in SUCCESSES.items():
            found[attempt] = tried = dice.randint(0, 400)
            found[success] = sum(dice.random() < 0.97 for _ in range(tried))
        return found | {
            "DRB.PdcpSduVolumeDL": dice.randint(0, 5_000_000),
            "DRB.UEThpDl": dice.randint(0, 9_000_000) / 10,
            "RRU.PrbTotDl": dice.randint(0, 100),
            "RRC.ConnMean": None if dice.random() < 0.02 else dice.randint(0, 900) / 10,
        }

    def _performance(self, site: str, cells: Sequence[int], end: int) -> Event:
        """The counters of a period of all cells of a gNB."""
        begin, names, values = end - PERIOD_S * 1000, list[str](), list[Event]()
        for cell in cells:
            counters = self._counters()
            suspect = self._dice.random() < 0.02
            names = list(counters)
            values.append(
                {
                    "measObjInstId": f"GNBDUFunction=1,NRCellDU={cell}",
                    "suspectFlag": "true" if suspect else "false",
                    "measResults": [
                        {"p": n, "isNull": "true"} if value is None else {"p": n, "sValue": str(value)}
                        for n, value in enumerate(counters.values(), 1)
                    ],
                }
            )
            self.truth.measured |= {(f"{site}:{cell}", begin, name): value for name, value in counters.items()}
            if suspect:
                self.truth.suspect.add((f"{site}:{cell}", begin))
        collection = {
            "granularityPeriod": PERIOD_S,
            "measuredEntityDn": f"SubNetwork=THA,ManagedElement={site}",
            "measInfoList": [
                {"measInfoId": {"sMeasInfoId": "NRCellDU"}, "measTypes": {"sMeasTypesList": names}, "measValuesList": values}
            ],
        }
        header = self._header(site, "perf3gpp", "gNB_pmMeasResult", end, begin)
        return {
            "commonEventHeader": header,
            "perf3gppFields": {"perf3gppFieldsVersion": "1.0.1", "measDataCollection": collection},
        }

    def _faults(self, site: str, cell: int, begin: int, end: int) -> list[tuple[int, Event]]:
        """One alarm after the other on a cell: raised, perhaps told again with another severity, cleared or not."""
        dice, told, problem = self._dice, list[tuple[int, Event]](), self._dice.choice(PROBLEMS)
        at = begin + dice.randint(0, 240) * MINUTE
        while at < end:
            severity = dice.choice(SEVERITIES)
            episode = Episode(site, f"{site}:{cell}", problem, [(at, severity)])
            self.truth.episodes.append(episode)
            header, onset = self._header(site, "fault", problem, at), at
            told.append((at, self._fault(header, cell, problem, severity, onset, at, 0)))
            while dice.random() < 0.3 and (at := at + dice.randint(1, 20) * MINUTE) < end:  # told again before it is cleared
                severity = dice.choice(SEVERITIES)
                episode.severities.append((at, severity))
                sequence = len(episode.severities) - 1
                told.append((at, self._fault(header, cell, problem, severity, onset, at, sequence)))
            at += dice.choice([0, *range(1, 120)]) * MINUTE  # some end in the moment they begin
            if at >= end or dice.random() < 0.1:
                break  # it is not cleared
            episode.end = at
            told.append((at, self._fault(header, cell, problem, "NORMAL", onset, at, len(episode.severities))))
            at += dice.randint(1, 300) * MINUTE
        return told

    def _fault(self, header: Event, cell: int, problem: str, severity: str, onset: int, at: int, sequence: int) -> Event:
        header = {**header, "sequence": sequence, "startEpochMicrosec": onset * US, "lastEpochMicrosec": at * US}
        fields = {
            "faultFieldsVersion": "4.0", "alarmCondition": problem, "alarmInterfaceA": f"GNBDUFunction=1,NRCellDU={cell}",
            "eventSeverity": severity, "eventSourceType": "other", "specificProblem": problem, "vfStatus": "Active",
        }  # fmt: skip
        return {"commonEventHeader": header, "faultFields": fields}
