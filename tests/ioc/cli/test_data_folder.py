"""A data folder in which nothing can be made ends a command with a sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ioc.cli import main


@pytest.mark.parametrize("command", [["up", "--no-demo"], ["status"], ["down"]])
def test_a_data_folder_that_cannot_be_made_is_a_usage_error(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.delenv("IOC_DEBUG", raising=False)
    monkeypatch.setattr(sys, "argv", ["ioc", *command, "--data", str(file / "data")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert str(file) in told
    assert "IOC_DATA_DIR" in told


def test_with_ioc_debug_its_traceback_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("IOC_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["ioc", "up", "--no-demo", "--data", str(file / "data")])
    with pytest.raises(OSError, match="file"):
        main()
