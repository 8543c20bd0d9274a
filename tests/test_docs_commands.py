"""Every command of README and docs/ is run, against one centre, but for blocks that say what a test machine lacks.

Lines of `ioc` alone are run in this process, as the console script does: a start costs a second. Other blocks go to bash. The
answer to a line that ends with `# prints TEXT` must end with that text.
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
from tests.docs import ROOT, Block, blocks

FIRST = "docs/importing.md"
"""Its page is about a centre that is not live yet."""


def program(*arguments: str, folder: Path) -> str:
    """`ioc ARGUMENTS` as a process of its own; what it printed."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "IOC_DATA_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "ioc", *arguments], env=env, capture_output=True, text=True, timeout=300, check=False
    )
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


def in_bash(text: str, folder: Path) -> tuple[int, str]:
    """A block as it stands; `ioc` is the program of this checkout."""
    script = f'ioc() {{ "{sys.executable}" -m ioc "$@"; }}\n{text}'
    env = {**os.environ, "PYTHONPATH": str(ROOT), "IOC_DATA_DIR": str(folder)}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def ran() -> list[Block]:
    """The blocks that are run here: those about a past first, going live last, for it rolls every minute since that past.

    What two pages show is run once.
    """
    here = [block for block in blocks("sh") if not block.why_not and block.remark != "after the edits"]
    once: dict[str, Block] = {}
    for block in sorted(here, key=lambda block: (block.text.startswith("ioc live"), block.page != FIRST)):
        once.setdefault(re.sub(r" +#.*", "", block.text), block)
    return list(once.values())


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    assert [str(b) for b in blocks("sh") if b.remark and not b.why_not and b.remark != "after the edits"] == []
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
