"""Alerts: `alerts list`: what is firing, what was, and what a webhook refused."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ioc.cli.common import Data, Json, Run, dump, local, number, reader, show, table
from ioc.times import iso


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(alerts, name="alerts")


alerts = typer.Typer(help="What alerts, and what has.", no_args_is_help=True)
STATES = {"firing": "ĐANG BÁO ĐỘNG / firing", "resolved": "đã hết / resolved"}


@alerts.command("list")
def list_alerts(
    every: Annotated[bool, typer.Option("--all", help="All there have been, not the last 50.")] = False,
    run: Run = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List alerts, those that are firing first, then the newest. `ioc indicators NAME` tells the rule.

    Example: ioc alerts list --json
    """
    rows = reader(data, run)[1].rows(
        "SELECT * REPLACE (toUnixTimestamp64Milli(fired_at) AS fired_at, toUnixTimestamp64Milli(resolved_at) AS resolved_at) "
        'FROM (SELECT rule, "group", fired_at, fired_value, threshold, clear, resolved_at, resolved_value, state, reason, '
        "refused FROM v_alerts LEFT JOIN (SELECT rule, dims, at AS fired_at, max(status >= 300) AS refused "
        "FROM notifications FINAL WHERE generation IN (SELECT generation FROM v_generation) AND transition = 'firing' "
        "GROUP BY rule, dims, at) AS told USING (rule, dims, fired_at)) "
        f"ORDER BY state = 'firing' DESC, fired_at DESC, rule, \"group\" {'' if every else 'LIMIT 50'}"
    )
    for row in rows:
        row["refused"] = bool(row["refused"])
    if as_json:
        dump([row | {name: row[name] and iso(row[name]) for name in ("fired_at", "resolved_at")} for row in rows])
        return
    lines = [
        (
            STATES[r["state"]],
            f"{r['rule']} {r['group']}".strip(),
            f"{local(r['fired_at'])} ({number(r['fired_value'])} > {number(r['threshold'])})",
            f"{local(r['resolved_at'])} ({_end(r)})" if r["resolved_at"] else "",
            "bị từ chối / refused" if r["refused"] else "",
        )
        for r in rows
    ]
    columns = ("trạng thái / state", "cảnh báo / alert", "từ / since", "đến / until", "webhook")
    show(table("", columns, lines) if lines else "không có cảnh báo / no alerts")


def _end(row: dict[str, Any]) -> str:
    """Why an alert is over."""
    if not row["reason"]:
        return f"{number(row['resolved_value'])} ≤ {number(row['clear'])}"
    from ioc.alerting.judge import REASONS

    return " / ".join(REASONS[row["reason"]])
