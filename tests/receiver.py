"""A webhook receiver: keeps every delivery, and answers as it is told. The signature is checked by words of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass(frozen=True)
class Delivery:
    """One POST, whether it was answered or not. `event`: the CloudEvent; `signed`: whether the signature is right."""

    key: str
    event: dict[str, Any]
    signed: bool
    status: int


class Receiver:
    """`answer(delivery so far, number)` gives the status of each POST."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.answer: Callable[[dict[str, Any], int], int] = lambda event, number: 204
        self.url = ""
        self.body = ""
        """What is wrong with the body of an answer: `is cut off`, `never comes`."""
        self.closed = threading.Event()

    def told(self, status: int = 204) -> list[tuple[str, str, float]]:
        """(desk, transition, value) of the deliveries that got that answer, in order."""
        data = [d.event["data"] for d in self.deliveries if d.status == status]
        return [(d["dims"]["desk"], d["transition"], d["value"]) for d in data]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of 127.0.0.1."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            event, identity = json.loads(body), self.headers["webhook-id"]
            signed = f"{identity}.{self.headers['webhook-timestamp']}.".encode() + body
            right = "v1," + base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
            key = self.headers["Idempotency-Key"]
            status = found.answer(event, len(found.deliveries))
            matches = hmac.compare_digest(right, self.headers["webhook-signature"])
            found.deliveries.append(Delivery(key, event, matches and identity == key == event["id"], status))
            self.send_response(status)
            self.send_header("Content-Length", "50" if found.body else "0")
            self.end_headers()
            if found.body == "is cut off":
                self.wfile.write(b"taken")
                self.close_connection = True
            elif found.body == "never comes":
                found.closed.wait(30)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/alerts"
    try:
        yield found
    finally:
        found.closed.set()
        server.shutdown()
        server.server_close()
