"""Boards in a Grafana. No Grafana runs here: a small server answers as Grafana's HTTP API is documented for the endpoints used.

Folder API: GET/POST /api/folders. Dashboard API: GET /api/dashboards/uid/:uid, POST /api/dashboards/db. Search: GET /api/search.
As a real one it answers an editor 403 for what is not there: rights are looked up by the thing.
What is not in the documentation (rendering, provisioning) is not proved by these tests.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from ioc.boards.derive import boards
from ioc.boards.grafana import Grafana
from ioc.catalog import load
from ioc.cli import app
from ioc.errors import IocError, ServiceAway, UsageError
from tests.services import free_port

BOARDS = boards(load())
TOKEN, ADMIN, VIEWER = "glsa_editor", "glsa_admin", "glsa_viewer"


class Server(ThreadingHTTPServer):
    """What Grafana holds: folders and boards by uid. `refusing`: the answer to every write, where set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.folders: dict[str, str] = {}
        self.boards: dict[str, tuple[str, dict[str, Any]]] = {}
        self.writes = 0
        self.refusing: tuple[int, str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @property
    def token(self) -> str:
        return str(self.headers["Authorization"]).removeprefix("Bearer ")

    def allowed(self) -> bool:
        if self.token in (TOKEN, ADMIN, VIEWER):
            return True
        self.answer({"message": "Invalid API key"}, 401)
        return False

    def denied(self, right: str) -> None:
        said = f"You'll need additional permissions to perform this action. Permissions needed: {right}"
        self.answer({"accessErrorId": "ACE0123456789", "message": said, "title": "Access denied"}, 403)

    def missing(self, said: str, right: str) -> None:
        if self.token == ADMIN:
            self.answer({"message": said}, 404)
        else:
            self.denied(right)

    def do_GET(self) -> None:
        if not self.allowed():
            return
        url, held = urlsplit(self.path), self.server
        last = url.path.rpartition("/")[2]
        if url.path.startswith("/api/folders/"):
            if last not in held.folders:
                self.missing("folder not found", "folders:read")
                return
            self.answer({"uid": last, "title": held.folders[last]})
        elif url.path.startswith("/api/dashboards/uid/"):
            if last not in held.boards:
                self.missing("Dashboard not found", "dashboards:read")
                return
            folder, board = held.boards[last]
            self.answer({"dashboard": board, "meta": {"folderUid": folder, "version": board["version"]}})
        elif url.path == "/api/search":
            asked = parse_qs(url.query)
            tags = asked.get("tag", [])
            found = [{"uid": u, "type": "dash-db"} for u, (_, b) in held.boards.items() if set(tags) <= set(b["tags"])]
            self.answer(found)
        else:
            self.answer({"message": "Not found"}, 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.allowed():
            return
        held = self.server
        held.writes += 1
        if self.token == VIEWER:
            self.denied("dashboards:write")
        elif held.refusing:
            self.answer({"message": held.refusing[1]}, held.refusing[0])
        elif self.path == "/api/folders":
            held.folders[body["uid"]] = body["title"]
            self.answer({"uid": body["uid"], "title": body["title"]})
        elif self.path == "/api/dashboards/db":
            board = body["dashboard"]
            if board["id"] is not None or body["folderUid"] not in held.folders:
                self.answer({"message": "Dashboard not found or no such folder"}, 400)
                return
            version = held.boards.get(board["uid"], ("", {"version": 0}))[1]["version"] + 1
            held.boards[board["uid"]] = (body["folderUid"], board | {"id": len(held.boards) + 1, "version": version})
            self.answer({"uid": board["uid"], "version": version, "status": "success"})
        else:
            self.answer({"message": "Not found"}, 404)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize("token", [TOKEN, ADMIN])
def test_a_push_writes_all_boards_into_their_folder_and_a_second_one_writes_nothing(server: Server, token: str) -> None:
    grafana = Grafana(server.url, token)
    assert len(grafana.differences(BOARDS)) == len(BOARDS)
    assert grafana.push(BOARDS) == [board.uid for board in BOARDS]
    assert server.folders == {"ioc": "IOC"}
    assert grafana.differences(BOARDS) == []
    writes = server.writes
    assert grafana.push(BOARDS) == []
    assert server.writes == writes


def test_what_someone_changed_is_told_and_put_right_and_the_rest_left_alone(server: Server) -> None:
    grafana = Grafana(server.url, TOKEN)
    grafana.push(BOARDS)
    folder, board = server.boards["ioc-5g"]
    server.boards["ioc-5g"] = (folder, board | {"title": "mine", "panels": []})
    server.boards["ioc-dossiers"] = ("other", server.boards["ioc-dossiers"][1])
    server.boards["old"] = ("ioc", {"tags": ["ioc"], "version": 1})
    assert grafana.differences(BOARDS) == [
        "ioc-dossiers: lies in folder 'other', not in 'ioc'",
        "ioc-5g: differs in title, panels",
        "old: is there, but derived no more",
    ]
    assert grafana.push(BOARDS) == ["ioc-dossiers", "ioc-5g"]
    assert grafana.differences(BOARDS) == ["old: is there, but derived no more"]


def test_a_refusal_is_told_in_words_that_say_what_is_right(server: Server) -> None:
    with pytest.raises(IocError, match="IOC_GRAFANA_TOKEN must be valid"):
        Grafana(server.url, "wrong").push(BOARDS)
    with pytest.raises(IocError, match="role must be Editor"):
        Grafana(server.url, VIEWER).push(BOARDS)
    grafana = Grafana(server.url, TOKEN)
    server.refusing = (400, "Cannot save provisioned dashboard")
    with pytest.raises(IocError, match="provisioned from files"):
        grafana.push(BOARDS)
    server.refusing = (502, "bad gateway")
    with pytest.raises(ServiceAway, match="failed"):
        grafana.push(BOARDS)
    with pytest.raises(ServiceAway, match="does not answer"):
        Grafana(f"http://127.0.0.1:{free_port()}", TOKEN).push(BOARDS)
    with pytest.raises(UsageError, match="no address"):
        Grafana("grafana:3000", TOKEN)
    with pytest.raises(UsageError, match="IOC_GRAFANA_TOKEN"):
        Grafana(server.url)


def test_the_command_line_pushes_and_checks(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOC_GRAFANA_TOKEN", TOKEN)
    run = CliRunner()
    before = run.invoke(app(), ["boards", "check", "--grafana", server.url])
    assert before.exit_code == 1
    pushed = run.invoke(app(), ["boards", "push", "--grafana", server.url, "--json"])
    assert json.loads(pushed.stdout) == {"pushed": [board.uid for board in BOARDS]}
    after = run.invoke(app(), ["boards", "check", "--grafana", server.url])
    assert after.exit_code == 0, after.output
