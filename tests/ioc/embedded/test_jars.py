"""The cache of Kafka's jars is whole or absent, whatever happens to the download; the Maven repository here is our own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ioc.embedded import jars
from ioc.embedded.jars import ENDPOINTS, KAFKA, SUMS, resolve_jars, unlisted
from ioc.errors import IocError, ServiceAway


class Central:
    """A Maven repository with two endpoints and what they need; `asked` are the paths that were requested."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        clients = f"org.apache.kafka:kafka-clients:{KAFKA}"
        self.publish(ENDPOINTS[0], clients)
        self.publish(ENDPOINTS[1], "org.apache.kafka:kafka-clients:1.0.0")
        self.publish(clients)
        self.publish("org.apache.kafka:kafka-clients:1.0.0")

    def publish(self, coordinate: str, needs: str | None = None) -> None:
        group, artifact, version = coordinate.split(":")
        pom = "<project><modelVersion>4.0.0</modelVersion>" + _tags(coordinate)
        pom += f"<dependencies><dependency>{_tags(needs)}</dependency></dependencies>" if needs else ""
        for kind, body in (("pom", pom + "</project>"), ("jar", f"jar of {coordinate}")):
            path = self.folder.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.{kind}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body)

    def file(self, name: str) -> Path:
        return next(self.folder.rglob(name))


def released(coordinate: str) -> str:
    """The line of a jar in the list."""
    _, artifact, version = coordinate.split(":")
    return f"{hashlib.sha256(f'jar of {coordinate}'.encode()).hexdigest()}  {artifact}-{version}.jar\n"


def _tags(coordinate: str) -> str:
    names = ("groupId", "artifactId", "version")
    return "".join(f"<{name}>{value}</{name}>" for name, value in zip(names, coordinate.split(":"), strict=True))


@pytest.fixture
def central(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Central]:
    central = Central(tmp_path / "central")

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            central.asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(central.folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    (tmp_path / "jgo.conf").write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "my cache"))
    monkeypatch.setattr(jars, "SUMS", tmp_path / "sums")
    (tmp_path / "sums").write_text("".join(map(released, (*ENDPOINTS, f"org.apache.kafka:kafka-clients:{KAFKA}"))))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield central
    server.shutdown()
    server.server_close()


def quiet(_: str) -> None:
    pass


def test_kafkas_own_versions_win_and_the_second_time_nothing_is_asked(central: Central, tmp_path: Path) -> None:
    said: list[str] = []
    found = resolve_jars(said.append)
    expected = [f"kafka-clients-{KAFKA}.jar", f"kafka_2.13-{KAFKA}.jar", ENDPOINTS[1].split(":", 1)[1].replace(":", "-") + ".jar"]
    assert [jar.name for jar in found] == sorted(expected)
    assert said[-1] == f"downloading Kafka {KAFKA}: 3 of 3 files"
    central.asked.clear()
    assert resolve_jars(said.append) == found
    assert central.asked == []
    assert [path.name for path in (tmp_path / "my cache" / "ioc").iterdir() if path.is_dir()] == [f"kafka-{KAFKA}"]


def test_a_failed_download_leaves_no_cache_and_the_next_run_continues(central: Central) -> None:
    missing = central.file(f"kafka-clients-{KAFKA}.jar")
    kept = missing.rename(missing.with_suffix(".away"))
    with pytest.raises(ServiceAway, match=r"could not be downloaded: .*kafka-clients.*run the same command again, it continues"):
        resolve_jars(quiet)
    kept.rename(missing)
    central.asked.clear()
    assert len(resolve_jars(quiet)) == 3
    assert not [path for path in central.asked if path.endswith(f"kafka_2.13-{KAFKA}.jar")], "what had arrived was kept"


def test_a_jar_that_is_another_is_refused_whatever_checksum_its_server_gives(central: Central) -> None:
    jar = central.file(f"kafka_2.13-{KAFKA}.jar")
    jar.write_text("something else")
    jar.with_name(jar.name + ".sha1").write_text(hashlib.sha1(b"something else").hexdigest())
    with pytest.raises(IocError, match=f"is not used: kafka_2.13-{KAFKA}.jar is not the file that was released"):
        resolve_jars(quiet)
    central.publish(ENDPOINTS[0], f"org.apache.kafka:kafka-clients:{KAFKA}")
    assert len(resolve_jars(quiet)) == 3


def test_a_jar_that_nobody_named_and_one_that_is_missing_are_refused(central: Central) -> None:
    central.publish(f"org.apache.kafka:kafka-clients:{KAFKA}", "org.evil:miner:1.0")
    central.publish("org.evil:miner:1.0")
    with pytest.raises(IocError, match=r"is not used: miner-1\.0\.jar is unknown \("):
        resolve_jars(quiet)
    central.publish(ENDPOINTS[0])
    central.publish(ENDPOINTS[1])
    with pytest.raises(IocError, match=f"is not used: kafka-clients-{KAFKA}.jar is missing"):
        resolve_jars(quiet)


def test_the_list_is_of_this_kafka_and_the_jars_in_use_are_those_of_the_list() -> None:
    text = SUMS.read_text()
    assert f"  kafka_2.13-{KAFKA}.jar\n" in text
    assert unlisted(resolve_jars(quiet)[0].parent) == []


def test_half_a_file_left_by_a_kill_is_downloaded_again(central: Central, tmp_path: Path) -> None:
    stage = tmp_path / "my cache" / "ioc" / f"kafka-{KAFKA}.part" / "org" / "apache" / "kafka" / "kafka_2.13" / KAFKA
    stage.mkdir(parents=True)
    (stage / f"kafka_2.13-{KAFKA}.jar.part").write_text("jar o")
    (tmp_path / "my cache" / "ioc" / f"kafka-{KAFKA}.new").mkdir()
    assert {jar.read_text()[:6] for jar in resolve_jars(quiet)} == {"jar of"}


def test_two_at_once_download_once(central: Central) -> None:
    said: list[str] = []
    found: list[list[Path]] = []
    threads = [threading.Thread(target=lambda: found.append(resolve_jars(said.append))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert len([path for path in central.asked if path.endswith(f"kafka_2.13-{KAFKA}.jar")]) == 1


def test_without_network_the_message_names_what_failed(central: Central, tmp_path: Path) -> None:
    (tmp_path / "jgo.conf").write_text("[repositories]\ncentral = http://127.0.0.1:9\n")
    with pytest.raises(ServiceAway) as refused:
        resolve_jars(quiet)
    message = str(refused.value)
    assert message.startswith("Kafka could not be downloaded: ")
    assert "127.0.0.1" in message
    assert "\n" not in message
    assert len(message) < 250


def test_a_cache_that_cannot_be_written_says_which_setting_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(IocError, match="set XDG_CACHE_HOME to a folder you can write"):
        resolve_jars(quiet)
