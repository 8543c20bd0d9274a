"""Common: the options and the output every command shares."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ioc import logs
from ioc.embedded.stack import endpoints
from ioc.errors import UsageError
from ioc.settings import Settings
from ioc.store import runs
from ioc.store.clickhouse import Store
from ioc.store.runs import of_run
from ioc.text import visible
from ioc.times import PROVINCE, from_datetime, to_datetime

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Data folder of the centre (IOC_DATA_DIR; default .ioc).")
]
Run = Annotated[str | None, typer.Option("--run", metavar="NAME", help="A run's own database instead of the live one.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


class Screen(Console):
    """Prints text, and cells of tables, as text alone: neither `[red]` nor a control character of an id does anything."""

    def __init__(self, **how: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, soft_wrap=True, **how)

    def render_str(self, text: str, **how: Any) -> Text:
        """Every plain string passes here on its way to the terminal."""
        return super().render_str(visible(text), **how)


out = Screen(width=None if sys.stdout.isatty() else 1000)
"""Answers. In a file or a pipe nothing is folded: a reject's place must stay one word."""
err = Screen(stderr=True)


def settings_of(data: Path | None = None) -> Settings:
    """The settings, with the data folder of the command.  Raises UsageError that names the variable."""
    try:
        found = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"IOC_{str(first['loc'][0]).upper()}: {first['msg']}") from None
    return found if data is None else found.model_copy(update={"data_dir": data})


def connected(data: Path | None = None, run: str | None = None) -> Settings:
    """The settings with the addresses of the running centre.  Raises ServiceAway when there is none."""
    return of_run(endpoints(settings_of(data)), run)


def reader(data: Path | None, run: str | None) -> tuple[Settings, Store]:
    """The settings and a read-only client of the store."""
    settings = connected(data, run)
    if run is not None and not runs.has_database(settings):
        raise UsageError(f"no run {run!r}; `ioc replay list` shows the runs there are")
    return settings, Store(settings, readonly=True)


def moment(text: str | None, name: str = "--at") -> int | None:
    """Milliseconds of a time given by a person; without an offset it is the province's.  Raises UsageError."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name} {text!r} is no time; write e.g. 2022-10-06T08:30:00+07:00 or 2022-10-06") from None
    return from_datetime(parsed if parsed.tzinfo else parsed.replace(tzinfo=PROVINCE))


def local(ms: int | None) -> str:
    """A time as the province writes it, with its offset."""
    return "" if ms is None else to_datetime(ms, PROVINCE).isoformat(" ", "seconds")


def pairs(given: Sequence[str], name: str = "--where") -> dict[str, str]:
    """`dim=value` options as a dict.  Raises UsageError."""
    bad = [text for text in given if "=" not in text]
    if bad:
        raise UsageError(f"{name} {bad[0]!r}: write dimension=value, e.g. agency=000.00.20.H56")
    return dict(text.split("=", 1) for text in given)


def number(value: float | None) -> str:
    """A value for people: at most 4 decimals, N/A where there is none."""
    return "N/A" if value is None else f"{value:.4f}".rstrip("0").rstrip(".") if value != int(value) else str(int(value))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table without ornaments."""
    found = Table(title=title or None, box=None, title_justify="left", pad_edge=False)
    for place, column in enumerate(columns):
        found.add_column(column, overflow="fold", no_wrap=place == 0)  # the first names the row: it is copied
    for row in rows:
        found.add_row(*("" if cell is None else visible(str(cell), keep="") for cell in row))
    return found


def dump(value: Any) -> None:
    """Print as JSON."""
    print(visible(json.dumps(value, ensure_ascii=False, indent=2, default=str)))


def say(text: str) -> None:
    """Tell a person what goes on, on stderr."""
    err.print(text)


def quiet_libraries() -> None:
    """Client libraries report what we handle; only their own last words are shown."""
    logs.begin()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
