"""Security: what is open on this machine, as `ioc doctor --security` tells it; docs/security.md says what is promised."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from ioc.embedded import jars
from ioc.embedded.centre import STORE_KEY, status
from ioc.settings import Settings

Finding = tuple[str, bool, str]
"""What was looked at, whether it is well, and what was found."""
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
ENV_FILES = (".env", "deploy/.env")
SECRET = re.compile(r"^\s*(?:export\s+)?(IOC_\w*(?:PASSWORD|SECRET|TOKEN|HMAC_KEY)|IOC_CLICKHOUSE_URL)\s*=\s*\S", re.MULTILINE)
LISTENS = "0A"
"""The state of a listening socket in /proc/net/tcp."""


def findings(settings: Settings) -> list[Finding]:
    """All that can be seen without asking a service; it works while the centre runs and while it does not."""
    data = settings.data_dir.absolute()
    children = [service.pid for service in status(data).services if service.pid]
    return [
        _private("data folder", data),
        _private("password of the store", data / STORE_KEY),
        *(_secrets(Path(name)) for name in ENV_FILES if Path(name).is_file()),
        _listeners(children),
        _reached("Kafka", settings.kafka_bootstrap.split(",")[0], bool(settings.kafka_ca), bool(settings.kafka_username)),
        _reached("ClickHouse", *_parts(settings.clickhouse_url)),
        _reached("webhook", _parts(settings.webhook_url)[0], _parts(settings.webhook_url)[1], True),
        ("gateway", False, "no tokens and no TLS yet: every user of this machine may send events under any source"),
        ("wall", False, "no users yet: every user of this machine sees all boards"),
        _packages(),
        _jars(),
    ]


def _private(what: str, path: Path) -> Finding:
    """For its owner alone, or not there."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return what, True, f"{path} is not there"
    except PermissionError:
        return what, True, f"{path} belongs to another user, who lets nobody in"
    if there.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return what, False, f"others may enter {path} ({stat.filemode(there.st_mode)}): chmod go= {path}"
    return what, True, f"{path} is for its owner alone"


def _secrets(file: Path) -> Finding:
    """A file of settings with a secret in it is for its owner alone."""
    try:
        held = sorted({found[1] for found in SECRET.finditer(file.read_text(errors="replace"))})
    except OSError as error:
        return f"settings in {file}", True, f"cannot be read ({error.strerror})"
    if not held:
        return f"settings in {file}", True, "no secret in it"
    what, well, told = _private(f"settings in {file}", file)
    return what, well, f"holds {', '.join(held)}; {told}"


def _listeners(children: Iterable[int]) -> Finding:
    """Sockets of the centre's processes that answer other machines, too."""
    beyond = sorted({f"{address}:{port}" for address, port in listening(children) if not address.is_loopback})
    if beyond:
        return "listeners", False, f"reached from other machines: {', '.join(beyond)}; there are no tokens yet: bind to 127.0.0.1"
    return "listeners", True, "none beyond loopback"


def listening(children: Iterable[int]) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """(address, port) of every listening TCP socket of these processes, from /proc."""
    own = set[str]()
    for child in children:
        with suppress(OSError):  # it ended, or is another user's
            for handle in Path(f"/proc/{child}/fd").iterdir():
                with suppress(OSError):
                    own.add(os.readlink(handle))
    for table in ("tcp", "tcp6"):
        with suppress(OSError):  # a machine without IPv6 has no tcp6
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENS and f"socket:[{fields[9]}]" in own:
                    address, _, port = fields[1].partition(":")
                    words = [bytes.fromhex(address[n : n + 8])[::-1] for n in range(0, len(address), 8)]
                    found = ipaddress.ip_address(b"".join(words))
                    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None  # as Java listens
                    yield mapped or found, int(port, 16)


def _parts(url: str) -> tuple[str, bool, bool]:
    """(host, whether by TLS, whether with a password) of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.scheme == "https", bool(parts.password)


def _reached(what: str, host: str, tls: bool, authenticated: bool) -> Finding:
    """How a server of the user is reached; our own listens on loopback."""
    host = host.rpartition(":")[0] or host
    if not host:
        own = {"Kafka": "the embedded broker knows no users: every user of this machine may read and write the log"}
        return what, what not in own, own.get(what, "none of yours is set")
    if host in ("localhost", "::1") or host.startswith("127."):
        return what, authenticated, f"{host}, on this machine, {'with' if authenticated else 'without'} a password"
    lacks = [name for name, there in (("TLS", tls), ("a user and password", authenticated)) if not there]
    return what, not lacks, f"{host} is reached without {' and without '.join(lacks)}" if lacks else f"{host}, by TLS"


def _packages() -> Finding:
    """What is installed beside constraints.txt, of the packages that are."""
    if not CONSTRAINTS.is_file():
        return "packages", True, "no constraints.txt here to compare with"
    other = []
    for line in CONSTRAINTS.read_text().splitlines():
        name, _, wanted = line.partition(";")[0].strip().partition("==")
        with suppress(PackageNotFoundError):  # an extra that was not wanted
            if name and not name.startswith("#") and (found := version(name)) != wanted:
                other.append(f"{name} {found}, not {wanted}")
    return "packages", not other, "; ".join(other) or "the versions of constraints.txt"


def _jars() -> Finding:
    home = jars.cache() / f"kafka-{jars.KAFKA}"
    wrong = jars.unlisted(home) if home.is_dir() else []
    return "Kafka's jars", not wrong, "; ".join(wrong) or (f"those of {jars.SUMS.name}" if home.is_dir() else "none downloaded")
