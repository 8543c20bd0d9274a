"""What a viewer that has gone held is freed: its page, its panels and its questions."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ioc.settings import Settings
from ioc.wall.app import build


def test_pages_that_nobody_opened_a_socket_for_are_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a health check or a script makes them; a closed tab's page goes the same way, 30 seconds after its socket."""
    app = build(Settings(data_dir=tmp_path, clickhouse_url="http://127.0.0.1:1"))
    from nicegui import Client

    from ioc.wall import page

    pages: list[weakref.ref[Any]] = []

    class Watched(page.Page):
        def __init__(self, *given: Any) -> None:
            pages.append(weakref.ref(self))
            super().__init__(*given)

    monkeypatch.setattr(page, "Page", Watched)
    with TestClient(app, base_url="http://localhost") as browser:
        for _ in range(5):
            assert browser.get("/").status_code == 200
        assert len(pages) == 5
        assert all(ref() is not None for ref in pages)
        browser.portal.call(lambda: Client.prune_instances(client_age_threshold=0))  # NiceGUI does it every ten seconds, after 60
        browser.portal.call(gc.collect)
        assert [ref() for ref in pages] == [None] * 5
