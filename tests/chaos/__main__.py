"""`python -m tests.chaos`, which `make chaos` runs: faults, a table of them, and one line that must end in zeros."""

from __future__ import annotations

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.chaos.proxy import BOUNDARIES
from tests.chaos.run import Result, chaos

EPILOG = """\
A broker, a store and up to three workers are started on free ports in a folder of their own, and fed with events that are late,
doubled, corrected and broken. Faults strike: inserts are cut off before or after they are written, refused, or land late, with
the worker killed or stopped at that moment; workers, store and broker are killed and stopped; workers join and leave; group
offsets are moved; transactions are aborted. In the end every row is compared with a brute-force count of what Kafka holds.

  make chaos                              1,000 faults, about half an hour on two cores
  make chaos ARGS="--faults 60"           a few minutes
  make chaos ARGS="--seed 7 --json"       the faults of seed 7 (real processes never repeat themselves to the millisecond)

Exit code 1 when anything is lost, doubled or wrong, or when the centre stands still; the folder is kept then, and named."""


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        "python -m tests.chaos", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=1000, metavar="N", help="how many faults shall strike (default 1000)")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="which faults and events (default: others each time)")
    parser.add_argument("--rate", type=float, default=50, metavar="N", help="events a second that are produced (default 50)")
    parser.add_argument("--json", action="store_true", help="the result as JSON on stdout instead of the table")
    return parser.parse_args(argv)


def table(result: Result) -> Table:
    """Faults by kind and boundary, how many and how long each took."""
    found = Table("fault", "strikes", *BOUNDARIES, "s each", title=f"seed {result.seed}")
    for kind, own in result.dump()["kinds"].items():
        tables = [str(own["boundaries"].get(name, "")) for name in BOUNDARIES]
        found.add_row(kind, str(own["faults"]), *tables, f"{own['seconds'] / own['faults']:.1f}")
    return found


def report(out: Console, result: Result) -> None:
    """The table, what was compared, how workers ended, and examples of what is wrong."""
    out.print(table(result))
    compared: dict[str, int] = {}
    for what, count in result.findings.compared.items():
        name = what.split()[0]
        compared[name] = compared.get(name, 0) + count
    out.print("compared: " + ", ".join(f"{count} {what}" for what, count in compared.items()))
    out.print(f"largest worker: {result.memory} MiB")
    for how, count in result.endings.most_common():
        out.print(f"workers that ended by themselves: {count} x {how}", markup=False)
    for example in result.findings.examples:
        out.print(example[:600], markup=False)


def note(file: Path) -> None:
    """What clients of this process complain about goes into a file: the terminal shows the storm, stdout the result."""
    logging.basicConfig(filename=file, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file.open("a")))


def main(argv: list[str] | None = None) -> int:
    """Run; 0 when nothing is lost, doubled or wrong."""
    given = arguments(argv)
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1 << 30)
    folder = Path(tempfile.mkdtemp(prefix="ioc-chaos-"))
    out, terminal = Console(width=None if sys.stdout.isatty() else 150), Console(stderr=True)
    note(folder / "chaos.log")
    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[events]} events"), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=terminal) as progress:
        bar = progress.add_task("the centre starts", total=given.faults, events=0)
        try:
            result = chaos(
                folder,
                given.faults,
                seed,
                lambda faults, events, what: progress.update(bar, completed=faults, events=events, description=what),
                rate=given.rate,
            )
        except BaseException as error:
            progress.stop()
            terminal.print(f"chaos broke off: {error or type(error).__name__}", markup=False)
            terminal.print(f"seed {seed}; logs and data are kept in {folder}", markup=False)
            if isinstance(error, AssertionError):
                return 1
            raise
    if given.json:
        print(json.dumps(result.dump(), indent=1))
    else:
        report(out, result)
        print(result.summary())
    if not result.findings.clean:
        terminal.print(f"seed {seed}; logs and data are kept in {folder}", markup=False)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
