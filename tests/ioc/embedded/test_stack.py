"""One centre a data folder: started in order, found by its clients, stopped whole; worker, gateway and wall are stand-ins here.

The stacks run as processes of their own (`python -m tests.ioc.embedded.test_stack FOLDER`), because they are to be killed.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import httpx
import pytest

from ioc.embedded.centre import STORE_KEY, alive, make_private, new_token, owned, owner
from ioc.embedded.ports import Ports, answers, listens
from ioc.embedded.stack import Child, Progress, Stack, default_children, detach, down, endpoints, environment, status
from ioc.errors import IocError, ServiceAway, UsageError
from ioc.settings import Settings
from ioc.store.clickhouse import Store, StoreError
from ioc.wall.app import build
from tests.services import ROOT, free_port, wait_until

WORKER = """
import os, pathlib, signal
data = pathlib.Path(os.environ["IOC_DATA_DIR"])
print(os.environ["IOC_KAFKA_BOOTSTRAP"], os.environ["IOC_CLICKHOUSE_URL"], os.environ["IOC_PARTITIONS"], flush=True)
(data / "run" / "worker.ready").write_text(str(os.getpid()))
signal.pause()
"""
GATEWAY = """
import http.server, os
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["IOC_GATEWAY_PORT"])), Health).serve_forever()
"""
STAND_INS = {"worker": [sys.executable, "-S", "-c", WORKER], "gateway": [sys.executable, "-S", "-c", GATEWAY]}
STAND_INS["wall"] = [sys.executable, "-S", "-c", GATEWAY.replace("GATEWAY_PORT", "WALL_PORT")]
NO_SERVERS = {"IOC_KAFKA_BOOTSTRAP": "kafka.example:9092", "IOC_CLICKHOUSE_URL": "http://store.example:8123"}


def children(settings: Settings, ports: Mapping[str, int], progress: Progress) -> list[Child]:
    """The real children, their worker, gateway and wall replaced."""
    real = default_children(settings, ports, progress)
    return [replace(c, command=lambda c=c: STAND_INS[c.name]) if c.name in STAND_INS else c for c in real]


def refuses(_: Settings) -> None:
    raise UsageError("partitions cannot shrink")


def command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "tests.ioc.embedded.test_stack", str(folder), *words]


def run(folder: Path, *words: str, **env: str) -> Popen[str]:
    """A stack as a process, in a session of its own; its ports begin at a free one unless told."""
    return Popen(
        command(folder, *words), cwd=ROOT, env={**os.environ, **ports(), **env}, text=True, stdout=PIPE, stderr=STDOUT,
        start_new_session=True,
    )  # fmt: skip


def ports() -> dict[str, str]:
    return {f"IOC_{name}_PORT": str(free_port()) for name in ("KAFKA", "STORE", "GATEWAY", "WALL")}


@contextmanager
def running(folder: Path, **env: str) -> Iterator[Popen[str]]:
    """A stack that is ready."""
    stack = run(folder, **env)
    try:
        wait_until(lambda: status(folder).ready or stack.poll() is not None, f"{folder} is ready")
        assert stack.poll() is None, stack.communicate()
        yield stack
    finally:
        down(folder)
        if stack.returncode is None:
            stack.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "trung tâm"


def pids(folder: Path) -> list[int]:
    return [service.pid for service in status(folder).services if service.pid]


def test_a_whole_centre_starts_is_found_and_goes_down(folder: Path) -> None:
    with running(folder, IOC_PARTITIONS="7") as stack:
        now = status(folder)
        assert (now.running, now.ready, now.pid) == (True, True, stack.pid)
        assert [(s.name, s.state) for s in now.services] == [
            (n, "ready") for n in ("broker", "store", "worker", "gateway", "wall")
        ]
        found = endpoints(Settings(data_dir=folder))
        assert found.kafka_bootstrap == f"127.0.0.1:{now.ports['broker']}"
        assert listens(now.ports["broker"])
        token = (folder / STORE_KEY).read_text()
        assert found.clickhouse_url == f"http://default:{token}@127.0.0.1:{now.ports['store']}"
        assert answers(now.ports["store"], "/ping")
        told = (folder / "logs" / "worker.log").read_text().split()
        assert told == [found.kafka_bootstrap, found.clickhouse_url, "7"]
        processes = pids(folder)
        assert len(processes) == 5
        assert down(folder)
        assert not any(map(alive, processes))
        output, _ = stack.communicate()
        assert stack.returncode == 0
        steps = [line for line in output.splitlines() if line.split()[0] in ("starting", "stopping", "hook", "ready")]
        assert steps == [
            "starting broker", "starting store", "starting worker", "hook before", "hook after", "starting gateway",
            "starting wall", "ready", "stopping wall", "stopping gateway", "stopping worker", "stopping store", "stopping broker",
        ]  # fmt: skip
    assert status(folder).running is False


def test_no_other_user_of_the_machine_becomes_the_centres_and_secrets_are_for_those_who_need_them(folder: Path) -> None:
    given = {
        "IOC_WEBHOOK_URL": "http://127.0.0.1:1/",
        "IOC_WEBHOOK_SECRET": "whsec_" + "QUJD" * 10,
        "IOC_GRAFANA_TOKEN": "glsa_x",
    }
    folder.mkdir(mode=0o755)
    with running(folder, **given, IOC_KAFKA_PASSWORD="kafka's own"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "store").stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / STORE_KEY).stat().st_mode) == 0o600
        found = endpoints(Settings(data_dir=folder))
        assert Store(found, "default").command("SELECT 1") == 1
        url = found.clickhouse_url.replace((folder / STORE_KEY).read_text(), "guessed")
        for wrong in (url, url.replace("default:guessed@", "")):
            with pytest.raises(StoreError, match="516"):
                Store(found.model_copy(update={"clickhouse_url": wrong}), "default").command("SELECT 1")
        asked = httpx.post(url.replace("default:guessed@", ""), content="SELECT 1", headers={"X-ClickHouse-User": "grafana"})
        assert asked.text == "1\n", "the boards' reader needs no password"
        secrets = {*given, "IOC_KAFKA_PASSWORD"}
        has = {s.name: environ(s.pid) & secrets for s in status(folder).services if s.pid}
        assert has["broker"] == has["store"] == set()
        assert has["worker"] == secrets - {"IOC_GRAFANA_TOKEN"}
        assert has["gateway"] == {"IOC_KAFKA_PASSWORD"}
        assert has["wall"] == set()
        shown = [Path(f"/proc/{s.pid}/cmdline").read_text() for s in status(folder).services]
        assert not any((folder / STORE_KEY).read_text() in line for line in shown), "everybody may read a command line"
        first = (folder / STORE_KEY).read_text()
    assert new_token(folder).read_text() != first


def environ(pid: int) -> set[str]:
    """The names in a process's environment."""
    return {line.partition("=")[0] for line in Path(f"/proc/{pid}/environ").read_text().split("\0")}


