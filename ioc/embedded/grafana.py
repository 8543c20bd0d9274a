"""Grafana, where this machine has one: a child of the centre, provisioned against its store, open to viewers on loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from ioc.embedded.ports import answers
from ioc.embedded.supervise import Child
from ioc.settings import Settings
from ioc.times import PROVINCE

FOLDER = Path(__file__).parents[2] / "grafana"
"""Provisioning and boards, in the checkout."""
PLUGIN = "grafana-clickhouse-datasource"
USUAL = (Path("/usr/share/grafana"), Path("/usr/local/share/grafana"), Path("/opt/grafana"))
DATES = {
    "FULL_DATE": "DD/MM/YYYY HH:mm:ss",
    "INTERVAL_SECOND": "HH:mm:ss",
    "INTERVAL_MINUTE": "HH:mm",
    "INTERVAL_HOUR": "HH:mm DD/MM",
    "INTERVAL_DAY": "DD/MM",
    "INTERVAL_MONTH": "MM/YYYY",
    "INTERVAL_YEAR": "YYYY",
    "DEFAULT_TIMEZONE": PROVINCE.key,
    "DEFAULT_WEEK_START": "monday",
}
"""Dates on axes as they stand in tables: the day first. `deploy/compose.yaml` says the same."""
SHARED_PLUGINS = Path("/var/lib/grafana/plugins")


def home() -> Path | None:
    """The folder of this machine's Grafana (10 or later): of the one on the PATH, else a usual one."""
    on_path = [Path(found).resolve().parents[1] for name in ("grafana", "grafana-server") if (found := shutil.which(name))]
    whole = (h for h in (*on_path, *USUAL) if os.access(_program(h), os.X_OK) and (h / "conf" / "defaults.ini").is_file())
    return next(whole, None)


def wanted(settings: Settings) -> bool:
    """Whether a Grafana shall run: there is one, the store is the embedded one, and its port is not 0."""
    return bool(settings.grafana_port) and not settings.clickhouse_url and FOLDER.is_dir() and home() is not None


def children(settings: Settings, ports: Mapping[str, int], progress: Callable[[str], None]) -> list[Child]:
    """This machine's Grafana as a child, where a port is kept for it; none, and how to install it, when the plugin is missing."""
    found = home()
    if found is None or "grafana" not in ports:
        return []
    own = settings.data_dir.absolute() / "grafana"
    folders = _plugin_folders(own, found)
    plugins = next((p for p in folders if _has_plugin(p)), None)
    if plugins is None:
        tool = f"{_program(found)} cli --pluginsDir '{folders[0]}' plugins install {PLUGIN}"
        progress(f"Grafana is here, but not its ClickHouse plugin; install it, then `ioc up` starts both:\n  {tool}")
        return []
    port = ports["grafana"]
    return [
        Child(
            "grafana",
            lambda: [str(_program(found)), "server", "--homepath", str(found)],
            lambda _: answers(port, "/api/health"),
            env=environment(own, plugins, port, ports["store"], settings.clickhouse_database),
            after=lambda: progress(f"grafana: http://127.0.0.1:{port}/dashboards"),
            optional=True,
        )
    ]


def environment(own: Path, plugins: Path, port: int, store_port: int, database: str) -> dict[str, str]:
    """Grafana's settings, and the variables of `grafana/provisioning`. Nobody logs in: viewers need not, boards are files."""
    settings = {
        "PATHS_DATA": own,
        "PATHS_LOGS": own / "log",
        "PATHS_PLUGINS": plugins,
        "PATHS_PROVISIONING": FOLDER / "provisioning",
        "LOG_MODE": "console",
        "SERVER_HTTP_ADDR": "127.0.0.1",
        "SERVER_HTTP_PORT": port,
        "AUTH_ANONYMOUS_ENABLED": "true",
        "AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "AUTH_DISABLE_LOGIN_FORM": "true",
        "SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
        "ANALYTICS_REPORTING_ENABLED": "false",
        "ANALYTICS_CHECK_FOR_UPDATES": "false",
        "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "PLUGINS_PREINSTALL_DISABLED": "true",  # it would ask the network at every start
        **{f"DATE_FORMATS_{name}": form for name, form in DATES.items()},
    }
    store = {"HOST": "127.0.0.1", "PORT": store_port, "DATABASE": database, "READER_PASSWORD": "none"}  # the store has none
    variables = {"BOARDS_DIR": FOLDER / "boards"} | {f"STORE_{name}": value for name, value in store.items()}
    return {name: str(value) for name, value in ({f"GF_{n}": v for n, v in settings.items()} | variables).items()}


def _program(folder: Path) -> Path:
    return folder / "bin" / "grafana"


def _plugin_folders(own: Path, found: Path) -> list[Path]:
    """Where plugins may be: in the folder that the operator names, else in our own, the packages' and the program's."""
    named = os.environ.get("GF_PATHS_PLUGINS")
    return [Path(named)] if named else [own / "plugins", SHARED_PLUGINS, found / "data" / "plugins"]


def _has_plugin(folder: Path) -> bool:
    return any((folder / PLUGIN / place / "plugin.json").is_file() for place in (".", "dist"))
