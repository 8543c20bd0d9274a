"""A Grafana found on the machine runs beside the centre, provisioned against its store.

Grafana itself cannot be had here, so a stand-in is: a real process on the PATH that takes the same command, reads the same
environment and the same provisioning files (with variables filled in as Grafana does), refuses what Grafana would refuse, asks
the store as the data source says, and serves /api/health. What the plugin asks of the store: `test_grafana_client.py`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ioc.embedded import grafana
from ioc.embedded.centre import alive
from ioc.embedded.grafana import FOLDER, PLUGIN
from ioc.embedded.stack import status
from ioc.settings import Settings
from tests.ioc.embedded.test_stack import run, running
from tests.services import free_port, wait_until

STAND_IN = """
import base64, http.server, json, os, pathlib, re, sys, urllib.error, urllib.request
import yaml

assert sys.argv[1:3] == ["server", "--homepath"], sys.argv
assert (pathlib.Path(sys.argv[3]) / "conf" / "defaults.ini").is_file()
setting = {name[3:]: value for name, value in os.environ.items() if name.startswith("GF_")}
data = pathlib.Path(setting["PATHS_DATA"])
data.mkdir(parents=True, exist_ok=True)

def filled(value):
    if isinstance(value, dict):
        return {name: filled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner) for inner in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\\$\\$|\\$\\{(\\w+)\\}|\\$(\\w+)", lambda m: "$" if m[0] == "$$" else os.environ[m[1] or m[2]], value)

def files(kind):
    folder = pathlib.Path(setting["PATHS_PROVISIONING"]) / kind
    return [filled(yaml.safe_load(path.read_text())) for path in sorted(folder.glob("*.y*ml"))]

sources = [source for file in files("datasources") for source in file["datasources"]]
providers = [provider for file in files("dashboards") for provider in file["providers"]]
for source in sources:
    assert source["access"] == "proxy" and source["uid"] and source["name"]
    plugin = pathlib.Path(setting["PATHS_PLUGINS"]) / source["type"]
    assert json.loads((plugin / "plugin.json").read_text())["id"] == source["type"], "the plugin is not installed"
for provider in providers:
    assert provider["type"] == "file" and provider["folderUid"] and pathlib.Path(provider["options"]["path"]).is_absolute()

def ask(source, sql):
    how = source["jsonData"]
    assert how["protocol"] == "http"
    who = base64.b64encode((how["username"] + ":" + source["secureJsonData"]["password"]).encode()).decode()
    url = f"http://{how['host']}:{int(how['port'])}/?database={how['defaultDatabase']}"
    request = urllib.request.Request(url, sql.encode(), {"Authorization": "Basic " + who})
    try:
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20).read().decode().strip()
    except urllib.error.HTTPError as refused:
        return refused.read().decode()

class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told = {"/api/health": lambda: {"database": "ok"},
                "/sources": lambda: sources, "/providers": lambda: providers, "/settings": lambda: setting,
                "/asked": lambda: [ask(sources[0], "SELECT 1"), ask(sources[0], "CREATE DATABASE by_grafana")]}[self.path]()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

http.server.HTTPServer((setting["SERVER_HTTP_ADDR"], int(setting["SERVER_HTTP_PORT"])), Api).serve_forever()
"""
NO_BROKER = {"IOC_KAFKA_BOOTSTRAP": "kafka.example:9092", "IOC_CLICKHOUSE_DATABASE": "default"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "trung tâm"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Make a program the machine's Grafana, and return its folder; the PATH has a link to it, as packages make one."""
    monkeypatch.setattr(grafana, "USUAL", ())

    def installed(source: str) -> Path:
        home = tmp_path / "grafana-13"
        for name in ("bin", "conf"):
            (home / name).mkdir(parents=True)
        (home / "conf" / "defaults.ini").write_text("[server]\n")
        (home / "bin" / "stand_in.py").write_text(source)
        # not "#!python": a first line of that kind cannot name a folder with blanks
        command = shlex.join([sys.executable, str(home / "bin" / "stand_in.py")])
        (home / "bin" / "grafana").write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (home / "bin" / "grafana").chmod(0o755)
        (tmp_path / "path").mkdir()
        (tmp_path / "path" / "grafana").symlink_to(home / "bin" / "grafana")
        monkeypatch.setenv("PATH", str(tmp_path / "path"), prepend=os.pathsep)
        return home

    return installed


