"""Units: how many of one unit another is, for units of one kind. Pure."""

from __future__ import annotations

from fractions import Fraction

_KINDS: tuple[dict[str, Fraction], ...] = (
    {"bit/s": Fraction(1), "kbit/s": Fraction(10**3), "Mbit/s": Fraction(10**6), "Gbit/s": Fraction(10**9)}
    | {"B/s": Fraction(8), "kB/s": Fraction(8 * 10**3), "MB/s": Fraction(8 * 10**6)}
    | {"bps": Fraction(1), "kbps": Fraction(10**3), "Mbps": Fraction(10**6), "Gbps": Fraction(10**9)},
    {"bit": Fraction(1), "kbit": Fraction(10**3), "Mbit": Fraction(10**6), "Gbit": Fraction(10**9)}
    | {"B": Fraction(8), "kB": Fraction(8 * 10**3), "MB": Fraction(8 * 10**6), "GB": Fraction(8 * 10**9)},
    {"mW": Fraction(1, 1000), "W": Fraction(1), "kW": Fraction(1000)},
    {"Wh": Fraction(1), "kWh": Fraction(1000), "MWh": Fraction(10**6), "J": Fraction(1, 3600), "kJ": Fraction(1000, 3600)},
)


def factor(unit: str, to: str) -> int | float | None:
    """One `unit` is so many `to`; None where they are of two kinds.

    >>> factor("Mbit/s", "kbit/s"), factor("W", "kWh"), factor("dBm", "dBm")
    (1000, None, 1)
    """
    if unit == to:
        return 1
    for kind in _KINDS:
        if unit in kind and to in kind:
            found = kind[unit] / kind[to]
            return int(found) if found.denominator == 1 else float(found)
    return None


def alike(unit: str) -> list[str]:
    """The units that can be converted to this one, itself first."""
    return [unit, *(other for kind in _KINDS if unit in kind for other in kind if other != unit)]
