"""Command line: `ioc --help` is the way in. Exit codes: 0 well, 1 refused or failed, 2 usage, 3 a service is away."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from importlib import import_module

import typer

from ioc.errors import IocError, ServiceAway, UsageError
from ioc.text import visible

HELP = """An operations center's event streaming: events in Kafka, indicators in ClickHouse, exact and replayable.

Start with `ioc up`; then `ioc value dossier.backlog`, `ioc evidence dossier.overdue`, `ioc indicators`.
"""

COMMANDS = {
    "centre": ("up", "down", "status", "doctor", "worker", "gateway", "wall", "live", "store"),
    "feed": ("demo", "import", "validate"),
    "watch": ("watch",),
    "counters": ("counters",),
    "numbers": ("value", "evidence", "indicators", "sql"),
    "index": ("index",),
    "alerts": ("alerts",),
    "units": ("units",),
    "cells": ("cells",),
    "feeds": ("feeds",),
    "refused": ("rejects",),
    "replay": ("replay",),
    "project": ("derive", "check", "rebuild", "topics"),
    "new": ("new",),
    "calendar": ("calendar",),
    "boards": ("boards",),
    "bench": ("bench",),
}
"""Modules and their commands. Only the module of the command that was asked for is loaded; `--help` loads all."""


def app(asked: str | None = None) -> typer.Typer:
    """The command line with the command `asked` for and its neighbours; with all commands if there is no such command."""
    made = typer.Typer(
        help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    made.callback()(lambda: None)  # a command alone would take the place of the whole
    for module in [m for m, names in COMMANDS.items() if asked in names] or COMMANDS:
        import_module(f"ioc.cli.{module}").add_to(made)
    return made


NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
"""What a folder says in which nothing can be made."""


def main() -> None:
    """Run the command line; an error is one message and its exit code, a traceback only with IOC_DEBUG=1."""
    try:
        app(*sys.argv[1:2])()
    except IocError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except (BrokenPipeError, KeyboardInterrupt):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(130)
    except Exception as error:
        kafka = sys.modules.get("ioc.kafka")  # where it was not loaded nothing of Kafka failed
        if kafka is not None and isinstance(error, kafka.KafkaError):
            _say(f"Kafka: {error}")
            sys.exit(ServiceAway.exit_code)
        if os.environ.get("IOC_DEBUG"):
            raise
        if isinstance(error, OSError) and error.errno in NOT_OURS and error.filename:
            _say(f"{error.filename}: {error.strerror}; if this is the data folder, `--data` or IOC_DATA_DIR names another")
            sys.exit(UsageError.exit_code)
        where = traceback.extract_tb(error.__traceback__)[-1]
        _say(f"{type(error).__name__}: {error} ({where.filename}:{where.lineno}); with IOC_DEBUG=1 you see all")
        sys.exit(70)


def _say(text: str) -> None:
    print(visible(f"ioc: {text}"), file=sys.stderr)
