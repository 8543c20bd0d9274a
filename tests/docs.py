"""Docs: the pages a person reads, README and docs/*.md, and their code blocks with the remarks above them.

A remark is an HTML comment on the line above a block, unseen by readers:
`not run: WHY` (what a test machine lacks), `file: PATH` (the block is that file), `into FILE, after: TEXT` (an edit, made there),
`after the edits` (run where the edits were made), `in a copy of the repository` (it writes files: run there).
"""

from __future__ import annotations

import re
import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
}
"""Path -> text of the pages that are written by hand; those of docs/reference are derived."""
COPY = "in a copy of the repository"
_BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<remark>[^\n]*) -->\n *)?```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One code block of a page."""

    page: str
    line: int
    language: str
    text: str
    remark: str
    """Empty where there is none."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def why_not(self) -> str:
        """What a test machine lacks to run it; empty: it is run."""
        return self.remark.removeprefix("not run:").strip() if self.remark.startswith("not run:") else ""


def blocks(*languages: str) -> list[Block]:
    """The blocks of these languages, page by page."""
    return [
        Block(page, text.count("\n", 0, m.start()) + 1, m["language"], textwrap.dedent(m["text"]), m["remark"] or "")
        for page, text in PAGES.items()
        for m in _BLOCK.finditer(text)
        if m["language"] in languages
    ]


def copied(folder: Path, *more: str) -> Path:
    """A copy of what the program is made of and derives, and of `more`, in a folder."""
    for name in ("ioc", "streams", "schemas", "grafana/boards", "docs/reference", *more):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def prose(page: str) -> str:
    """The page without its blocks."""
    return _BLOCK.sub("", PAGES[page])
