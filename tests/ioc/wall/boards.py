"""Small boards for tests: one panel of a kind, as `ioc derive` writes them."""

from __future__ import annotations

import json
from typing import Any

from ioc.boards.model import Dashboard

UNTIL = {"matcher": {"id": "byName", "options": "until"}, "properties": [{"id": "displayName", "value": "đến"}]}


def panel(
    kind: str, sql: str = "SELECT 1", *, number: int = 1, options: Any = None, overrides: Any = (), **defaults: Any
) -> dict[str, Any]:
    """A panel of a kind; `defaults`: of its fields."""
    series = kind == "timeseries"
    return {
        "id": number, "title": f"Bảng {number}", "type": kind, "gridPos": {"x": 0, "y": number, "w": 12, "h": 6},
        "targets": [{"queryType": "timeseries" if series else "table", "format": 0 if series else 1, "rawSql": sql}],
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)}, **({"options": options} if options else {}),
    }  # fmt: skip


def board(*panels: dict[str, Any], uid: str = "ioc-overview", title: str = "Tổng quan", lang: str = "vi") -> Dashboard:
    """A board with the variables that all have."""
    run = {"type": "query", "name": "run", "label": "Nguồn", "current": {"text": "Trực tiếp", "value": "ioc"}}
    agency = {"type": "query", "name": "agency", "label": "Đơn vị", "current": {"text": "Tất cả", "value": "*"}}
    runs, agencies = "SELECT 'ioc' AS value, 'Trực tiếp' AS text", "SELECT '*', 'Tất cả' FROM \"${run:percentencode}\".v_now"
    window = {
        "type": "custom", "name": "window", "label": "Kỳ", "current": {"text": "24 giờ", "value": "1d"}, "query": "24 giờ : 1d",
        "options": [{"text": "24 giờ", "value": "1d"}, {"text": "7 ngày", "value": "7d"}],
    }  # fmt: skip
    variables = [run | {"query": runs, "definition": runs}, agency | {"query": agencies, "definition": agencies}, window]
    given = {
        "uid": uid, "title": title, "tags": ["ioc", lang], "time": {"from": "now-7d"}, "templating": {"list": variables},
        "links": [], "panels": list(panels),
    }  # fmt: skip
    return Dashboard.parse(json.dumps(given), uid)
