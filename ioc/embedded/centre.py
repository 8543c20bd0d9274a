"""Centre: what a data folder tells about the centre that runs on it: who owns it, how its services are, where they answer."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ioc.errors import IocError, ServiceAway, UsageError
from ioc.settings import Settings

LOCK = "stack.lock"
NOTE = "stack.json"
STORE_KEY = "store.token"
"""The password of the embedded store's `default`, of this start; for the folder's owner alone."""
WHOLE_FILE = struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0)  # struct flock of Linux x86-64: type, whence, start, length, pid


@dataclass(frozen=True)
class ServiceStatus:
    """One service: state is starting, ready, silent, restarting, away or ended; `since` in seconds since 1970; `why` it fell."""

    name: str
    state: str
    pid: int | None
    port: int | None
    since: float
    why: str = ""


@dataclass(frozen=True)
class Status:
    """The centre on a data folder. `ready`: it was started completely, and every service is ready now."""

    running: bool
    ready: bool
    pid: int | None
    since: float | None
    ports: dict[str, int]
    versions: dict[str, str]
    services: list[ServiceStatus]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@contextmanager
def owned(data: Path) -> Iterator[None]:
    """Own the folder until the block or the process ends; ServiceAway names the process that owns it already."""
    make_private(data)
    with (data / LOCK).open("a") as file:
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, WHOLE_FILE)
        except OSError:
            raise already_runs(data) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def make_private(data: Path) -> None:
    """Make the folder, if it is missing, for its owner alone; one that was made before becomes so, where it is ours to say."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = data.stat()
    if there.st_uid == os.geteuid() and not there.st_mode & stat.S_ISVTX:  # not /tmp and its like, which are everybody's
        data.chmod(0o700)


def new_token(data: Path) -> Path:
    """A random password for the store's `default`, kept in a file that its owner alone may read."""
    new = data / f"{STORE_KEY}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
    return new.replace(data / STORE_KEY)


def owner(data: Path) -> int | None:
    """The process that runs a centre on the folder: right also after kill -9, because the kernel holds the lock.

    An "open file description" lock: it can be asked for without taking it, and asking from the owner itself does not drop it.
    """
    with suppress(FileNotFoundError), (data / LOCK).open("r+") as file:
        kind = struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_OFD_GETLK, WHOLE_FILE))[0]
        return int(file.read() or 0) or None if kind != fcntl.F_UNLCK else None
    return None


def already_runs(data: Path) -> ServiceAway:
    """The refusal of a second centre on one folder."""
    return ServiceAway(f"the centre on {data} runs already (pid {owner(data)}): see `ioc status`, or stop it with `ioc down`")


def stopped(found: Status) -> list[tuple[str, str]]:
    """The services of a running centre that are not there, each with what happened to it and the way out."""
    told = []
    for service in found.services if found.running else ():
        if service.state in ("ready", "ended"):
            continue
        way = "; it is not tried again: mend that, then `ioc down` and `ioc up`" if service.state == "away" else ""
        told.append((service.name, f"{service.state}: {service.why}{way}" if service.why else service.state))
    return told


def write_note(data: Path, note: dict[str, Any]) -> None:
    """Publish what others may read of the running centre; readers never see half of it."""
    new = data / f"{NOTE}.new"
    new.write_text(json.dumps(note, indent=1))
    new.replace(data / NOTE)


def status(data: Path) -> Status:
    """How the centre on the folder is; one that was killed shows its last services as away."""
    note, pid = _note(data), owner(data)
    if not note:
        return Status(pid is not None, False, pid, None, {}, {}, [])
    running = pid == note["pid"]
    services = [_service(entry, note["ports"], running) for entry in note["services"]]
    ready = running and note["complete"] and all(s.state in ("ready", "ended") for s in services)
    return Status(pid is not None, ready, pid, note["since"] if running else None, note["ports"], note["versions"], services)


def endpoints(settings: Settings) -> Settings:
    """The settings with the addresses of the centre running on the data folder, where the user named no servers of his own."""
    if settings.kafka_bootstrap and settings.clickhouse_url:
        return settings
    data = settings.data_dir.absolute()
    note = _note(data)
    if not note or owner(data) != note["pid"]:
        raise ServiceAway(f"no centre runs on {data}: start it with `ioc up`")
    found = addressed(settings, note["ports"])
    for name in ("kafka_bootstrap", "clickhouse_url"):
        if not getattr(found, name):
            raise UsageError(f"the centre on {data} uses a server of yours: set IOC_{name.upper()} here, too")
    return found


def addressed(settings: Settings, ports: dict[str, int]) -> Settings:
    """The settings with these ports filled in; addresses the user gave stay."""
    update: dict[str, Any] = {"data_dir": settings.data_dir.absolute()}
    if not settings.kafka_bootstrap and "broker" in ports:
        update |= {"kafka_bootstrap": f"127.0.0.1:{ports['broker']}", "kafka_port": ports["broker"]}
    if not settings.clickhouse_url and "store" in ports:
        update |= {"clickhouse_url": f"http://{_user(settings.data_dir)}127.0.0.1:{ports['store']}", "store_port": ports["store"]}
    own = {f"{name}_port": ports[name] for name in ("gateway", "wall", "grafana") if name in ports}
    return settings.model_copy(update=update | own)


def _user(data: Path) -> str:
    """`default` and its password, as a URL carries them; empty where the store asks for none."""
    try:
        return f"default:{(data / STORE_KEY).read_text().strip()}@"
    except FileNotFoundError:
        return ""
    except PermissionError:
        raise ServiceAway(f"the centre on {data} belongs to another user: {data / STORE_KEY} cannot be read") from None


def down(data: Path, seconds: float = 90) -> bool:
    """Stop the centre on the folder and come back when all its processes are gone; False when none ran."""
    pid = owner(data)
    if pid is None:
        return False
    children = [s.pid for s in status(data).services if s.pid]
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):  # killed, it takes its children along
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if owner(data) != pid and not any(map(alive, children)):
                return True
            time.sleep(0.05)
    raise IocError(f"process {pid} does not end; look into {data / 'logs'}")


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _note(data: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        note: dict[str, Any] = json.loads((data / NOTE).read_text())
        return note
    return {}


def _service(entry: dict[str, Any], ports: dict[str, int], running: bool) -> ServiceStatus:
    there = running and (entry["pid"] is None or alive(entry["pid"]))
    state, pid = (entry["state"], entry["pid"]) if there else ("away", None)
    return ServiceStatus(entry["name"], state, pid, ports.get(entry["name"]), entry["since"], entry.get("why", ""))
