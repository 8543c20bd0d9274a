"""Kafka's jars: downloaded from Maven Central once, into a cache that all checkouts of a user share.

The cache is either whole or absent: files arrive beside it, are checked against `jars.sha256`, and one rename puts them in place.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ioc.errors import IocError, ServiceAway, UsageError

if TYPE_CHECKING:
    import requests
    from jgo.maven import Artifact, MavenContext, Resolver

KAFKA = "4.3.1"
LOG4J = "2.25.4"  # the version in Kafka's own pom; the pom leaves the slf4j binding to the distribution, so it is named here
ENDPOINTS = (f"org.apache.kafka:kafka_2.13:{KAFKA}", f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J}")
SUMS = Path(__file__).with_name("jars.sha256")
"""What `sha256sum *.jar` wrote of these versions: who delivers a jar cannot say what it must be. A new KAFKA has a new list."""
INSTALL = "pip install 'ioc-streaming[embedded]', or set IOC_KAFKA_BOOTSTRAP to your Kafka"
AGAIN = "run the same command again, it continues where it stopped"


def resolve_jars(progress: Callable[[str], None]) -> list[Path]:
    """The paths of Kafka's jars; the first time they are downloaded (about 45 files, 40 MB).

    Raises ServiceAway when a download fails; what has arrived is kept, and the next call continues.
    """
    root = cache()
    home = root / f"kafka-{KAFKA}"
    if not home.is_dir():
        try:
            with lock(root / f"kafka-{KAFKA}.lock", progress, "downloads Kafka"):
                if not home.is_dir():  # another process may have filled it while we waited
                    _fill(home, progress)
        except OSError as error:
            raise IocError(f"cannot write the cache {root}: {error}; set XDG_CACHE_HOME to a folder you can write") from error
    return sorted(home.glob("*.jar"))


def cache() -> Path:
    """The folder that all checkouts of a user share."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "ioc"


@contextmanager
def lock(path: Path, progress: Callable[[str], None], doing: str) -> Iterator[None]:
    """Held by one process of this machine at a time; `progress` says what another one is `doing` while we wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process that {doing}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fill(home: Path, progress: Callable[[str], None]) -> None:
    """Download Kafka and its dependencies beside `home`, then rename them into place."""
    try:
        import requests
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry
    except ImportError:
        raise UsageError(f"the embedded broker needs jgo: {INSTALL}") from None
    stage, jars = home.with_name(home.name + ".part"), home.with_name(home.name + ".new")
    shutil.rmtree(jars, ignore_errors=True)
    jars.mkdir()
    mirrors = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}  # jgo.conf may name a mirror
    try:
        with requests.Session() as session:
            again = Retry(3, backoff_factor=0.5, status_forcelist=(429, 502, 503, 504), raise_on_status=False)
            session.mount("https://", HTTPAdapter(max_retries=again))
            context = MavenContext(_resolver(session), repo_cache=stage, local_repos=[], remote_repos=mirrors, timeout=30)
            progress("asking Maven Central what Kafka needs (the first time only)")
            artifacts = _artifacts(context)
            for n, artifact in enumerate(artifacts, 1):
                progress(f"downloading Kafka {KAFKA}: {n} of {len(artifacts)} files")
                shutil.copy(artifact.resolve(), jars)
    except RuntimeError as error:  # jgo's word for "not found", and ours
        raise ServiceAway(f"Kafka could not be downloaded: {error}; {AGAIN}") from error
    if wrong := unlisted(jars):
        shutil.rmtree(stage, ignore_errors=True)  # or the next attempt would take the same files again
        raise IocError(f"Kafka was downloaded, but is not used: {'; '.join(wrong)} (by {SUMS})")
    jars.rename(home)
    shutil.rmtree(stage, ignore_errors=True)


def unlisted(folder: Path) -> list[str]:
    """What is wrong with the jars of a folder beside the list: another content, a jar that is not named, one that is missing."""
    listed = {name: digest for digest, name in map(str.split, SUMS.read_text().splitlines())}
    there = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    wrong = [f"{name} is not the file that was released" for name in listed if name in there and there[name] != listed[name]]
    wrong += [f"{name} is unknown" for name in sorted(there.keys() - listed.keys())]
    return wrong + [f"{name} is missing" for name in sorted(listed.keys() - there.keys())]


def _artifacts(context: MavenContext) -> list[Artifact]:
    """All jars of the endpoints, one version each, Kafka's own choice first.

    One by one: resolved together, log4j's table of versions would rule and bring an old kafka-clients.
    """
    found: dict[tuple[str, str], Artifact] = {}
    for endpoint in ENDPOINTS:
        inputs, others = context.resolver.resolve([context.create_dependency(endpoint)])
        for dependency in (*inputs, *(d for d in others if d.scope in ("compile", "runtime"))):
            found.setdefault((dependency.groupId, dependency.artifactId), dependency.artifact)
    return list(found.values())


def _resolver(session: requests.Session) -> Resolver:
    """jgo's resolver with a download that is atomic; its own keeps half a file after a kill."""
    from jgo.maven import PythonResolver

    class Careful(PythonResolver):  # type: ignore[misc, unused-ignore]
        def download(self, artifact: Artifact) -> Path:
            for repository in artifact.context.remote_repos.values():
                url = f"{repository}/{artifact.component.path_prefix}/{artifact.filename}"
                if (body := _get(session, url)) is not None:
                    return _keep(artifact, body)
            raise RuntimeError(f"no repository has {artifact}")

    return Careful()


def _get(session: requests.Session, url: str) -> bytes | None:
    """The body, or None where the repository does not have the file."""
    import requests

    try:
        response = session.get(url, timeout=30)
    except requests.Timeout:
        raise RuntimeError(f"no answer within 30 s for {url}") from None
    except requests.RequestException as error:
        raise RuntimeError(f"no connection for {url} ({type(error).__name__})") from error
    if response.status_code == 404:
        return None
    if not response.ok:
        raise RuntimeError(f"HTTP {response.status_code} for {url}")
    return response.content


def _keep(artifact: Artifact, body: bytes) -> Path:
    target = Path(artifact.cached_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_bytes(body)
    part.rename(target)
    return target
