"""Grafana: the only file that knows grafana_api. Boards are pushed into a folder of their own, and compared with what is there.

Both use Grafana's HTTP API (folders, dashboards by uid, `/api/dashboards/db`); neither needs more than an editor's token. To an
editor Grafana answers 403 for what is not there, and 404 to an admin alone: its rights are looked up by the thing itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException, GrafanaUnauthorizedError
from grafana_api.grafana_face import GrafanaFace

from ioc.boards.model import Dashboard
from ioc.errors import IocError, ServiceAway, UsageError

FOLDER, TITLE = "ioc", "IOC"
OWN = ("id", "version")
"""What Grafana itself writes into a board."""
T = TypeVar("T")


class Grafana:
    """A Grafana server. `token`: of a service account; without one the user and password of the address."""

    def __init__(self, url: str, token: str = "", timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--grafana {url!r} is no address; write e.g. http://127.0.0.1:3000")
        self.address = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "") + parts.path.rstrip("/")
        if not token and parts.username is None:
            raise UsageError(
                "set IOC_GRAFANA_TOKEN to a service account's token (role Editor), or write http://user:password@host"
            )
        auth: Any = token or (unquote(parts.username or ""), unquote(parts.password or ""))
        prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self._face = GrafanaFace(
            auth, host=parts.hostname, port=parts.port, url_path_prefix=prefix, protocol=parts.scheme, timeout=timeout
        )

    def push(self, boards: Sequence[Dashboard]) -> list[str]:
        """Write the boards that are missing or differ, and the folder. Returns their uids; pushing again returns none.

        Raises IocError with Grafana's own words, ServiceAway.
        """
        changed = [board for board in boards if self._differs(board)]
        if changed and self._found(lambda: self._face.folder.get_folder(FOLDER)) is None:
            self._call(lambda: self._face.folder.create_folder(TITLE, FOLDER))
        for board in changed:
            body = {"dashboard": json.loads(board.text()), "folderUid": FOLDER, "overwrite": True, "message": "ioc boards push"}
            self._call(lambda body=body: self._face.dashboard.update_dashboard(body))  # type: ignore[misc]
        return [board.uid for board in changed]

    def differences(self, boards: Sequence[Dashboard]) -> list[str]:
        """What is there otherwise than derived, in words; boards of our tag that are derived no more among them."""
        found = [f"{board.uid}: {said}" for board in boards if (said := self._differs(board))]
        there = self._call(lambda: self._face.search.search_dashboards(tag="ioc", type_="dash-db"))
        own = {board.uid for board in boards}
        return found + [f"{one['uid']}: is there, but derived no more" for one in there if one["uid"] not in own]

    def _differs(self, board: Dashboard) -> str:
        """In which way the board there differs, or nothing."""
        there = self._found(lambda: self._face.dashboard.get_dashboard(board.uid))
        if there is None:
            return "is missing, or the token may not see it"
        if there["meta"].get("folderUid") != FOLDER:
            return f"lies in folder {there['meta'].get('folderUid') or 'General'!r}, not in {FOLDER!r}"
        wanted: dict[str, Any] = json.loads(board.text())
        shown = {key: value for key, value in there["dashboard"].items() if key not in OWN}
        keys = [k for k in {**wanted, **shown} if k not in OWN and wanted.get(k) != shown.get(k)]
        return f"differs in {', '.join(keys)}" if keys else ""

    def _found(self, ask: Callable[[], T]) -> T | None:
        """The answer, or None where Grafana says that there is none, or none for this token."""
        try:
            return self._call(ask)
        except _Hidden:
            return None

    def _call(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except GrafanaUnauthorizedError:
            raise IocError(f"Grafana at {self.address} refuses the token or password; IOC_GRAFANA_TOKEN must be valid") from None
        except GrafanaClientError as error:
            said = "the token's role must be Editor" if error.status_code == 403 else error.message
            if "provisioned" in str(error.message).lower():
                said = "these boards were provisioned from files, so they change with the files (`ioc derive`), not by a push"
            kind = _Hidden if error.status_code in (403, 404) else IocError
            raise kind(f"Grafana at {self.address} refused: {said}") from None
        except GrafanaException as error:
            raise ServiceAway(f"Grafana at {self.address} failed: {error.message}") from None
        except requests.RequestException as error:
            raise ServiceAway(f"Grafana at {self.address} does not answer ({type(error).__name__})") from None


class _Hidden(IocError):
    """Grafana answered 404, or 403."""
