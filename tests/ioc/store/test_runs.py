"""Runs in the store: a run outlives the program that made it."""

from __future__ import annotations

from ioc.store import runs, tables
from tests.counting import CATALOG, real_store


def test_a_run_that_an_earlier_program_made_gets_the_views_of_this_one(store_url: str) -> None:
    """A board asks the live centre and a run the same."""
    live, run = real_store(store_url, "runs_renewed"), real_store(store_url, "ioc_run_renewed_1")
    live.command("INSERT INTO runs (name, source, state) VALUES ('renewed-1', 'import', 'open'), ('gone', 'import', 'dropped')")
    run.command("CREATE OR REPLACE VIEW v_rolled AS SELECT '' AS stream")
    run.command("DROP VIEW v_dossier_backlog_now")
    assert not runs.renew(live.settings.model_copy(update={"clickhouse_database": live.database}), CATALOG)
    for view in ("v_rolled", "v_dossier_backlog_now"):
        assert tuple(run.query(f"DESCRIBE TABLE {view}")["name"].to_list()) == tables.board_views(CATALOG)[view]


def test_a_run_whose_database_is_broken_is_told_and_keeps_nobody_from_starting(store_url: str) -> None:
    live, broken, run = (real_store(store_url, name) for name in ("runs_broken", "ioc_run_broken_1", "ioc_run_whole_1"))
    live.command("INSERT INTO runs (name, source, state) VALUES ('broken-1', 'import', 'open'), ('whole-1', 'import', 'open')")
    broken.command("DROP TABLE checkpoints")
    broken.command("CREATE VIEW checkpoints AS SELECT 1 AS n")
    run.command("DROP VIEW v_rolled")
    (said,) = runs.renew(live.settings.model_copy(update={"clickhouse_database": live.database}), CATALOG)
    assert said.startswith("boards of the run 'broken-1' may not work: ")
    assert said.endswith("`ioc replay drop broken-1` removes it")
    assert tuple(run.query("DESCRIBE TABLE v_rolled")["name"].to_list()) == tables.board_views(CATALOG)["v_rolled"]
