"""The docs are true: what README and docs/ name is there, and their examples work. `test_docs_commands` runs the commands."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ioc import cli
from ioc.events.exact_lane import Reject, exact
from ioc.importing.maps import load_map
from ioc.importing.translate import read_events
from ioc.province.text import measured
from ioc.settings import Settings
from schemas import contracts
from tests.docs import PAGES, ROOT, Block, blocks, copied, prose

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TESTS_OWN = {f"IOC_TEST_{name}" for name in ("DATA", "SCHEDULES", "EXAMPLES", "YEAR", "YEARS")} | {"IOC_DEBUG"}
FOLDERS = ("deploy", "docs", "grafana", "ioc", "schemas", "streams", "tests")


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = PAGES.get(page) or (ROOT / page).read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named_commands() -> list[tuple[str, str]]:
    """(page, command line) of every `ioc ...` in the prose and in the blocks that are not run."""
    inline = [(page, code) for page in PAGES for code in re.findall(r"`(ioc [^`\n]+)`", prose(page))]
    return inline + [(str(b), line) for b in blocks("sh") if b.why_not for line in b.text.splitlines() if line.startswith("ioc ")]


# ---- the front page


def test_the_front_page_is_one_screen() -> None:
    assert PAGES["README.md"].count("\n") <= 120


@pytest.mark.parametrize("page", PAGES)
def test_lines_are_short(page: str) -> None:
    assert [line for line in PAGES[page].splitlines() if len(line) > 130 and not line.startswith("|")] == []


def test_the_front_page_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#]+)\)", PAGES["README.md"]))
    assert linked == {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")}


# ---- what is named is there


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.relative_to(ROOT).as_posix()), link


@pytest.mark.parametrize("page", PAGES)
def test_every_file_a_page_names_is_there(page: str) -> None:
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[^`\s<]*)`", prose(page))
    assert [path for path in named if not (ROOT / path).exists() and path != "deploy/.env"] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_setting_that_is_not(page: str) -> None:
    named = set(re.findall(r"IOC_[A-Z_]*[A-Z]", PAGES[page]))
    assert named <= {f"IOC_{name.upper()}" for name in Settings.model_fields} | TESTS_OWN


@pytest.mark.parametrize("page", PAGES)
def test_every_target_a_page_names_is_in_the_makefile(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", PAGES[page], re.MULTILINE)) <= targets


@pytest.mark.parametrize(("page", "line"), named_commands())
def test_every_command_a_page_names_is_there_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(cli.app())
    while words and hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    options = {name for p in command.params for name in (*p.opts, *getattr(p, "secondary_opts", ()))}
    assert {word for word in words if word.startswith("-") and len(word) > 1} <= options | {"--help"}


# ---- the worked examples


@pytest.mark.parametrize("block", [b for b in blocks("csv", "toml") if b.remark], ids=str)
def test_a_file_that_is_shown_is_the_file(block: Block) -> None:
    assert block.text == (ROOT / block.remark.removeprefix("file: ")).read_text("utf-8")


def test_every_block_of_a_file_says_which() -> None:
    assert [str(b) for b in blocks("csv", "toml") if not b.remark.startswith("file: ")] == []


def test_the_worked_map_makes_events_without_a_reject() -> None:
    examples = ROOT / "docs" / "examples"
    events = list(read_events([examples / "permits.csv"], load_map(str(examples / "permits.toml"))))
    verdicts = [exact(event.value, (), contracts()) for event in events]
    assert [v for v in verdicts if isinstance(v, Reject)] == []
    assert len(verdicts) == 5


def test_every_event_that_is_shown_is_valid() -> None:
    shown = [text for block in blocks("sh") for text in re.findall(r"<<'JSON'\n(.*?)\nJSON\n", block.text, re.DOTALL)]
    assert shown
    for document in shown:
        assert not isinstance(exact(json.dumps(json.loads(document)).encode(), (), contracts()), Reject)


def edited(text: str, after: str, snippet: str) -> str:
    """The text with the snippet behind `after`: on the same line, or on lines of its own where the line ends there."""
    assert text.count(after) == 1, f"{after!r} must stand there once"
    before, rest = text.split(after)
    if not rest.startswith("\n"):
        return f"{before}{after}{snippet.strip()} {rest}"
    indent = re.match(r"\n( *)", rest)
    assert indent
    return f"{before}{after}\n" + "".join(f"{indent[1]}{line}\n" for line in snippet.splitlines()) + rest[1:]


def test_the_recipe_for_an_indicator_works_by_copying(tmp_path: Path) -> None:
    """In a copy of the repository: the edits, then what the page says; and the demo's events feed the new indicator."""
    copied(tmp_path)
    for block in blocks("python"):
        into = re.fullmatch(r"into (\S+), after: (.+)", block.remark)
        assert into, f"{block} says where it goes"
        path = tmp_path / into[1]
        path.write_text(edited(path.read_text("utf-8"), into[2], block.text), "utf-8")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    (commands,) = (block.text.splitlines() for block in blocks("sh") if block.remark == "after the edits")
    said = [run("-m", *shlex.split(line)) for line in commands]
    assert "docs/reference/indicators.md" in said[0]
    run("-m", "ruff", "check", "streams")
    run("-m", "ruff", "format", "--check", "streams")
    event = json.loads(measured("A:1", "A", 1_767_600_000_000, 60, "NR", None, (1, 2, 3, -90, 7.5, 8)).value)
    code = (
        "import json, sys, polars as pl; from streams.ran import STREAM;"
        "none = dict.fromkeys(STREAM.contract.data_model().model_fields);"
        "frame = pl.DataFrame([none | json.loads(sys.argv[1]) | {'_i': 0, '_time': 0}], strict=False);"
        "print(STREAM.columns(frame)['ran.users'].select('sum', 'weight').row(0))"
    )
    assert run("-c", code, json.dumps(event["data"])) == "(4500, 60)\n"
