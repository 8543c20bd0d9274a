"""Common: the options and the output every command shares.

A module with commands imports at its top what their signatures need, and within a command what it does: `--help` and a short
command load nothing that they do not use (`tests/ioc/cli/test_start.py`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ioc.errors import UsageError
from ioc.text import visible
from ioc.times import PROVINCE, duration, from_datetime, iso, to_datetime

if TYPE_CHECKING:
    from rich.table import Table

    from ioc.settings import Settings
    from ioc.store.clickhouse import Store

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Data folder of the centre (IOC_DATA_DIR; default .ioc).")
]
Run = Annotated[str | None, typer.Option("--run", metavar="NAME", help="A run's own database instead of the live one.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def settings_of(data: Path | None = None) -> Settings:
    """The settings, with the data folder of the command.  Raises UsageError that names the variable."""
    from pydantic import ValidationError

    from ioc.settings import Settings

    try:
        found = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"IOC_{str(first['loc'][0]).upper()}: {first['msg']}") from None
    return found if data is None else found.model_copy(update={"data_dir": data})


def connected(data: Path | None = None, run: str | None = None) -> Settings:
    """The settings with the addresses of the running centre.  Raises ServiceAway when there is none."""
    from ioc.embedded.centre import endpoints

    found = endpoints(settings_of(data))
    if run is not None:
        from ioc.store.runs import of_run

        found = of_run(found, run)
    return found


def reader(data: Path | None, run: str | None) -> tuple[Settings, Store]:
    """The settings and a read-only client of the store."""
    from ioc.store.clickhouse import Store

    settings = connected(data, run)
    if run is not None:
        from ioc.store.runs import has_database

        if not has_database(settings):
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


def a_duration(text: str) -> str:
    """The text, if it is a duration.  Raises UsageError: before anything is started."""
    try:
        duration(text)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return text


def local(ms: int | None) -> str:
    """A time as the province writes it, with its offset."""
    return "" if ms is None else to_datetime(ms, PROVINCE).isoformat(" ", "seconds")


def utc(ms: int | None) -> str | None:
    """A time as `--json` has it."""
    return None if ms is None else iso(ms)


def pairs(given: Sequence[str], name: str = "--where") -> dict[str, str]:
    """`dim=value` options as a dict.  Raises UsageError."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{name} {text!r}: write dimension=value, e.g. agency=000.00.20.H56")
        if found.setdefault(key, value) != value:
            raise UsageError(f"{name} gives {key} twice ({found[key]!r}, {value!r}): name one, or ask for each of them by itself")
    return found


def number(value: float | None) -> str:
    """A value for people: at most 4 decimals, N/A where there is none."""
    return "N/A" if value is None else f"{value:.4f}".rstrip("0").rstrip(".") if value != int(value) else str(int(value))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table without ornaments."""
    from rich.table import Table

    found = Table(title=title or None, box=None, title_justify="left", pad_edge=False)
    for place, column in enumerate(columns):
        found.add_column(column, overflow="fold", no_wrap=place == 0)  # the first names the row: it is copied
    for row in rows:
        found.add_row(*("" if cell is None else visible(str(cell), keep="") for cell in row))
    return found


def show(answer: str | Table) -> None:
    """Print an answer; a text as text alone."""
    if isinstance(answer, str):
        print(visible(answer), flush=True)
        return
    from ioc.cli.screen import out

    out.print(answer)


def dump(value: Any) -> None:
    """Print as JSON."""
    print(visible(json.dumps(value, ensure_ascii=False, indent=2, default=str)))


def say(text: str) -> None:
    """Tell a person what goes on, on stderr."""
    from ioc.cli.screen import err

    err.print(text)


def quiet_libraries() -> None:
    """Client libraries report what we handle; only their own last words are shown."""
    from ioc import logs

    logs.begin()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
