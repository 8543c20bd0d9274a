"""Storm: a whole centre as its owner starts it, killed piece by piece, without Kafka, with a full disk; clients retry, and every
acknowledged event is counted exactly once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from ioc.catalog import load
from ioc.embedded.centre import Status, endpoints, status
from ioc.embedded.children import stop
from ioc.embedded.ports import listens
from ioc.errors import IocError
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from tests.disk import fill, small_disk
from tests.logs import dossier
from tests.services import ROOT, broker_command, free_port, running, wait_until

SECONDS = float(os.environ.get("IOC_TEST_STORM_SECONDS", "480"))
CLIENTS, BATCH = 3, 20
AGENCY = "storm"


class Client(threading.Thread):
    """Sends batches, each again and again until it is acknowledged; only then the next one."""

    def __init__(self, number: int, port: int) -> None:
        super().__init__(daemon=True)
        self.number, self.url = number, f"http://127.0.0.1:{port}/events"
        self.acknowledged: list[str] = []
        self.refused = 0
        self.wrong = ""
        """An answer that is neither yes nor later; the client ends with it."""
        self.enough = threading.Event()

    def run(self) -> None:
        """Until told that it is enough, and the last batch is acknowledged."""
        while not self.enough.is_set() and not self.wrong:
            names = [f"c{self.number}-{len(self.acknowledged) + n}" for n in range(BATCH)]
            now = time.time_ns() // 1_000_000
            if self._delivered([dossier(name, f"e-{name}", "received", now, agency=AGENCY) for name in names]):
                self.acknowledged += names

    def _delivered(self, events: list[dict[str, object]]) -> bool:
        while True:
            with suppress(httpx.HTTPError):
                answer = httpx.post(self.url, json=events, timeout=15)
                if answer.status_code == 202:
                    return True
                if answer.status_code != 503:
                    self.wrong = f"{answer.status_code}: {answer.text}"
                    return False
                self.refused += 1
            time.sleep(0.2)


@contextmanager
def broker(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Kafka, which is no child of the centre."""
    with running("broker", broker_command(folder, port, free_port()), folder, lambda: listens(port)) as child:
        yield child


@contextmanager
def centre(folder: Path, bootstrap: str, ports: dict[str, int]) -> Iterator[subprocess.Popen[bytes]]:
    """`ioc up`, as a process."""
    env = {f"IOC_{name}_PORT": str(port) for name, port in ports.items()} | {"IOC_KAFKA_BOOTSTRAP": bootstrap}
    command = [sys.executable, "-m", "ioc", "up", "--no-demo", "--data", str(folder)]
    with (folder.parent / "up.log").open("wb") as out:
        up = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=out, stderr=out, start_new_session=True)
    try:
        yield up
    finally:
        stop(up, 30)


def ready(folder: Path) -> Status | None:
    """How the centre is, where all of it is ready."""
    with suppress(OSError, ValueError):
        found = status(folder)
        return found if found.ready else None
    return None


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_a_storm_of_kills_a_minute_without_kafka_and_a_full_disk_lose_and_double_nothing(tmp_path: Path) -> None:
    folder, kafka, dice = tmp_path / "centre", free_port(), random.Random(seed := random.randrange(1 << 32))
    ports = {name: free_port() for name in ("STORE", "GATEWAY", "WALL")}
    bootstrap = f"127.0.0.1:{kafka}"
    clients = [Client(n, ports["GATEWAY"]) for n in range(CLIENTS)]
    with small_disk(folder, "160m"), ExitStack() as stack:
        with broker(tmp_path / "broker", kafka):
            process = stack.enter_context(centre(folder, bootstrap, ports))
            wait_until(lambda: ready(folder), "the centre is ready", 120)
        for client in clients:
            client.start()
        strike(folder, "worker")  # it starts without Kafka, and tries for ever
        time.sleep(min(60.0, SECONDS / 4))
        assert process.poll() is None
        struck = storm(folder, tmp_path / "broker", kafka, dice)
        with broker(tmp_path / "broker", kafka):
            for client in clients:
                client.enough.set()
                client.join(120)
                assert not client.is_alive(), f"its last batch is acknowledged: seed {seed}"
                assert not client.wrong, f"{client.wrong}: seed {seed}"
            wait_until(lambda: ready(folder), "the centre is whole again by itself", 120)
            judge(folder, bootstrap, clients)
    acknowledged, refused = sum(len(c.acknowledged) for c in clients), sum(c.refused for c in clients)
    print(f"\nstorm: {struck} strikes, {acknowledged} events acknowledged, {refused} batches sent away for a while, seed {seed}")


def strike(folder: Path, name: str) -> bool:
    """Kill -9 a process of the centre."""
    with suppress(ProcessLookupError):
        for service in status(folder).services:
            if service.name == name and service.pid:
                os.kill(service.pid, signal.SIGKILL)
                return True
    return False


def storm(folder: Path, kafka_folder: Path, kafka: int, dice: random.Random) -> int:
    """A strike every few seconds; in the middle the disk is full for half a minute. Returns how many struck."""
    end, struck, filler = time.monotonic() + SECONDS, 0, folder / "filler"
    full = time.monotonic() + SECONDS / 2
    while time.monotonic() < end:
        with broker(kafka_folder, kafka) as child:
            killed = time.monotonic() + dice.uniform(10, 60)
            while time.monotonic() < min(killed, end):
                time.sleep(dice.uniform(1, 6))
                struck += strike(folder, dice.choice(["worker", "worker", "store", "store", "gateway", "wall"]))
                if full and time.monotonic() > full:
                    fill(filler)
                    time.sleep(min(30.0, SECONDS / 8))
                    filler.unlink()
                    full = 0.0
            child.kill()
            struck += 1
    return struck


def judge(folder: Path, bootstrap: str, clients: list[Client]) -> None:
    """Every acknowledged event is accepted once, and the backlog is what was sent."""
    store = Store(endpoints(Settings(data_dir=folder, kafka_bootstrap=bootstrap)), patience=60)
    wanted = {f"e-{name}" for client in clients for name in client.acknowledged}
    assert len(wanted) > 100

    def accepted() -> list[str]:
        with suppress(IocError):
            return store.query("SELECT id FROM events FINAL WHERE verdict = 'accepted' AND id LIKE 'e-%'")["id"].to_list()
        return []

    wait_until(lambda: wanted <= set(accepted()), "all that was acknowledged is counted", 180)
    assert len(accepted()) == len(wanted), "each of them once"
    frame = store.query(
        "SELECT sumForEach(measures)[1] AS n FROM panes FINAL WHERE indicator = 'dossier.received' "
        f"AND generation = '{load().generations['dossiers']}'"
    )
    assert frame["n"][0] == len(wanted)
