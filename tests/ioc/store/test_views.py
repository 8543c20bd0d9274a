"""Views of a database that is there: left alone where they are as they shall be, made again where anything about them is not."""

from __future__ import annotations

import re

from ioc.store import tables
from ioc.store.clickhouse import Store
from tests.counting import CATALOG, real_store


def told(store: Store, column: str) -> dict[str, str]:
    """What the store says of every view: its `uuid`, which is another one when it was made again, or how it was made."""
    views = f"SELECT name, toString({column}) AS told FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
    return {row["name"]: row["told"] for row in store.rows(views)}


def test_a_view_that_is_another_is_made_again_and_every_other_one_is_left_alone(store_url: str) -> None:
    store = real_store(store_url, "vn", named=True)  # `vn.` begins the event types, too, which stand in v_feeds
    ids, made = told(store, "uuid"), told(store, "create_table_query")
    assert ids.keys() == tables.views(CATALOG, "vn").keys()
    tables.migrate(store, CATALOG)
    assert told(store, "uuid") == ids, "nothing had changed"

    def change(name: str, old: str, new: str) -> str:
        assert old in made[name]
        store.command(made[name].replace("CREATE VIEW", "CREATE OR REPLACE VIEW").replace(old, new, 1))
        return name

    changed = {
        change("v_dossier_backlog", "'dossier.backlog'", "'dossier.received'"),
        change("v_dossier_backlog_now", "`n` Int64", "`n` Int32"),
        change("v_feeds", "'vn.ioc.ran.measured.v1'", "'ioc.ran.measured.v1'"),
        change("v_rollups", "vn.rollups", "(SELECT * FROM vn.rollups WHERE stream != 'dossiers')"),
    }
    store.command("DROP VIEW v_units")
    store.command("DROP VIEW v_state")
    store.command("CREATE TABLE v_state (name String) ENGINE = Memory")
    there = told(store, "uuid")
    tables.migrate(store, CATALOG)
    assert told(store, "create_table_query") == made
    after = told(store, "uuid")
    assert {name for name in made if there.get(name) != after[name]} == changed | {"v_units", "v_state"}


def test_the_columns_that_a_view_is_made_with_are_those_that_its_query_has(store_url: str) -> None:
    store = real_store(store_url, "views_columns")
    views = tables.views(CATALOG, store.database)
    each = [next((i for i in s.indicators if i.value.names), s.indicators[0]).view for s in CATALOG.streams]
    sums = [next((v for v in views if v.startswith(f"v_{s.name}") and v.endswith("_panes")), "v_now") for s in CATALOG.streams]
    some = {*tables.VIEWS, "v_generation", *each, *(view + tables.LAST for view in each), *sums}
    for name in some:
        query = re.sub(r"^\(.*?\) AS\s+(?=SELECT|WITH)", "", views[name], count=1, flags=re.S)
        found = store.query(f"DESCRIBE ({query})")
        own = store.query(f"DESCRIBE {name}")
        assert found.select("name", "type").rows() == own.select("name", "type").rows(), name
