"""Command line: `ioc --help` is the way in. Exit codes: 0 well, 1 refused or failed, 2 usage, 3 a service is away."""

from __future__ import annotations

import errno
import os
import sys
import traceback

import typer

from ioc.cli import alerts, bench, boards, centre, doctor, feed, imports, numbers, project, refused, replay
from ioc.errors import IocError, ServiceAway, UsageError
from ioc.kafka import KafkaError
from ioc.text import visible

HELP = """An operations center's event streaming: events in Kafka, indicators in ClickHouse, exact and replayable.

Start with `ioc up`; then `ioc value dossier.backlog`, `ioc evidence dossier.overdue`, `ioc indicators`.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
for group in (centre, doctor, feed, imports, numbers, alerts, refused, replay, project, boards, bench):
    group.add_to(app)

NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
"""What a folder says in which nothing can be made."""


def main() -> None:
    """Run the command line; an error is one message and its exit code, a traceback only with IOC_DEBUG=1."""
    try:
        app()
    except IocError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KafkaError as error:
        _say(f"Kafka: {error}")
        sys.exit(ServiceAway.exit_code)
    except (BrokenPipeError, KeyboardInterrupt):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(130)
    except Exception as error:
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
