"""The wall of a whole centre in a real browser: it moves with the events, says what is no live number, and recovers by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from ioc.boards.model import Dashboard
from ioc.wall.app import BOARDS
from tests.ioc.wall.browser import needs_chromium, opened
from tests.services import ROOT, free_port

pytestmark = [needs_chromium, pytest.mark.slow]
SOON = 5.0
"""Seconds from the producer's POST to the wall."""
PATIENCE_MS = 60_000
VALUE = """id => {
    const e = document.querySelector(`[data-testid=tile-${id}] [data-value]`);
    return e && [e.dataset.value, e.dataset.until] }"""
PORTAL = "/portal/thu-nghiem"


class Centre:
    """A centre of its own, asked through the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sent = folder, 0
        self.ports: dict[str, int] = {}

    def ioc(self, *arguments: str) -> str:
        ports = {f"IOC_{name}_PORT": str(free_port()) for name in ("KAFKA", "STORE", "GATEWAY", "WALL")}
        env = {**ports, **os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "ioc", *arguments, "--data", str(self.folder)]
        done = subprocess.run(command, env=env, cwd=self.folder.parent, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout or done.stderr

    def status(self) -> Any:
        return json.loads(self.ioc("status", "--json"))

    def pid(self, name: str) -> int:
        return next(int(s["pid"]) for s in self.status()["services"] if s["name"] == name)

    def backlog(self, at: str) -> Any:
        """What `ioc value` says, which reads panes and nothing that was rolled."""
        return json.loads(self.ioc("value", "dossier.backlog", "--json", "--at", at))["value"]

    def url(self, **query: str) -> str:
        return f"http://127.0.0.1:{self.ports['wall']}/?" + "&".join(f"{name}={quote(value)}" for name, value in query.items())

    def post(self, **data: Any) -> int:
        """Send a dossier that is received now to the gateway; the status code."""
        self.sent += 1
        dossier = {"dossier": f"H56-{self.sent}", "state": "received", "agency": "000.00.20.H56", "procedure": "1.004194"}
        event = {
            "specversion": "1.0", "id": f"{self.sent}/received", "source": PORTAL, "type": "vn.ioc.dossier.changed.v1",
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "data": dossier | data,
        }  # fmt: skip
        url = f"http://127.0.0.1:{self.ports['gateway']}/events"
        request = urllib.request.Request(url, json.dumps(event).encode(), {"Content-Type": "application/cloudevents+json"})
        try:
            return int(urllib.request.urlopen(request, timeout=30).status)
        except urllib.error.HTTPError as refusal:
            return int(refusal.code)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    found = Centre(tmp_path_factory.mktemp("trung tâm") / "dữ liệu")
    said = found.ioc("up", "--no-demo", "-d")
    try:
        found.ports = found.status()["ports"]
        assert f"the wall: http://127.0.0.1:{found.ports['wall']}/" in said
        assert found.post() == 202
        yield found
    finally:
        found.ioc("down")


def panel(title: str, board: str = "ioc-overview") -> int:
    """The id of the panel of that title."""
    return next(p.id for p in Dashboard.read(BOARDS / f"{board}.json").panels if p.title.startswith(title))


BACKLOG, FEEDS = panel("Hồ sơ đang tồn"), panel("Nguồn dữ liệu")


def seconds_to_the_wall(page: Page, centre: Centre, backlog: str) -> float:
    """How long it takes from the POST of one more dossier until the tile shows the backlog."""
    began = time.monotonic()
    assert centre.post() == 202
    wait_for(page, BACKLOG, backlog)
    return time.monotonic() - began


def wait_for(page: Page, number: int, value: str) -> str:
    """Wait until the tile shows the value; until when it counts."""
    page.wait_for_function(f"([id, value]) => ({VALUE})(id)?.[0] === value", arg=[number, value], timeout=PATIENCE_MS)
    until: str = page.evaluate(VALUE, number)[1]
    return until


def test_the_backlog_moves_with_the_events_and_a_rejected_one_shows_among_the_feeds(centre: Centre) -> None:
    with opened(centre.url()) as (page, hosts):
        until = wait_for(page, BACKLOG, "1")
        assert centre.backlog(until) == 1
        assert min(seconds_to_the_wall(page, centre, str(count)) for count in (2, 3, 4)) < SOON  # other tests may be at work
        assert centre.backlog(page.evaluate(VALUE, BACKLOG)[1]) == 4
        assert centre.post(state="lost") == 422
        row = page.locator(f"[data-testid=tile-{FEEDS}] tr", has_text=PORTAL)
        row.locator("td").last.locator("xpath=self::*[@data-value='1']").wait_for(timeout=PATIENCE_MS)
        later = page.evaluate(VALUE, BACKLOG)
        assert later[0] == "4"
        assert "đến " in page.locator(f"[data-testid=tile-{BACKLOG}] .fresh").inner_text()
        assert hosts == {"127.0.0.1"}
    assert not (centre.folder.parent / ".nicegui").exists(), "nothing is written into the current folder"


def test_a_run_is_marked_and_a_link_says_language_and_theme(centre: Centre) -> None:
    centre.ioc("replay", "start", "proof", "--source", "archive", "--speed", "max", "--direct")
    with opened(centre.url(run="ioc_run_proof", lang="en", theme="light", range="all")) as (page, _):
        page.get_by_test_id("run-band").wait_for(timeout=PATIENCE_MS)
        assert "REPLAY: proof" in page.get_by_test_id("run-band").inner_text()
        wait_for(page, panel("Backlog", "ioc-overview-en"), "4")
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(233, 237, 241)"


def test_a_store_that_hangs_is_told_and_the_wall_recovers_by_itself(centre: Centre) -> None:
    store = centre.pid("store")
    with opened(centre.url()) as (page, _):
        wait_for(page, BACKLOG, "4")
        os.kill(store, signal.SIGSTOP)
        try:
            page.get_by_test_id("store-away").wait_for(timeout=PATIENCE_MS)
            page.locator(f"[data-testid=tile-{BACKLOG}] .fresh .error").wait_for(timeout=PATIENCE_MS)
            assert centre.post() == 202  # the gateway needs the broker alone
        finally:
            os.kill(store, signal.SIGCONT)
        page.get_by_test_id("store-away").wait_for(state="detached", timeout=PATIENCE_MS)
        wait_for(page, BACKLOG, "5")


def test_the_wall_comes_back_after_a_crash_and_an_open_page_with_it(centre: Centre) -> None:
    with opened(centre.url()) as (page, _):
        wait_for(page, BACKLOG, "5")
        os.kill(centre.pid("wall"), signal.SIGKILL)
        assert centre.post() == 202
        wait_for(page, BACKLOG, "6")


def test_a_page_is_served_to_our_own_names_only(centre: Centre) -> None:
    request = urllib.request.Request(centre.url(), headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=10)
