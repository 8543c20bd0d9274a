"""Brute force of the KPIs of 5G, after docs/ran.md: what one measurement event adds, and what a window says with its bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FACTORS = {
    "ran.accessibility": ["RRC.ConnEstab", "UECNTX.ConnEstab", "DRB.Estab"],
    "ran.handover": ["MM.HoPrepInter", "MM.HoExeInter"],
}
RATIOS = {
    "ran.registration": ("RM.RegInitSucc", "RM.RegInitReq"),
    "ran.retainability": ("QF.RelActNbr", "QF.SessionTimeUE"),
    "ran.drb_retainability": ("DRB.RelActNbr", "DRB.SessionTime"),
}


def amount(event: Mapping[str, Any], counter: str) -> float | None:
    """What an event tells of a counter, all further parts together; None: nothing."""
    first: dict[str, float] = {}
    for one in event["measurements"]:
        if one.get("value") is not None:
            first.setdefault(one["name"], one["value"])
    further = {
        name[len(counter) :].lstrip("."): value
        for name, value in first.items()
        if name == counter or name.startswith(counter + ".")
    }
    further = {name: value for name, value in further.items() if not name.lower().replace("-", "").startswith("snssai")}
    signalling = 0.0
    if counter.startswith(("RRC.ConnEstab", "UECNTX.ConnEstab")):
        for name in [name for name in further if name.lower().replace("-", "").replace("_", "") == "mosignalling"]:
            signalling += further.pop(name)
    for total in further:
        if total.lower() in ("", "sum"):
            return further[total] - signalling
    return sum(further.values()) if further else None


def rows(data: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """What an event that nobody doubts adds, by indicator."""
    found: dict[str, tuple[int, ...]] = {}
    seconds = data["period_s"]
    for name, factors in FACTORS.items():
        measures: list[int] = []
        for factor in factors:
            tried = amount(data, factor + ("Att" if "Estab" in factor else "Req"))
            done = amount(data, factor + "Succ")
            measures += [round(done or 0), round(tried or 0), 0 if tried is None else seconds]
            if tried is not None or done is not None:
                found[name] = ()
        if name in found:
            found[name] = (*measures, 1)
    for name, (part, whole) in RATIOS.items():
        a, b = amount(data, part), amount(data, whole)
        if a is not None or b is not None:
            found[name] = (round(a or 0), round(b or 0), 1)
    down, up, energy = (amount(data, name) for name in ("DRB.PdcpSduVolumeDL", "DRB.PdcpSduVolumeUL", "PEE.Energy"))
    if down is not None:
        found["ran.cell_throughput"] = (round(down), seconds, 1)
    if not (down is None and up is None and energy is None):
        found["ran.energy_efficiency"] = (round(down or 0) + round(up or 0), round((energy or 0) * 1_000_000), 1)
    return found


def chain(factors: Sequence[tuple[float, float, float]], due: float) -> tuple[float | None, float, float] | None:
    """(value, lo, hi) in % from (successes, attempts, seconds covered) of each factor and the seconds due, by the formula of
    missing periods; None: nothing can be said."""
    value: float | None = 100.0
    lo = hi = 100.0
    for done, tried, covered in factors:
        missing = max(due - covered, 0)
        if covered == 0:
            if due == 0:
                return None
            value, lo = None, 0.0
            continue
        begun = missing / covered * tried
        if tried == 0:
            return None
        value = None if value is None else value * done / tried
        lo, hi = lo * done / (tried + begun), hi * (done + begun) / (tried + begun)
    return value, lo, hi


RATES = {"ran.retainability": 1.0, "ran.drb_retainability": 1.0, "ran.cell_throughput": 1.0, "ran.energy_efficiency": 1_000 / 3.6}
"""What is no share: part over whole times so much (kbit over 10^-6 kWh are bit over J)."""
BOUNDED = {*FACTORS, "ran.prb_used", "ran.coverage"}
"""What periods that are missing leave bounds of."""


def bounded(name: str, sums: Sequence[int], due: int) -> tuple[float | None, float | None, float | None, int]:
    """(value, lo, hi, n) from sums of measures and the seconds due; no sums are zeros."""
    if name in FACTORS:
        parts = sums or [0] * (3 * len(FACTORS[name]) + 1)
        found = chain([(parts[n], parts[n + 1], parts[n + 2]) for n in range(0, len(parts) - 1, 3)], due)
        return (*(found or (None, None, None)), parts[-1])
    if name == "ran.coverage":
        seconds, n = sums or (0, 0)
        share = 100 * min(seconds, due) / due if due else None
        return share, share, share, n
    used, seconds, n = sums or (0, 0, 0)
    lack = max(due - seconds, 0)
    lo, hi = ((used / 100 + end * lack) / (seconds + lack) if seconds + lack else None for end in (0, 100))
    return used / 100 / seconds if seconds else None, lo, hi, n


def due(period_s: int, cells: Iterable[tuple[int, int]], begin: int, end: int) -> int:
    """The seconds of the periods that end in (begin, end] (s), of cells on air in [from, to), one by one."""
    total = 0
    for since, until in cells:
        at = period_s
        at += (max(begin, since) // period_s) * period_s
        while at <= min(end, until):
            total += period_s
            at += period_s
    return total
