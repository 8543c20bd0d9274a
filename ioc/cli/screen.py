"""Screen: stdout and stderr as rich draws on them: text as text alone, tables, progress.

Commands reach it through `ioc.cli.common`, when there is something to draw: many an answer is one number.
"""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from ioc.text import visible


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


def bar(foretold: bool = True) -> Progress:
    """A progress bar on stderr; silent where that is no terminal. `foretold`: with the time to come, by the pace so far."""
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    columns += [TimeRemainingColumn()] if foretold else []
    return Progress(*columns, console=err, disable=not err.is_terminal, transient=True)
