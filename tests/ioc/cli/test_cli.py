"""The command line: what it prints, as what it ends, and how it says no. Over a store with the receipt log; no broker."""

from __future__ import annotations

import importlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

import schemas
from ioc import cli
from ioc.catalog import load
from ioc.rolling.roll import Roller
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.store.runs import run_names
from ioc.times import to_ms
from tests import brute_receipt
from tests.counting import CATALOG, count, pipeline, real_store
from tests.logs import START, dossier, record
from tests.receipt import counted, needs_receipt

JUNE = "2011-06-01T00:00:00Z"
BACKLOG = brute_receipt.backlog(to_ms(JUNE))
FIRST = CATALOG.indicators()[0].name
EXAMPLE = next(Path(schemas.__file__).parent.joinpath("examples").glob("dossier*.json"))


@dataclass
class Ended:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Ioc = Callable[..., Ended]


@pytest.fixture
def ioc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ioc:
    """Runs `ioc ARGUMENTS` in this process, as the console script does."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["ioc", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        code = end.value.code
        return Ended(code if isinstance(code, int) else 0, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def receipt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with counted(tmp_path_factory.mktemp("cli")) as settings:
        yield settings


@pytest.fixture
def centre(receipt: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The receipt log's store, as a server of the user's own."""
    monkeypatch.setenv("IOC_CLICKHOUSE_URL", receipt.clickhouse_url)
    monkeypatch.setenv("IOC_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    return receipt


# ---- it teaches itself


def commands() -> list[list[str]]:
    def under(command: object, path: list[str]) -> list[list[str]]:
        members = getattr(command, "commands", {})
        return [p for name, member in members.items() for p in under(member, [*path, name])] if members else [path]

    return under(typer.main.get_command(cli.app()), [])


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_a_help_with_an_example(ioc: Ioc, path: list[str]) -> None:
    shown = ioc(*path, "--help")
    assert shown.code == 0
    assert "Example" in shown.out
    assert "ioc " + path[0] in " ".join(shown.out.split())


@pytest.mark.parametrize("module", cli.COMMANDS)
def test_a_command_is_found_in_its_module_alone(module: str) -> None:
    made = typer.Typer()
    importlib.import_module(f"ioc.cli.{module}").add_to(made)
    found = {c.name or c.callback.__name__ for c in made.registered_commands if c.callback} | {
        g.name for g in made.registered_groups
    }
    assert found == set(cli.COMMANDS[module])


def test_no_command_that_scripts_rely_on_is_gone(ioc: Ioc) -> None:
    names = {path[0] for path in commands()}
    assert names >= {"up", "live", "down", "status", "doctor", "worker", "gateway", "wall", "store", "import", "demo", "validate"}
    assert names >= {"value", "evidence", "indicators", "sql", "rejects", "rebuild", "replay", "derive", "check", "topics"}


# ---- questions


def test_value_prints_the_number_alone(ioc: Ioc, centre: Settings) -> None:
    assert ioc("value", "dossier.backlog", "--at", JUNE) == Ended(0, f"{BACKLOG}\n", "")
    assert ioc("value", "dossier.overdue", "--at", JUNE).out == f"{brute_receipt.overdue(to_ms(JUNE))}\n"
    assert ioc("value", "dossier.received", "--window", "all").out == f"{len(brute_receipt.cases())}\n"


def test_value_as_json_says_what_it_is(ioc: Ioc, centre: Settings) -> None:
    found = json.loads(ioc("value", "dossier.backlog", "--at", JUNE, "--json").out)
    expected = {"value": BACKLOG, "lo": BACKLOG, "hi": BACKLOG, "n": BACKLOG, "at": JUNE, "until": JUNE}
    expected |= {"kind": "latest", "restated": False}
    assert {name: found[name] for name in expected} == expected
    assert found["dims"] == dict.fromkeys(("agency", "procedure", "channel", "service_level", "unit"), "*")
    days = json.loads(ioc("value", "dossier.handling_days", "--window", "all", "--json").out)
    assert days["lo"] <= (brute_receipt.handling_days(0, 1 << 60) or 0) < days["hi"]
    assert set(days["stats"]) == {"p50", "p90"}


def test_value_by_a_dimension_has_one_for_each(ioc: Ioc, centre: Settings) -> None:
    found = json.loads(ioc("value", "dossier.backlog", "--at", JUNE, "--by", "channel", "--json").out)
    assert sum(row["value"] for row in found) == BACKLOG
    assert {row["dims"]["channel"] for row in found} <= {"online", "counter", "post"}
    assert "online" in ioc("value", "dossier.backlog", "--at", JUNE, "--by", "channel").out


def test_a_day_is_the_provinces_and_flows_lie_on_the_grain(ioc: Ioc, centre: Settings) -> None:
    day = json.loads(ioc("value", "dossier.backlog", "--at", "2011-06-01", "--json").out)
    assert day["at"] == "2011-05-31T17:00:00Z"
    shown = ioc("value", "dossier.received", "--at", "2011-06-01T00:00:30Z")
    assert "on the grain" in shown.err


def test_evidence_lists_as_many_as_it_was_told_and_counts_all(ioc: Ioc, centre: Settings) -> None:
    found = json.loads(ioc("evidence", "dossier.backlog", "--at", JUNE, "--limit", "3", "--json").out)
    assert (found["count"], len(found["evidence"])) == (BACKLOG, 3)
    one = found["evidence"][0]
    assert one["what"]["opened_at"].endswith("Z")
    assert one["topic"] == "ioc.events.dossier"
    assert one["offsets"]
    assert "a forecast" in ioc("evidence", "dossier.backlog", "--at", "2200-01-01", "--limit", "3").err
    shown = ioc("evidence", "dossier.backlog", "--at", JUNE, "--limit", "3").out
    assert f"… and {BACKLOG - 3} more" in shown


def test_indicators_tell_meaning_rule_and_unit(ioc: Ioc) -> None:
    assert "dossier.backlog" in ioc("indicators").out
    one = json.loads(ioc("indicators", "dossier.overdue", "--json").out)
    assert (one["unit"], one["kind"]) == ("hồ sơ", "level")
    assert "open and past its due time" in one["rule"]
    unknown = ioc("indicators", "dossier.nope")
    assert unknown.code == 2
    assert f"there are {FIRST}" in unknown.err
    assert "dossier.received" in unknown.err


def test_sql_reads_as_tsv_and_writes_nothing(ioc: Ioc, centre: Settings) -> None:
    assert ioc("sql", "SELECT 1 AS a, 'x' AS b;").out == "a\tb\n1\tx\n"
    for query in (
        "SELECT 1 AS a FORMAT JSONEachRow",
        "SELECT 1 AS a format JSONEachRow ;\n-- the end",
        "SELECT 1 AS a FORMAT JSONEachRow -- the end",
        "SELECT 1 AS a FORMAT JSONEachRow SETTINGS max_threads = 1",
        "SELECT 1 AS a SETTINGS max_threads = 1 FORMAT JSONEachRow",
        "SELECT 1 AS a /* FORMAT CSV */ FORMAT JSONEachRow /* the end */",
    ):
        assert json.loads(ioc("sql", query).out) == {"a": 1}, query
    assert ioc("sql", "SELECT 'FORMAT CSV' AS a -- FORMAT CSV").out == "a\nFORMAT CSV\n"
    for nothing in ("", " ;", " -- only a comment", "/* */ ;"):
        refused = ioc("sql", nothing)
        assert (refused.code, "nothing is asked" in refused.err) == (2, True)
    for statement in (
        "TRUNCATE TABLE panes",
        "INSERT INTO panes SELECT * FROM panes",
        "DROP DATABASE ioc",
        "CREATE DATABASE x",
        "DROP TABLE panes SETTINGS readonly = 0",
    ):
        refused = ioc("sql", statement)
        assert (refused.code, refused.out) == (1, "")
        assert "readonly" in refused.err.lower()
    assert ioc("value", "dossier.backlog").out == f"{brute_receipt.backlog(1 << 60)}\n"
    wrong = ioc("sql", "SELECT nothing FROM panes")
    assert wrong.code == 1
    assert "Traceback" not in wrong.err


def test_a_run_is_asked_by_its_name(ioc: Ioc, centre: Settings) -> None:
    database = run_names("small")[0]
    made = real_store(centre.clickhouse_url, database)
    count(pipeline(made, 1, sealed=True), [record(dossier("A", "1", "received", START), 0, START, partition=0)])
    assert ioc("value", "dossier.received", "--window", "all", "--run", "small").out == "1\n"
    absent = ioc("value", "dossier.received", "--run", "none-such")
    assert absent.code in (1, 2)
    assert "none_such" in absent.err or "none-such" in absent.err
    assert ioc("value", "dossier.received", "--run", "No/Name").code == 2


# ---- replays


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_replay_that_is_told_to_end_is_listed_as_broken_off(
    ioc: Ioc, centre: Settings, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"cut-{how.name.lower()}"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may have them ignore Ctrl-C
    monkeypatch.setattr("ioc.replaying.replay._count", lambda *_: signal.raise_signal(how))
    try:
        assert ioc("replay", "start", name, "--direct").code == 130
        listed = json.loads(ioc("replay", "list", "--json").out)
        assert [r["state"] for r in listed if r["name"] == name] == ["broken off"]
        refused = ioc("replay", "diff", "live", name)
        assert (refused.code, f"ioc replay drop {name}" in refused.err) == (2, True)
    finally:
        signal.signal(signal.SIGINT, before)
        Store(centre, "default").command(f"DROP DATABASE IF EXISTS {run_names(name)[0]}")


@needs_receipt
def test_each_quantile_is_printed_with_its_own_bucket(ioc: Ioc, centre: Settings) -> None:
    assert ioc("value", "dossier.handling_days", "--window", "all").out == "50.75 [50, 51) p90 106.3333 [105, 110)\n"


def test_a_replay_is_started_compared_listed_and_removed(ioc: Ioc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with counted(tmp_path, log=brute_receipt.part(tmp_path / "log.csv.gz", 16)) as settings:
        monkeypatch.setenv("IOC_CLICKHOUSE_URL", settings.clickhouse_url)
        monkeypatch.setenv("IOC_KAFKA_BOOTSTRAP", "127.0.0.1:1")
        Roller(load(), Store(settings), settings).step()
        replayed_compared_listed_and_removed(ioc, settings)


def replayed_compared_listed_and_removed(ioc: Ioc, centre: Settings) -> None:
    done = ioc("replay", "start", "morning", "--direct", "--from", "2011-01-01", "--to", "2011-06-01")
    try:
        assert (done.code, done.out[:9]) == (0, "replayed ")
        assert "`ioc replay diff live morning`" in done.err
        same = ioc("replay", "diff", "live", "morning")
        assert (same.code, same.out[:17]) == (0, "no difference in ")
        assert "dossiers: compared the steps after 2011-01-01 00:00:00+07:00 up to " in same.err
        assert ioc("value", "dossier.backlog", "--run", "morning", "--at", "2011-05-30").code == 0
        database = run_names("morning")[0]
        Store(centre, database).command(
            "INSERT INTO indicators SELECT * REPLACE (first_value + 1 AS first_value, as_of + 1 AS as_of) FROM indicators FINAL "
            "WHERE indicator = 'dossier.backlog' AND dims = ['*', '*', '*', '*', '*'] AND until = at AND at > '2011-03-01' "
            "ORDER BY at LIMIT 1"
        )
        other = ioc("replay", "diff", "live", "morning")
        assert other.code == 1
        assert other.out.splitlines()[1].split()[:7] == ["dossier.backlog", "level", *"*****"]
        assert other.out.splitlines()[-1].startswith("1 difference in ")
        found = json.loads(ioc("replay", "diff", "live", "morning", "--json").out)
        assert (found["differences"], found["shown"][0]["what"]) == (1, "first")
        assert found["shown"][0]["right"] == found["shown"][0]["left"] + 1
        listed = json.loads(ioc("replay", "list", "--json").out)
        assert [(r["name"], r["from"], r["state"]) for r in listed] == [("morning", "2010-12-31T17:00:00Z", "ended")]
        assert "ioc replay drop morning" in ioc("replay", "start", "morning", "--direct").err
    finally:
        assert ioc("replay", "drop", "morning").out == "removed morning\n"
    assert ioc("replay", "list").out == "no runs\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start", "--speed", "fast"], "write a number above 0"),
        (["start", "--direct", "--speed", "60"], "--direct knows no pace"),
        (["start", "--direct", "--source", "topics"], "there is archive"),
        (["start", "live", "--direct"], "the centre itself"),
        (["start", "No/Name", "--direct"], "cannot name a run"),
        (["start", "--direct", "--from", "2012-01-01", "--to", "2011-01-01"], "must lie before"),
        (["start", "--direct", "--to", "1999-01-01"], "the archive holds what was received from"),
        (["start", "--direct", "--from", "soon"], "--from 'soon' is no time"),
        (["diff", "live", "none-such"], "no run 'none-such'"),
        (["diff", "live", "live"], "two different ones"),
        (["drop", "live"], "the centre itself"),
        (["drop", "none-such"], "no run 'none-such'"),
    ],
)
def test_a_wrong_replay_ends_with_2_and_says_what_is_right(ioc: Ioc, centre: Settings, arguments: list[str], said: str) -> None:
    wrong = ioc("replay", *arguments)
    assert (wrong.code, wrong.out) == (2, "")
    assert said in " ".join(wrong.err.split())


