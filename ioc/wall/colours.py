"""Colours: what the boards' colour names are in either theme; every one is readable on a panel (contrast 4.5 or more). Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """One theme. `names`: the boards' colours; `series`: of lines and bars that have none of their own."""

    page: str
    panel: str
    line: str
    faint: str
    names: dict[str, str]
    series: tuple[str, ...]

    def of(self, name: str, number: int = 0) -> str:
        """A colour by its name; `palette`: the one of the `number`th line."""
        return self.series[number % len(self.series)] if name == "palette" else self.names[name]


DARK = Theme(
    page="#0b1016",
    panel="#151d27",
    line="#2b3746",
    faint="#a9b6c4",
    names={
        "green": "#5fd38d", "yellow": "#ffd454", "orange": "#ffa04d", "red": "#ff6f6f", "blue": "#6cb6ff", "purple": "#c79bff",
        "text": "#f3f6f9", "transparent": "transparent",
    },
    series=("#6cb6ff", "#ffa04d", "#5fd38d", "#c79bff", "#ffd454", "#ff8fb1", "#5fd9d9", "#d0b48a", "#a9b6c4", "#b7e36b"),
)  # fmt: skip
LIGHT = Theme(
    page="#e9edf1",
    panel="#ffffff",
    line="#cfd7df",
    faint="#4c5b6a",
    names={
        "green": "#0b7a3b", "yellow": "#8a6100", "orange": "#b04a00", "red": "#c2141f", "blue": "#0b5cad", "purple": "#6d3bb3",
        "text": "#121a22", "transparent": "transparent",
    },
    series=("#0b5cad", "#b04a00", "#0b7a3b", "#6d3bb3", "#8a6100", "#b01f5e", "#04727a", "#6e5326", "#4c5b6a", "#4d7000"),
)  # fmt: skip
THEMES = {"dark": DARK, "light": LIGHT}


def variables(theme: Theme) -> str:
    """The theme as CSS variables."""
    own = {"page": theme.page, "panel": theme.panel, "line": theme.line, "faint": theme.faint}
    return "".join(f"--{name}:{value};" for name, value in (own | theme.names).items())
