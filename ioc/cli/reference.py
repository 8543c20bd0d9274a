"""Reference: the pages of `docs/reference/` that follow from the code: what there is, so that no page says it twice.

Each page is a function without arguments that returns its text; `ioc.cli.derive` writes them. Prose stands in `docs/` itself.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import typer.main
from pydantic import SecretStr

from ioc.catalog import load
from ioc.events.exact_lane import REASONS
from ioc.importing import mapping
from ioc.settings import Settings
from ioc.store.form import TABLES
from ioc.store.tables import board_views
from ioc.store.views import LAST, TELLS
from ioc.vocabulary import ALL, Indicator, Stream

FOLDER = "docs/reference"
HEAD = "<!-- Written by `ioc derive` from the code; do not edit. -->\n\n"
OFTEN = 5
"""An option that so many commands have is explained once, at the top."""


def pages() -> dict[str, str]:
    """`docs/reference/<page>.md`: all of them."""
    made = {
        "indicators": indicators(),
        "commands": commands(),
        "settings": settings(),
        "rejects": rejects(),
        "maps": maps(),
        "views": views(),
        "tables": tables(),
    }
    return {f"{FOLDER}/{name}.md": HEAD + text for name, text in made.items()}


# ---- indicators


def indicators() -> str:
    """The declared indicators, stream by stream."""
    parts = [
        "# Indicators (*chỉ tiêu*)\n\n"
        "A *flow* is summed over a window that ends at the time asked for: `1h`, `1d`, `7d` look back; `day`, `week`,\n"
        "`month`, `quarter`, `year` are calendar periods to date in the province's time; `all` is everything. A *level* is a\n"
        "running sum. It is exact to the millisecond at any time, past or future. `ioc indicators NAME` tells more of one.\n"
    ]
    for stream in load().streams:
        about = inspect.getdoc(inspect.getmodule(stream.functions[0])) or ""
        rows = [_indicator(one) for one in stream.indicators]
        parts.append(
            f"## {stream.name}\n\n{about}\n\n"
            f"Topic `{stream.topic}`; dimensions {', '.join(f'`{name}`' for name in stream.dimensions)}.\n\n"
            + _table(("indicator", "kind", "tên", "title", "unit", "rule", "legal basis"), rows)
            + _alerts(stream)
        )
    return "\n".join(parts)


def _indicator(one: Indicator) -> tuple[str, ...]:
    kind = "level" if one.level else "flow"
    return f"`{one.name}`", kind, one.vi, one.en, one.unit, one.rule, f"{one.legal} ({one.legal.effect})" if one.legal else ""


def _alerts(stream: Stream) -> str:
    rules = [f"- `{one.name}`: {one.alert}\n" for one in stream.indicators if one.alert]
    return "\nAlerts (*cảnh báo*):\n\n" + "".join(rules) if rules else ""


# ---- commands


def commands() -> str:
    """The command line, from its own help."""
    from ioc import cli  # it imports this module

    app = typer.main.get_command(cli.app())
    found = list(_leaves(app, "ioc"))
    count = Counter((_form(p), p.help) for _, command in found for p in _options(command))
    often = [key for key, times in count.most_common() if times >= OFTEN]
    parts = [
        "# Commands\n\n"
        "Exit codes: 0 well; 1 something was refused or a check failed; 2 the command line is wrong; 3 a service is away.\n"
        "Tables print the province's time with its offset, `--json` RFC 3339 in UTC. `--help` says the same as this page.\n\n"
        "Options of many commands:\n\n" + "".join(f"- `{form}`: {text}\n" for form, text in often)
    ]
    parts += [_command(path, command, often) for path, command in found]
    return "\n".join(parts)


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    members = getattr(command, "commands", None)
    if members is None:
        yield path, command
    for name, member in (members or {}).items():
        if not member.hidden:
            yield from _leaves(member, f"{path} {name}")


def _options(command: Any) -> list[Any]:
    return [p for p in command.params if p.param_type_name == "option" and not p.hidden]


def _form(option: Any) -> str:
    """`-d, --detach`, `--demo / --no-demo`, `--at TIME`."""
    names = ", ".join(option.opts) + "".join(f" / {name}" for name in option.secondary_opts)
    value = option.metavar or option.opts[-1].lstrip("-").upper()
    return names if option.is_flag else f"{names} {value}"


def _command(path: str, command: Any, often: Sequence[tuple[str, str | None]]) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([path, *(p.metavar or p.name.upper() for p in arguments)])
    text = re.sub(r"Example: (.+)$", r"Example: `\1`", command.help or "", flags=re.MULTILINE)
    lines = [f"- `{p.metavar or p.name.upper()}`: {p.help}\n" for p in arguments if p.help]
    lines += [f"- `{_form(p)}`: {p.help or ''}{_default(p)}\n" for p in _options(command) if (_form(p), p.help) not in often]
    if shared := [f"`{p.opts[-1]}`" for p in _options(command) if (_form(p), p.help) in often]:
        lines.append(f"- and {', '.join(shared)}\n")
    return f"## {usage}\n\n{text}\n\n{''.join(lines)}"


def _default(option: Any) -> str:
    return "" if option.default in (None, False, True, "") else f" Default: {option.default}."


# ---- settings, rejects


def settings() -> str:
    """The settings and their defaults."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else str(field.default)
        rows.append((f"`IOC_{name.upper()}`", f"`{default}`" if default else "", field.description or ""))
    return (
        "# Settings\n\n"
        "They are read from the environment and handed on to every process of the centre. With `IOC_KAFKA_BOOTSTRAP` and\n"
        "`IOC_CLICKHOUSE_URL` set, the same commands use your servers and start none of their own.\n\n"
        + _table(("setting", "default", "meaning"), rows)
        + "\n`IOC_DEBUG=1` shows the whole traceback of an unexpected error. The tests read `IOC_TEST_DATA`,\n"
        "`IOC_TEST_SCHEDULES` and `IOC_TEST_EXAMPLES`: see [exactness](../exactness.md).\n"
    )


