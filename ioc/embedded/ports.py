"""Ports: which ones a centre uses, on 127.0.0.1: the kept one if free, else the next free one from the default upwards."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from ioc.errors import UsageError


class Ports:
    """Ports by service name (`of`), reserved against other centres of this machine until `close`."""

    def __init__(self, wanted: Mapping[str, int], file: Path, progress: Callable[[str], None]) -> None:
        """`wanted`: the first port to try for each name. `file` remembers the choice for as long as the same port is wanted."""
        kept = _kept(file)
        self._held = ExitStack()
        self.of: dict[str, int] = {}
        for name, first in wanted.items():
            asked, before = kept.get(name, (0, 0))
            port = self._choose(name, first, before if asked == first else first)
            if port not in (first, before):
                progress(f"port {first} is taken: {name} uses {port}")
            self.of[name] = port
        file.write_text(json.dumps({**kept, **{name: (wanted[name], port) for name, port in self.of.items()}}))

    def close(self) -> None:
        """Give the reservations back."""
        self._held.close()

    def _choose(self, name: str, first: int, before: int) -> int:
        candidates: list[int] = [before, *range(first, min(first + 1000, 65536))]
        for port in candidates:
            if port not in self.of.values() and self._reserve(port):
                return port
        raise UsageError(f"no port from {first} upwards is free for {name}: give another IOC_..._PORT")

    def _reserve(self, port: int) -> bool:
        # Between our choice and the child's bind another centre could choose the same port. A TCP socket held here would be in
        # the child's own way; an abstract Unix socket is not, is seen by the same network namespace, and goes with the process.
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0ioc-port-{port}")
            with closing(socket.socket()) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections just closed do not make a port taken
                probe.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            return False
        self._held.enter_context(closing(mark))
        return True


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now; another process may take one before you do."""
    with ExitStack() as held:
        probes = [held.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def listens(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy of the environment is not for loopback
    with suppress(OSError, http.client.HTTPException), opener.open(f"http://127.0.0.1:{port}{path}", timeout=2):
        return True
    return False


def _kept(file: Path) -> dict[str, tuple[int, int]]:
    """By name: the port that was asked for and the one that was taken."""
    try:
        return {name: (int(asked), int(port)) for name, (asked, port) in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none yet, or edited by hand: it is only a memory
        return {}
