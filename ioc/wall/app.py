"""App: the wall as a process: `ioc wall`. It listens on loopback only: it has no users and no rights of its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ioc.boards.model import Dashboard
from ioc.errors import UsageError
from ioc.settings import LOOPBACK, Settings
from ioc.wall.data import Wall

BOARDS = Path(__file__).parents[2] / "grafana" / "boards"
GRACE = 1
"""Seconds given to open pages at the end: their websockets never close by themselves."""
EXTRA = "the wall needs NiceGUI, which the extra `embedded` brings: pip install 'ioc-streaming[embedded]'"


class SameOrigin:
    """Refuses what a page of another origin sends, websockets too: browsers let any page open one, and it would see the wall."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passed on where there is no Origin or it is the asked host itself (`TrustedHostMiddleware` has judged that)."""
        headers = Headers(scope=scope) if scope["type"] in ("http", "websocket") else Headers()
        origin = headers.get("origin")
        if origin is None or urlsplit(origin).netloc == headers.get("host"):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse("another origin", 403)(scope, receive, send)


def build(settings: Settings, boards: Path = BOARDS) -> FastAPI:
    """The wall's application.  Raises DeclarationError for a board it cannot draw, UsageError where NiceGUI is not installed."""
    found = [Dashboard.read(path) for path in sorted(boards.glob("*.json"))]
    if not found:
        raise UsageError(f"no boards in {boards}: `ioc derive` writes them")
    os.environ["NICEGUI_STORAGE_PATH"] = str(settings.data_dir.absolute() / "run" / "wall")  # read when it is imported
    try:
        from ioc.wall import page
    except ModuleNotFoundError as error:
        raise UsageError(EXTRA) from error
    app = FastAPI(openapi_url=None)
    app.add_middleware(SameOrigin)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK, www_redirect=False)

    @app.get("/health")
    def health() -> dict[str, int]:
        """200 as long as pages are served."""
        return {"boards": len(found)}

    page.attach(app, Wall(settings), {board.uid: board for board in found})
    return app


def serve(settings: Settings, port: int) -> None:
    """Serve until a signal ends it."""
    app = build(settings)
    config = uvicorn.Config(
        app,
        "127.0.0.1",
        port,
        http="h11",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    asyncio.run(uvicorn.Server(config).serve())
