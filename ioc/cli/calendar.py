"""Calendar: on which days and hours offices work, and what falls due when; a file is checked before it counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ioc.cli.common import Json, dump, local, moment, show, utc
from ioc.errors import UsageError

if TYPE_CHECKING:
    from ioc.calendar.workdays import WorkCalendar

HELP = """Working days (ngày làm việc), days off and office hours, and what falls due when.

The calendar is one file, `streams/data/calendar.toml`; docs/calendar.md tells how next year's days come into it:
`ioc calendar seed --from 2027`, edit a copy, `ioc calendar check COPY`, `ioc calendar use COPY`, `ioc rebuild`.
"""
Time = Annotated[str, typer.Argument(metavar="TIME", help="E.g. 2026-02-13T16:30; without an offset the province's time.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(calendar, name="calendar")


calendar = typer.Typer(help=HELP, no_args_is_help=True)


@calendar.command("show")
def show_calendar(
    year: Annotated[int | None, typer.Option("--year", metavar="YYYY", help="Default: this year.")] = None,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="Day by day.")] = None,
    as_json: Json = False,
) -> None:
    """Show a year: working days by month, days off with their names, swapped days, office hours; or a month day by day.

    Example: ioc calendar show --month 2026-02
    """
    from ioc.calendar.workdays import calendar
    from ioc.cli import shown_calendar

    found = calendar()
    if year is not None and month is not None:
        raise UsageError("give --year or --month, not both")
    days = shown_calendar.month(found, month) if month else shown_calendar.year(found, year)
    if as_json:
        dump(shown_calendar.as_json(found, days))
        return
    for part in shown_calendar.of_month(found, days) if month else shown_calendar.of_year(found, days):
        show(part)


@calendar.command()
def check(
    path: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Default: the calendar in force.")] = None,
) -> None:
    """Check a file: each fault with its line and what is right, then exit code 1; else what it changes of the one in force.

    Example: ioc calendar check streams/data/calendar.toml
    """
    from ioc.calendar.workdays import file

    _checked(path or Path(str(file())))


@calendar.command()
def use(path: Annotated[Path, typer.Argument(metavar="FILE", help="Checked first; a faulty one changes nothing.")]) -> None:
    """Put a file in force, if it is well: it takes the place of the calendar that is. Then `ioc rebuild`.

    Example: ioc calendar use next.toml
    """
    import os

    from ioc.calendar.workdays import file

    there = Path(str(file()))
    text = _checked(path)
    waiting = there.with_name(f".{there.name}.new")
    try:
        waiting.write_bytes(text)
        os.replace(waiting, there)  # whoever reads meanwhile finds the old file or the new one
    except OSError as error:
        raise UsageError(f"{there}: {error.strerror}; the calendar in force stays: ask who installed the programs") from None
    show(f"{there} is this file now; what runs counts under the old one until `ioc rebuild` has counted all anew")
    show("`ioc rebuild --check` says how long that takes")


def _checked(path: Path) -> bytes:
    """The bytes of a file that is well; what it changes is told.  Ends with exit code 1 where it is not."""
    from ioc.calendar.workdays import WorkCalendar, file, load
    from ioc.calendar.workfile import read
    from ioc.cli.shown_calendar import changes, summary

    text = _bytes(path)
    rules, faults = read(_text(path, text))
    if rules is None:
        for fault in faults:
            show(f"{path}:{fault.line}: {fault.reason}")
        show(f"{len(faults)} faults; the calendar in force stays" if len(faults) > 1 else "the calendar in force stays")
        raise typer.Exit(1)
    found = WorkCalendar(rules)
    show(f"{path} is well: {summary(found)}")
    there = Path(str(file()))
    if path.resolve() != there.resolve():
        try:
            show(changes(load(there), found))
        except UsageError as error:  # it is the one to be replaced
            show(f"the calendar in force is not well: {error}")
    return text


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name a calendar's file, e.g. streams/data/calendar.toml") from None


def _text(path: Path, text: bytes) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        show(f"{path}:{line}: the file is not UTF-8; save it as UTF-8")
        raise typer.Exit(1) from None


@calendar.command()
def due(
    received: Time,
    days: Annotated[int, typer.Argument(metavar="DAYS", help="Time limit in working days.")],
    as_json: Json = False,
) -> None:
    """When a dossier received at TIME is due after so many working days.

    Example: ioc calendar due 2026-02-13T15:01 5
    """
    start, found = _instant(received), _calendar()
    _answer("due", start, _asked(lambda: found.due(start, days)), as_json)


@calendar.command()
def add(
    time: Time,
    span: Annotated[str, typer.Argument(metavar="SPAN", help="Working hours or days: 12h, 90m, 5d.")],
    back: Annotated[bool, typer.Option("--back", help="Before TIME instead of after it.")] = False,
    as_json: Json = False,
) -> None:
    """The instant so much working time after (or before) another; of days, as much of the day is worked as at TIME.

    Example: ioc calendar add 2026-02-13T16:30 12h
    """
    from ioc.times import DAY, duration

    whole = span.endswith("d")
    try:
        length = duration(span) * (-1 if back else 1)
    except ValueError:
        length = 0
    if not length or span.endswith("w"):
        raise UsageError(f"{span!r} is no working time; write hours, minutes or whole working days: 12h, 90m, 5d")
    start, found = _instant(time), _calendar()
    there = _asked(lambda: found.add_days(start, length // DAY) if whole else found.add(start, length))
    _answer("at", start, there, as_json)


@calendar.command()
def between(
    begin: Annotated[str, typer.Argument(metavar="FROM", help="Without an offset the province's time.")],
    end: Annotated[str, typer.Argument(metavar="TO")],
    as_json: Json = False,
) -> None:
    """How much working time lies between two instants.

    Example: ioc calendar between 2026-02-13T16:30 2026-02-23T09:00
    """
    from ioc.cli.shown_calendar import worked

    a, b, found = _instant(begin), _instant(end), _calendar()
    length = _asked(lambda: found.between(a, b))
    if as_json:
        dump({"from": utc(a), "to": utc(b), "worked_ms": length})
        return
    show(worked(length))


@calendar.command()
def seed(
    first: Annotated[int, typer.Option("--from", metavar="YYYY", help="First year.")],
    last: Annotated[int | None, typer.Option("--to", metavar="YYYY", help="Last year; default: the first.")] = None,
) -> None:
    """Print lines for a file as the package `holidays` has them, to compare with the year's decision. It changes nothing.

    Example: ioc calendar seed --from 2027
    """
    from ioc.calendar.seed import LAST, lines

    if not 1995 <= first <= (last or first) <= LAST:
        raise UsageError(f"years run from 1995 to {LAST}, the first before the last; not {first} to {last or first}")
    closed, opened = lines(range(first, (last or first) + 1))
    show("\n".join(["[open]", *opened, "", "[closed]", *closed]))


def _calendar() -> WorkCalendar:
    from ioc.calendar.workdays import calendar

    return calendar()


def _instant(text: str) -> int:
    found = moment(text, "TIME")
    assert found is not None
    return found


def _asked(compute: Callable[[], int]) -> int:
    """A number of the calendar; where it knows none, that is the question's fault."""
    try:
        return compute()
    except ValueError as error:
        raise UsageError(str(error)) from None


def _answer(name: str, start: int, there: int, as_json: bool) -> None:
    dump({"from": utc(start), name: utc(there)}) if as_json else show(local(there))
