"""The README is true: every setting, indicator and command stands in it, and its worked examples work."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ioc import vocabulary
from ioc.catalog import load
from ioc.events.exact_lane import Reject, exact
from ioc.importing.mapping import load_map
from ioc.importing.translate import read_events
from ioc.settings import Settings
from schemas import contracts

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def block(language: str) -> str:
    """The first code block of that language."""
    found = re.search(rf"^( *)```{language}\n(.*?)^\1```$", README, re.MULTILINE | re.DOTALL)
    assert found, f"README has no {language} block"
    return found[2]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_and_its_default_stand_in_the_readme(name: str) -> None:
    default = Settings.model_fields[name].default
    shown = default.get_secret_value() if hasattr(default, "get_secret_value") else str(default)
    assert re.search(rf"^\| `IOC_{name.upper()}` \| {re.escape(f'`{shown}`') if shown else ''} ?\| \w", README, re.MULTILINE)


def test_the_readme_names_no_setting_that_is_not() -> None:
    assert set(re.findall(r"IOC_[A-Z_]+", README)) <= {f"IOC_{name.upper()}" for name in Settings.model_fields}


def test_every_indicator_and_no_other_stands_in_the_readme() -> None:
    shown = re.findall(r"^\| `([a-z_]+\.[a-z_]+)`( \(level\))? \|", README, re.MULTILINE)
    assert shown == [(i.name, " (level)" if i.level else "") for i in load().indicators()]


def test_every_command_and_no_other_stands_in_the_readme() -> None:
    cli = pytest.importorskip("ioc.cli", reason="the command line is not there yet")
    import typer.main

    def names(command: object, path: str) -> list[str]:
        found = getattr(command, "commands", {})
        return [n for name, c in found.items() if not c.hidden for n in names(c, f"{path} {name}")] if found else [path]

    table = README.split("\n## Commands\n")[1].split("\n## ")[0]
    shown = set(re.findall(r"`(ioc [a-z]+(?: (?:list|show|apply|migrate|serve|start|diff|drop|push|check))?)", table))
    assert shown == set(names(typer.main.get_command(cli.app), "ioc"))


def test_every_target_the_readme_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE)) <= targets


def test_the_worked_mapping_makes_events_without_a_reject(tmp_path: Path) -> None:
    (tmp_path / "permits.csv").write_text(block("csv"), "utf-8")
    (tmp_path / "permits.toml").write_text(block("toml"), "utf-8")
    events = list(read_events([tmp_path / "permits.csv"], load_map(str(tmp_path / "permits.toml"))))
    verdicts = [exact(event.value, (), contracts()) for event in events]
    assert [v for v in verdicts if isinstance(v, Reject)] == []
    assert len(verdicts) == 5


def test_the_event_sent_in_the_readme_is_valid() -> None:
    (document,) = re.findall(r"<<'JSON'\n(.*?)\nJSON\n", README, re.DOTALL)
    assert not isinstance(exact(json.dumps(json.loads(document)).encode(), (), contracts()), Reject)


def test_the_worked_indicator_is_a_declaration() -> None:
    names = {name: getattr(vocabulary, name) for name in ("Indicator", "Mean")}
    declared = eval(block("python").strip(), names)
    ran = load().stream_of("ran.prb_used")
    assert {d for grouping in declared.groupings for d in grouping} <= set(ran.dimensions)
    assert declared.name not in [i.name for i in ran.indicators]
    assert "RRU.PrbTotUl" in declared.rule
    assert ran.contract.limits is not None
    assert ran.contract.limits.table["RRU.PrbTotUl"].unit == declared.unit
