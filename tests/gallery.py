"""Gallery: small pictures of all boards on the wall of a running centre, for `grafana/gallery/`; run by hand.

python -m tests.gallery http://127.0.0.1:8080        the live centre
python -m tests.gallery http://127.0.0.1:8080 RUN    a run of it: the band that marks it is in the picture
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from ioc.boards.model import Dashboard
from ioc.store.runs import run_names
from ioc.wall.app import BOARDS
from tests.ioc.wall.browser import CHROMIUM

GALLERY = BOARDS.parent / "gallery"
DRAWN = "() => { const all = [...document.querySelectorAll('.fresh')]; return all.length && all.every(e => e.textContent) }"
"""Whether every panel has an answer: each has a line that says until when it counts."""


def main(wall: str, run: str | None = None, folder: Path = GALLERY) -> None:
    """Take every board in both themes, and the first on a phone; of a run, the boards alone, dark."""
    folder.mkdir(exist_ok=True)
    uids = [Dashboard.read(path).uid for path in sorted(BOARDS.glob("*.json"))]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for uid in filter(lambda uid: not uid.endswith("-en"), uids):
            for theme in ("dark", "light") if run is None else ("dark",):
                page = browser.new_page(viewport={"width": 1920, "height": 1080}, device_scale_factor=0.6)
                url = f"{wall}/?board={uid}&theme={theme}&range=7d"
                take(page, *((url, folder / f"{uid}-{theme}.png") if run is None else of_run(url, uid, run, folder)))
        if run is None:
            page = browser.new_page(viewport={"width": 390, "height": 844})
            take(page, f"{wall}/?board=ioc-overview&theme=light", folder / "phone.png")
        browser.close()


def of_run(url: str, uid: str, run: str, folder: Path) -> tuple[str, Path]:
    """The link to a board of a run, over all of its time, and its file."""
    return f"{url.replace('range=7d', 'range=all')}&run={run_names(run)[0]}", folder / f"run-{run}-{uid}.png"


def take(page: Page, url: str, file: Path) -> None:
    """One picture, once every panel is drawn."""
    page.goto(url)
    page.wait_for_function(DRAWN, timeout=120_000)
    page.wait_for_timeout(1_000)  # a chart lays itself out after its data came: nothing tells when
    page.screenshot(path=file)
    print(file, file.stat().st_size // 1024, "kB")
    page.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