def test_a_folder_that_is_everybodys_stays_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    make_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


def test_two_centres_in_two_folders_run_at_once_and_killed_leave_nothing(tmp_path: Path) -> None:
    same = ports()
    stacks = {folder: run(folder, **same) for folder in (tmp_path / "north", tmp_path / "south")}
    for folder, stack in stacks.items():
        wait_until(lambda f=folder, s=stack: status(f).ready or s.poll() is not None, f"{folder} is ready")  # type: ignore[misc]
    north, south = (status(folder).ports for folder in stacks)
    assert not set(north.values()) & set(south.values())
    everyone = [pid for folder in stacks for pid in pids(folder)]
    assert len(everyone) == 10
    for stack in stacks.values():
        stack.kill()
        stack.communicate()
    wait_until(lambda: not any(map(alive, everyone)), "all children are gone", 10)
    after = status(tmp_path / "north")
    assert (after.running, after.ready) == (False, False)
    assert {service.state for service in after.services} == {"away"}


def test_a_second_centre_on_the_folder_is_refused_with_the_first_ones_pid(folder: Path) -> None:
    with running(folder, **NO_SERVERS) as first:
        second = run(folder, **NO_SERVERS)
        output, _ = second.communicate()
        assert second.returncode == 3
        assert f"runs already (pid {first.pid})" in output
        assert status(folder).ready, "the first one is not disturbed"


def test_servers_of_the_user_are_used_and_none_of_its_own_is_started(folder: Path) -> None:
    with running(folder, **NO_SERVERS):
        assert [s.name for s in status(folder).services] == ["worker", "gateway", "wall"]
        assert (folder / "logs" / "worker.log").read_text().split()[:2] == list(NO_SERVERS.values())
        with pytest.raises(UsageError, match="set IOC_KAFKA_BOOTSTRAP here, too"):
            endpoints(Settings(data_dir=folder))


def test_a_port_that_is_taken_gives_the_next_free_one_which_is_kept(folder: Path) -> None:
    first = free_port()
    env = {**NO_SERVERS, "IOC_GATEWAY_PORT": str(first)}
    with closing(socket.create_server(("127.0.0.1", first))), running(folder, **env) as stack:
        chosen = status(folder).ports["gateway"]
        assert chosen > first
        down(folder)
        assert f"port {first} is taken: gateway uses {chosen}" in stack.communicate()[0]
    with running(folder, **env):
        assert status(folder).ports["gateway"] == chosen, "clients need not learn another one"