# ---- rejects


@pytest.fixture
def refusing(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with one event and two rejects, one of them bytes that are no text."""
    store = real_store(store_url, "cli_rejects")
    log = [
        record(dossier("A", "1", "received", START), 0, START + 1, partition=0),
        record(dossier("A", "2", "no such state", START), 1, START + 2, partition=0),
        record(b"\xff\x00\xfe", 2, START + 3, partition=0),
    ]
    count(pipeline(store, 1), log)
    monkeypatch.setenv("IOC_CLICKHOUSE_URL", store_url)
    monkeypatch.setenv("IOC_CLICKHOUSE_DATABASE", store.database)
    monkeypatch.setenv("IOC_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    return store


def test_rejects_are_listed_with_reason_and_place_and_shown_with_their_bytes(ioc: Ioc, refusing: Store) -> None:
    rows = json.loads(ioc("rejects", "list", "--json").out)
    assert [(row["offset"], row["reason"]) for row in rows] == [(2, "bad_json"), (1, "schema")]
    assert [row["offset"] for row in json.loads(ioc("rejects", "list", "--reason", "schema", "--json").out)] == [1]
    assert "ioc.events.dossier:0:1" in ioc("rejects", "list").out
    shown = json.loads(ioc("rejects", "show", "ioc.events.dossier:0:2", "--json").out)
    assert shown["value"] == "\\xff\x00\\xfe"
    assert "no such state" in ioc("rejects", "show", "ioc.events.dossier:0:1").out


def test_rejects_of_another_generation_are_not_shown_twice(ioc: Ioc, refusing: Store) -> None:
    refusing.command("INSERT INTO rejects SELECT * REPLACE ('old' AS generation) FROM rejects")
    assert len(json.loads(ioc("rejects", "list", "--json").out)) == 2


def test_text_of_others_gives_the_terminal_no_orders_and_no_markup(ioc: Ioc, refusing: Store, tmp_path: Path) -> None:
    """Ids, sources and field names are whoever's sends; `[/x]` would end the command, an escape clear the screen."""
    evil = "\x1b[2J\u202e[/x][red]:smile:\x9b\u2028"
    event = dossier("A", "3", "received", START) | {"id": f"id {evil}", "source": f"/s {evil}", f"field {evil}": 1}
    count(pipeline(refusing, 1), [record(event, 3, START + 4, partition=0)])
    in_file = tmp_path / "event.json"
    in_file.write_text(json.dumps(event))
    listed, place = ioc("rejects", "list"), "ioc.events.dossier:0:3"
    for said in (
        listed,
        ioc("rejects", "show", place),
        ioc("validate", str(in_file)),
        ioc("value", f"no {evil}"),
        ioc("rejects", "list", "--json"),
    ):
        assert said.out + said.err
        assert not any(letter in said.out + said.err for letter in "\x1b\u202e\x9b\u2028"), said
    assert "\\u001b[2J\\u202e[/x][red]:smile:" in listed.out
    assert json.loads(ioc("rejects", "show", place, "--json").out)["id"] == event["id"]


def test_a_wrong_question_about_rejects_says_what_is_right(ioc: Ioc, refusing: Store) -> None:
    unknown = ioc("rejects", "list", "--reason", "bad")
    assert unknown.code == 2
    assert "bad_json" in unknown.err
    assert ioc("rejects", "show", "here").code == 2
    assert ioc("rejects", "show", "ioc.events.dossier:0:0").code == 2


# ---- files


def test_validate_ends_with_1_when_an_event_would_be_refused(ioc: Ioc, tmp_path: Path) -> None:
    good = ioc("validate", str(EXAMPLE), "--json")
    assert (good.code, json.loads(good.out)[0]["accepted"]) == (0, True)
    bad = tmp_path / "bad.json"
    bad.write_text(EXAMPLE.read_text().replace('"dossier"', '"dosier"'))
    refused = ioc("validate", str(bad), "--json")
    assert (refused.code, json.loads(refused.out)[0]["reason"]) == (1, "schema")
    assert ioc("validate", str(tmp_path / "absent.json")).code == 2


def test_validate_reads_no_file_without_an_end(ioc: Ioc) -> None:
    endless = ioc("validate", "/dev/zero")
    assert endless.code == 2
    assert "more than 4 MiB; validate a part of it" in endless.err


def test_check_is_well_in_this_repository(ioc: Ioc) -> None:
    assert ioc("check").code == 0


# ---- it says no, in one line


def test_without_a_centre_a_command_ends_with_3_and_names_the_way(ioc: Ioc, tmp_path: Path) -> None:
    for command in (["value", "dossier.backlog"], ["sql", "SELECT 1"], ["live"], ["doctor"], ["worker"], ["topics", "apply"]):
        away = ioc(*command, "--data", str(tmp_path))
        assert (away.code, away.out) == (3, ""), command
        assert "ioc up" in away.err
        assert len(away.err.splitlines()) == 1
    assert ioc("status", "--data", str(tmp_path)).code == 3
    assert json.loads(ioc("status", "--data", str(tmp_path), "--json").out)["ready"] is False
    assert ioc("down", "--data", str(tmp_path)).code == 0


def test_a_store_that_is_away_is_3(ioc: Ioc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOC_CLICKHOUSE_URL", "http://user:secret@127.0.0.1:1")
    monkeypatch.setenv("IOC_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    away = ioc("value", "dossier.backlog")
    assert away.code == 3
    assert "secret" not in away.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["value"], "INDICATOR"),
        (["value", "dossier.nope"], f"there are {FIRST}"),
        (["value", "dossier.backlog", "--at", "yesterday"], "is no time"),
        (["value", "dossier.backlog", "--where", "agency"], "dimension=value"),
        (["value", "dossier.backlog", "--where", "agency=A", "--where", "agency=B"], "gives agency twice"),
        (["evidence", "dossier.backlog", "--where", "agency=A", "--where", "agency=B"], "gives agency twice"),
        (["value", "dossier.backlog", "--window", "1d"], "is a level"),
        (["value", "dossier.backlog", "--at", "0001-01-01"], "between 1901 and 2299"),
        (["evidence", "dossier.backlog", "--by", "agency"], "--by"),
        (["import", "x.csv", "--map", "no-map"], "receipt, ucc5g"),
        (["import", "x.csv", "--map", "receipt", "--speed", "nan"], "--speed"),
        (["up", "--data"], "--data"),
        (["up", "--history", "xyz"], "is not a duration"),
        (["demo", "--history", "xyz"], "is not a duration"),
        (["bench", "--history", "xyz"], "is not a duration"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_what_is_right(
    ioc: Ioc, centre: Settings, arguments: list[str], said: str
) -> None:
    wrong = ioc(*arguments)
    assert (wrong.code, wrong.out) == (2, "")
    assert said in " ".join(wrong.err.split())
    assert "Traceback" not in wrong.err


def test_a_wrong_setting_is_named(ioc: Ioc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOC_PARTITIONS", "many")
    wrong = ioc("status")
    assert wrong.code == 2
    assert "IOC_PARTITIONS" in wrong.err


def test_an_unexpected_fault_is_one_line_and_70(ioc: Ioc, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("ioc.cli.later.catalog", broken)
    fault = ioc("indicators")
    assert fault.code == 70
    assert len(fault.err.splitlines()) == 1
    assert "IOC_DEBUG=1" in fault.err