def rejects() -> str:
    """Why an event is refused."""
    rows = [(f"`{reason}`", meaning) for reason, meaning in REASONS.items()]
    return (
        "# Reasons of rejects (*lý do từ chối*)\n\n"
        "A refused event is kept with one of these reasons, the field, and a message that says what would be right.\n"
        "`ioc rejects list --reason NAME` lists them. [Producers](../producers.md) says how to mend an event.\n\n"
        + _table(("reason", "what it means"), rows)
    )


def maps() -> str:
    """The keys of a mapping file, from the docstring of the module that reads it."""
    head = (
        "# Keys of a map\n\n[Importing](../importing.md) has a worked example; `streams/maps/` has the maps that are shipped.\n\n"
    )
    return f"{head}{inspect.getdoc(mapping)}\n"


# ---- the store


def views() -> str:
    """What boards and SQL read."""
    catalog = load()
    columns = board_views(catalog)
    rows = [(f"`{name}`", TELLS[name], _names(columns[name])) for name in TELLS]
    parts = [
        "# Views\n\n"
        "Boards read views alone; `ioc sql` reads them, too. Times are UTC. In a dimension `*` stands for all.\n\n"
        + _table(("view", "what it tells", "columns"), rows)
    ]
    for stream in catalog.streams:
        own = [f"{one.view}{end}" for one in stream.indicators for end in ("", LAST)]
        shown = [(f"`{name}`", _names(columns[name])) for name in own if name in columns]
        parts.append(f"## {stream.name}\n\n" + _table(("view", "columns"), shown))
    parts.insert(
        1,
        f"Every indicator has views of its own. `v_<indicator>`: one row a change. `v_<indicator>{LAST}`: the last row of each\n"
        "group, as a tile shows it.\n",
    )
    return "\n".join(parts)


def tables() -> str:
    """What the store holds."""
    parts = [
        "# Tables\n\n"
        "Every row is absolute and has a key; of equal keys the highest version holds: see [exactness](../exactness.md).\n"
        "Read them with `FINAL`, or better the [views](views.md). `ioc sql` reads both.\n"
    ]
    for name, table in TABLES.items():
        columns = [(f"`{column}`", f"`{kind.type}`") for column, kind in table.columns.items()]
        parts.append(f"## {name}\n\n{table.holds}\n\nKey: `{', '.join(table.key)}`.\n\n" + _table(("column", "type"), columns))
    return "\n".join(parts)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar within a cell is escaped, and `*` in a text is a star."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace(f" {ALL} ", f" \\{ALL} ")