def test_another_setting_beats_the_kept_port(tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    for wanted in (first, second):
        with closing(Ports({"gateway": wanted}, tmp_path / "ports.json", print)) as ports:
            assert ports.of == {"gateway": wanted}


def test_a_ports_file_that_was_spoilt_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"gateway": "x"}')
    wanted = free_port()
    with closing(Ports({"gateway": wanted}, tmp_path / "ports.json", print)) as ports:
        assert ports.of == {"gateway": wanted}


def test_without_nicegui_a_centre_has_no_wall_and_says_what_brings_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("ioc.embedded.stack.find_spec", lambda name: None)
    names = [c.name for c in default_children(Settings(data_dir=folder), {"gateway": 1, "wall": 2}, said.append)]
    assert names == ["worker", "gateway"]
    assert "embedded" in said[0]
    monkeypatch.setitem(sys.modules, "nicegui", None)
    monkeypatch.delitem(sys.modules, "ioc.wall.page", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'ioc-streaming\[embedded\]'"):
        build(Settings(data_dir=folder))


def test_ctrl_c_stops_everything_in_order(folder: Path) -> None:
    with running(folder, **NO_SERVERS) as stack:
        processes = pids(folder)
        os.killpg(stack.pid, signal.SIGINT)  # what the terminal does
        output, _ = stack.communicate()
        assert (stack.returncode, output.splitlines()[-2:]) == (0, ["stopping gateway", "stopping worker"])
        assert not any(map(alive, processes))


def test_a_killed_worker_comes_back_and_the_status_tells_it(folder: Path) -> None:
    with running(folder, **NO_SERVERS):
        before = pids(folder)[0]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: status(folder).ready and pids(folder)[0] != before, "another worker is ready")


def test_a_hook_that_refuses_stops_what_was_started(folder: Path) -> None:
    stack = run(folder, "refuses", **NO_SERVERS)
    output, _ = stack.communicate()
    assert stack.returncode == UsageError.exit_code
    assert "partitions cannot shrink" in output
    assert owner(folder) is None


def test_detached_it_comes_back_when_the_centre_is_ready(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**NO_SERVERS, **ports()}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    said: list[str] = []
    detach(Settings(data_dir=folder), command(folder), said.append)
    try:
        assert status(folder).ready
        assert (said[0], said[-1]) == ("starting worker", "ready")
        with pytest.raises(ServiceAway, match="runs already"):
            detach(Settings(data_dir=folder), command(folder), said.append)
    finally:
        assert down(folder)


def test_detached_it_fails_with_the_exit_code_of_the_centre(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**NO_SERVERS, **ports()}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    said: list[str] = []
    with pytest.raises(IocError, match=r"did not start; its output stands in .*supervisor\.log") as refused:
        detach(Settings(data_dir=folder), command(folder, "refuses"), said.append)
    assert refused.value.exit_code == UsageError.exit_code
    assert said[-1] == "partitions cannot shrink"


def test_where_nothing_runs_clients_hear_what_to_do(folder: Path) -> None:
    assert down(folder) is False
    assert status(folder).as_dict()["running"] is False
    with pytest.raises(ServiceAway, match="start it with `ioc up`"):
        endpoints(Settings(data_dir=folder))


def test_settings_with_both_servers_need_no_centre(folder: Path) -> None:
    settings = Settings(data_dir=folder, kafka_bootstrap="kafka.example:9092", clickhouse_url="http://store.example:8123")
    assert endpoints(settings) is settings


def test_the_owner_may_ask_for_itself_without_losing_the_folder(tmp_path: Path) -> None:
    with owned(tmp_path):
        assert owner(tmp_path) == os.getpid()
        with pytest.raises(ServiceAway, match="runs already"), owned(tmp_path):
            pass
        assert owner(tmp_path) == os.getpid()
    assert owner(tmp_path) is None


def test_children_get_all_settings_and_read_them_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path, kafka_password="secret", fsync=True, partitions=3)  # type: ignore[arg-type]
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def main(folder: str, *words: str) -> None:
    settings = Settings(data_dir=Path(folder))
    before = refuses if "refuses" in words else lambda _: print("hook before", flush=True)
    stack = Stack(
        settings,
        progress=lambda line: print(line, flush=True),
        before_worker=before,
        after_worker=lambda s: print("hook after", flush=True),
        children=children,
    )
    try:
        stack.run(lambda s: print("late" if status(s.data_dir).ready else "ready", flush=True))
    except IocError as error:
        print(error, flush=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
