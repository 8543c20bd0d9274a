"""New: the files to start a stream from: they work as they are, and are meant to be changed."""

from __future__ import annotations

import keyword
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer

from ioc.cli.common import Json, dump, show
from ioc.errors import UsageError
from ioc.times import PROVINCE

if TYPE_CHECKING:
    from ioc.catalog import Catalog

ROOT = Path(__file__).parents[2]
TEMPLATES = Path(__file__).with_name("stream")
FILES = {
    "contract": "schemas/{}.py",
    "declaration": "streams/{}.py",
    "example": "schemas/examples/{}_opened.json",
    "brute": "tests/brute_{}.py",
    "test": "tests/streams/test_{}.py",
}
"""The template of each file, and where it goes."""
NAME, LONGEST = r"[a-z][a-z0-9_]*", 24
RIGHT = f"a stream's name is of small letters, digits and _, begins with a letter and has at most {LONGEST}, e.g. library"
new = typer.Typer(help="Files to start from.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(new, name="new")


new.callback()(lambda: None)  # a command alone would take the place of the whole


@new.command("stream")
def new_stream(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and _, e.g. library.")],
    as_json: Json = False,
) -> None:
    """Write the files a new stream starts from: contract, declaration, an example event, a brute force, tests that begin with it.

    They work as they are: items that are opened and closed at places, a flow, two levels, an alert, a board and a demo. What is
    there already is never overwritten. Then `ioc derive`, `ioc check`, and make them yours: docs/adding.md.

    Example: ioc new stream library
    """
    from ioc.cli.later import catalog

    written = write(ROOT, name, catalog())
    following = {
        "ioc derive": "writes what follows from them: JSON Schema, boards, reference pages",
        "ioc check": "says whether all holds together, again after each of your changes",
        f"make test ARGS='-k {name}'": "judges it by its brute force, history by history and over days of the demo",
        "make run": f"counts it: the board is ioc-{_board(name)}",
    }
    if as_json:
        dump({"written": written, "next": list(following)})
        return
    show("\n".join([*(f"wrote {path}" for path in written), "next:", *(f"  {run}   {why}" for run, why in following.items())]))


def write(root: Path, name: str, catalog: Catalog) -> list[str]:
    """Write the files of a stream into the checkout `root`; their paths in it.  Raises UsageError: then there are none."""
    if not re.fullmatch(NAME, name) or len(name) > LONGEST or keyword.iskeyword(name):
        raise UsageError(f"{name!r}: {RIGHT}")
    if not (root / "pyproject.toml").is_file() or not (root / "tests" / "streams").is_dir():
        raise UsageError(f"{root} is no checkout of the repository, where streams are added; clone it, and run `ioc` in there")
    if taken := _taken(root, name, catalog):
        raise UsageError(f"{name!r} is taken: {taken}; choose another name")
    texts = _texts(name)
    made: list[Path] = []
    try:
        for path, text in texts.items():
            with (root / path).open("x", encoding="utf-8", newline="\n") as file:  # x: never overwrites
                made.append(root / path)
                file.write(text)
    except OSError as error:
        for begun in made:
            with suppress(OSError):
                begun.unlink()
        raise UsageError(
            f"{error.filename}: {error.strerror}; nothing is written; streams are added in a checkout of yours"
        ) from None
    return list(texts)


def _texts(name: str) -> dict[str, str]:
    """The files by path."""
    words = {
        "name": name, "NAME": name.upper().replace("_", "-"), "Name": "".join(part.capitalize() for part in name.split("_")),
        "title": name.replace("_", " ").strip().capitalize(), "board": _board(name), "today": str(datetime.now(PROVINCE).date()),
    }  # fmt: skip
    return {
        path.format(name): Template((TEMPLATES / f"{template}.txt").read_text("utf-8")).substitute(words)
        for template, path in FILES.items()
    }


def _board(name: str) -> str:
    return name.replace("_", "-").strip("-")


def _taken(root: Path, name: str, catalog: Catalog) -> str:
    """What has the name, or what follows from it; empty: nothing."""
    from ioc.boards.derive import OVERVIEW
    from schemas import contracts

    for path in (*(path.format(name) for path in FILES.values()), f"schemas/{name}", f"streams/{name}"):
        if (root / path).exists():
            return f"{path} is there"
    for stream in catalog.streams:
        if stream.name == name:
            return f"there is a stream {name}"
        for indicator in stream.indicators:
            if indicator.name.partition(".")[0] == name:
                return f"{indicator.name} is an indicator of {stream.name}"
    boards = [b.name for s in catalog.streams for b in (s.board, *s.more_boards) if b is not None]
    for board in (OVERVIEW, *boards):
        if {_board(name), f"{_board(name)}-en"} & {board, f"{board}-en"}:  # each is there in two languages
            return f"there is a board {board}"
    for kind, contract in contracts().items():
        if contract.topic == f"ioc.events.{name}" or kind.startswith(f"vn.ioc.{name}."):
            return f"there is a contract {kind}, of the topic {contract.topic}"
    return ""
