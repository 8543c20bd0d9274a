"""A browser for tests: the system's Chromium, headless, which tells which hosts it was sent to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")


@contextmanager
def opened(url: str, width: int = 1920, height: int = 1080) -> Iterator[tuple[Page, set[str]]]:
    """The page, and the hosts of all requests it has made so far (websockets, too)."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, hosts = browser.new_page(viewport={"width": width, "height": height}), set[str]()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or ""))
        page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).hostname or ""))
        page.goto(url)
        yield page, hosts
        browser.close()
