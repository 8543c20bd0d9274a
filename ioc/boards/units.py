"""Units: how Grafana shows the unit of an indicator."""

from __future__ import annotations

from ioc.boards.fields import Unit
from ioc.vocabulary import THINGS

UNITS: dict[str, tuple[Unit, int | None]] = {
    **dict.fromkeys(THINGS, ("none", 0)),
    "%": ("percent", 1),
    "kbit/s": ("Kbits", 1),
    "dBm": ("dBm", 1),
    "ngày": ("suffix: ngày", 1),
    "giây": ("suffix: giây", 0),
    "phút": ("suffix: phút", 0),
    "giờ làm việc": ("suffix: giờ", 1),
    "hồ sơ/giờ làm việc": ("none", 1),
    "hồ sơ/ngày làm việc": ("none", 0),
    "°C": ("suffix: °C", 1),
    "lần/giây": ("suffix: /s", 5),
    "bit/J": ("suffix: bit/J", 0),
}
"""Grafana's unit and decimals by the unit of an indicator; what is counted stands in its title."""
ENGLISH: dict[Unit, Unit] = {
    "suffix: ngày": "suffix: days",
    "suffix: giây": "suffix: seconds",
    "suffix: phút": "suffix: minutes",
    "suffix: giờ": "suffix: hours",
}
