"""Every command of README and docs/ is run, against one centre, but for blocks that say what a test machine lacks.

Lines of `ioc` alone are run in this process, as the console script does: a start costs a second. Other blocks go to bash. The
answer to a line that ends with `# prints TEXT` must end with that text. What writes files is run in a copy of the
repository, with a centre of its own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ioc import cli
from ioc.boards.expand import filled, timed
from tests.docs import COPY, ROOT, Block, blocks, copied
from tests.services import wait_until

FIRST = "docs/importing.md"
"""Its page is about a centre that is not live yet."""
ELSEWHERE = ("after the edits", COPY)
"""What is run by tests of its own."""


def program(*arguments: str, folder: Path, of: Path = ROOT) -> str:
    """`ioc ARGUMENTS` as a process of its own, of this checkout or a copy; what it printed."""
    env = {**os.environ, "PYTHONPATH": str(of), "IOC_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "ioc", *arguments]
    done = subprocess.run(command, cwd=of, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Path]:
    """The data folder of a centre that waits for a past."""
    program("up", "--no-demo", "--loading", "-d", folder=tmp_path)
    try:
        yield tmp_path
    finally:
        program("down", folder=tmp_path)


def in_bash(text: str, folder: Path, of: Path = ROOT) -> tuple[int, str]:
    """A block as it stands; `ioc` is the program of this checkout, or of a copy."""
    script = f'ioc() {{ "{sys.executable}" -m ioc "$@"; }}\n{text}'
    env = {**os.environ, "PYTHONPATH": str(of), "IOC_DATA_DIR": str(folder)}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=of, env=env, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def ran() -> list[Block]:
    """The blocks that are run here: those about a past first, going live last, for it rolls every minute since that past.

    What two pages show is run once.
    """
    here = [block for block in blocks("sh") if not block.why_not and block.remark not in ELSEWHERE]
    once: dict[str, Block] = {}
    for block in sorted(here, key=lambda block: (block.text.startswith("ioc live"), block.page != FIRST)):
        once.setdefault(re.sub(r" +#.*", "", block.text), block)
    return list(once.values())


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    assert [str(b) for b in blocks("sh") if b.remark and not b.why_not and b.remark not in ELSEWHERE] == []
    assert [str(b) for b in blocks("bash", "shell", "console")] == [], "blocks of commands are ```sh"


@pytest.mark.slow
def test_the_commands_of_the_docs_do_what_the_docs_say(
    centre: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("IOC_DATA_DIR", str(centre))
    ports = {s["name"]: s["port"] for s in json.loads(program("status", "--json", folder=centre))["services"]}

    def in_process(line: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        code = end.value.code if isinstance(end.value.code, int) else 0
        promised = re.search(r"# prints (.+)$", line)
        if promised and out.splitlines()[-1:] != [promised[1]]:
            return 1, f"should print {promised[1]!r}, prints {out!r}"
        return code, out + err

    wrong = []
    for block in ran():
        text = block.text.replace("127.0.0.1:8088", f"127.0.0.1:{ports['gateway']}")
        lines = text.splitlines()
        ours = all(line.startswith("ioc ") for line in lines)
        for part in lines if ours else [text]:
            code, said = in_process(part) if ours else in_bash(part, centre)
            refused = said.startswith("HTTP/") and " 202 " not in said.splitlines()[0]
            if code != 0 or refused:
                wrong.append(f"{block}: `{part}` ended with {code}: {said}")
    assert wrong == []


@pytest.mark.slow
def test_the_tutorial_leads_from_nothing_to_a_panel_and_an_alert(tmp_path: Path) -> None:
    """Its lines as they stand, one after the other; a line that promises is tried again until it holds, as a person would."""
    copy, data = copied(tmp_path / "copy", "tests"), tmp_path / "data"
    (block,) = (block for block in blocks("sh") if block.remark == COPY)
    port = "8088"

    def holds(line: str, promised: str) -> bool:
        code, said = in_bash(line.replace("127.0.0.1:8088", f"127.0.0.1:{port}"), data, copy)
        assert code == 0, f"{line}: {said}"
        assert not said.startswith("HTTP/") or " 202 " in said.splitlines()[0], said
        return promised in ("", *said.splitlines()[-1:])

    def python(*arguments: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(copy)}
        done = subprocess.run([sys.executable, "-m", *arguments], cwd=copy, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"

    def firing() -> list[str]:
        alerts = json.loads(program("alerts", "list", "--json", folder=data, of=copy))
        return [alert["rule"] for alert in alerts if alert["state"] == "firing"]

    try:
        for line in re.sub(r" *\\\n *", " ", block.text).splitlines():
            promised = re.search(r"# prints (.+)$", line)
            wait_until(lambda line=line, text=promised[1] if promised else "": holds(line, text), line)
            if line.startswith("ioc up"):
                services = json.loads(program("status", "--json", folder=data, of=copy))["services"]
                port = str({service["name"]: service["port"] for service in services}["gateway"])
        python("ruff", "check", ".")
        python("ruff", "format", "--check", ".")
        python("pytest", "-q", "-p", "no:cacheprovider", "tests/streams/test_library.py")
        wait_until(lambda: firing() == ["library.overdue"], "the alert fires")
        board = json.loads((copy / "grafana/boards/ioc-library.json").read_text("utf-8"))
        tiles = {panel["title"]: panel["targets"][0]["rawSql"] for panel in board["panels"] if panel["type"] == "stat"}
        chosen = {variable["name"]: variable["current"]["value"] for variable in board["templating"]["list"]}
        for title in ("Việc đang mở", "Việc quá hạn"):
            shown = program("sql", timed(filled(tiles[title], chosen), 0, 1), folder=data, of=copy)
            assert shown.splitlines()[1].startswith("1\t"), title
    finally:
        program("down", folder=data, of=copy)