def add_plugin(plugins: Path) -> None:
    (plugins / PLUGIN).mkdir(parents=True)
    (plugins / PLUGIN / "plugin.json").write_text(json.dumps({"id": PLUGIN}))


def told(port: int, path: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return json.loads(opener.open(f"http://127.0.0.1:{port}{path}", timeout=30).read())


def test_a_grafana_on_the_path_reads_the_store_and_shows_the_boards(folder: Path, install: Callable[[str], Path]) -> None:
    add_plugin(install(STAND_IN) / "data" / "plugins")
    with running(folder, **NO_BROKER, IOC_GRAFANA_PORT=str(free_port())) as stack:
        now = status(folder)
        (service,) = [s for s in now.services if s.name == "grafana"]
        assert (service.state, service.port) == ("ready", now.ports["grafana"])
        assert [s.name for s in now.services] == ["store", "worker", "gateway", "wall", "grafana"]
        (source,), (provider,) = told(service.port, "/sources"), told(service.port, "/providers")
        assert (source["uid"], source["name"], source["type"]) == ("ioc-clickhouse", "IOC ClickHouse", PLUGIN)
        assert (provider["folder"], provider["folderUid"]) == ("IOC", "ioc")
        assert provider["options"]["path"] == str(FOLDER / "boards")
        one, refused = told(service.port, "/asked")
        assert one == "1"
        assert refused.startswith("Code: 164. DB::Exception: ")
        setting = told(service.port, "/settings")
        assert setting["SERVER_HTTP_ADDR"] == "127.0.0.1"
        assert setting["PATHS_DATA"] == str(folder / "grafana")
        assert (setting["AUTH_ANONYMOUS_ORG_ROLE"], setting["SECURITY_DISABLE_INITIAL_ADMIN_CREATION"]) == ("Viewer", "true")
        stack.terminate()
        output, _ = stack.communicate()
    assert f"grafana: http://127.0.0.1:{service.port}/dashboards" in output
    assert service.pid is not None
    assert not alive(service.pid)


def test_a_grafana_without_the_plugin_is_not_started_but_told_how_to_get_it(folder: Path, install: Callable[[str], Path]) -> None:
    home, plugins = install(STAND_IN), folder / "own plugins"
    with running(folder, **NO_BROKER, IOC_GRAFANA_PORT=str(free_port()), GF_PATHS_PLUGINS=str(plugins)) as stack:
        assert [s.name for s in status(folder).services] == ["store", "worker", "gateway", "wall"]
        stack.terminate()
        output, _ = stack.communicate()
    assert f"{home}/bin/grafana cli --pluginsDir '{plugins}' plugins install {PLUGIN}" in output


def test_a_grafana_that_cannot_run_leaves_the_centre_as_it_is(folder: Path, install: Callable[[str], Path]) -> None:
    install("import sys; sys.exit('the database is of a later version')")
    add_plugin(folder / "grafana" / "plugins")
    stack = run(folder, **NO_BROKER, IOC_GRAFANA_PORT=str(free_port()))
    try:
        wait_until(lambda: status(folder).ready or stack.poll() is not None, "the centre is ready")
        assert {s.name: s.state for s in status(folder).services}["grafana"] == "ended"
    finally:
        stack.terminate()
        output, _ = stack.communicate()
    assert "grafana refused to run (exit code 1); its log ends with:\nthe database is of a later version" in output
    assert "grafana: http" not in output


def test_none_is_looked_for_where_the_store_is_another_or_the_port_is_0(install: Callable[[str], Path]) -> None:
    assert not grafana.wanted(Settings())
    install(STAND_IN)
    assert grafana.wanted(Settings(grafana_port=3000))
    assert not grafana.wanted(Settings(grafana_port=0))
    assert not grafana.wanted(Settings(grafana_port=3000, clickhouse_url="http://store.example:8123"))


def test_every_variable_of_the_provisioning_files_is_given(tmp_path: Path) -> None:
    given = grafana.environment(tmp_path, tmp_path / "plugins", 3000, 8123, "ioc")
    files = sorted((FOLDER / "provisioning").rglob("*.yaml"))
    assert len(files) == 2
    for file in files:
        text = json.dumps(yaml.safe_load(file.read_text()))
        assert set(re.findall(r"\$\{(\w+)\}", text)) <= set(given), file
        assert not re.search(r"\$(?!\{\w+\})", text), file
