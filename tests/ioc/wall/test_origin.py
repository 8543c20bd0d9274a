"""The wall's pages and sockets are for its own origin."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from ioc.wall.app import SameOrigin


async def socket(scope: Scope, receive: Receive, send: Send) -> None:
    await WebSocket(scope, receive, send).accept()


@pytest.mark.parametrize("origin", ["http://evil.test", "http://localhost:9", "null"])
def test_a_page_of_another_origin_opens_no_socket(origin: str) -> None:
    client = TestClient(SameOrigin(socket), base_url="http://localhost:8080")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/", headers={"origin": origin, "host": "localhost:8080"}):
        pass
    assert client.get("/", headers={"origin": origin}).status_code == 403


def test_the_walls_own_pages_open_one() -> None:
    headers = {"origin": "http://localhost:8080", "host": "localhost:8080"}
    with TestClient(SameOrigin(socket)).websocket_connect("/", headers=headers):
        pass
