"""Evidence: what stands behind a number, and as many of it as the number says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ioc.asking import evidence as module
from ioc.asking.evidence import evidence
from ioc.asking.found import Found
from ioc.asking.question import scope
from ioc.asking.read import answers
from ioc.catalog import Catalog, load
from ioc.errors import UsageError
from ioc.settings import Settings
from ioc.store.clickhouse import Store
from ioc.times import DAY, to_ms
from tests import brute_receipt as brute
from tests.receipt import counted

JUNE = to_ms("2011-06-01T00:00:00Z")


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Catalog, Settings]]:
    with counted(tmp_path_factory.mktemp("centre")) as settings:
        yield Store(settings), load(), settings


def behind(centre, indicator: str, **asked: object) -> tuple[float | None, int, list[Found]]:
    """(value, n, evidence)."""
    store, catalog, settings = centre
    found = scope(store, catalog, indicator, **asked)
    (answer,) = answers(store, found)
    return answer.value, answer.n, list(evidence(store, catalog, settings, found))


@pytest.mark.parametrize("indicator", ["dossier.backlog", "dossier.overdue", "dossier.due_soon"])
@pytest.mark.parametrize("at", [JUNE, JUNE - 100 * DAY, to_ms("2012-02-01T00:00:00Z"), None])
def test_behind_a_level_stand_as_many_dossiers_as_it_says(centre, indicator, at):
    value, n, found = behind(centre, indicator, at=at)
    assert value == n == len(found) == len({f.what["entity"] for f in found})
    assert all(f.n == 1 for f in found)


def test_the_open_dossiers_are_the_ones_of_the_log(centre):
    _, _, found = behind(centre, "dossier.backlog", at=JUNE)
    truth = {c.name for c in brute.cases() if c.start < JUNE and not (c.end is not None and c.end < JUNE)}
    assert {f.what["entity"] for f in found} == truth
    case = next(c for c in brute.cases() if c.name == found[0].what["entity"])
    assert (found[0].what["opened_at"], found[0].what["due_at"]) == (case.start, case.due)
    assert found[0].dims["agency"] == case.agency
    assert found[0].topic == "ioc.events.dossier"
    assert len(found[0].offsets) >= 2


@pytest.mark.parametrize("window", ["1d", "7d", "month", "year", "all"])
@pytest.mark.parametrize(
    "indicator", ["dossier.received", "dossier.resolved_late", "dossier.on_time_share", "dossier.handling_days"]
)
def test_behind_a_flow_or_a_ratio_stand_as_many_dossiers_as_it_counts(centre, indicator, window):
    _, n, found = behind(centre, indicator, at=JUNE + 5000, window=window)
    assert n == sum(f.n for f in found) == len(found)


@pytest.mark.parametrize("window", ["month", "quarter", "year"])
@pytest.mark.parametrize("indicator", ["index766.2_1", "index766.2_2"])
def test_behind_a_number_of_a_period_stands_what_belongs_to_that_period(centre, indicator, window):
    _, n, found = behind(centre, indicator, at=JUNE + 40 * DAY, window=window)
    assert n == sum(f.n for f in found)
    assert n > 0 or (indicator, window) != ("index766.2_1", "year")
    assert all(f.n > 0 and len(f.measures) == 2 for f in found)


def test_one_agency_has_its_own_evidence(centre):
    agency = brute.cases()[0].agency
    value, _, found = behind(centre, "dossier.backlog", at=JUNE, where={"agency": agency})
    assert value == len(found) == brute.backlog(JUNE, agency) > 0
    assert {f.dims["agency"] for f in found} == {agency}


@pytest.mark.parametrize("touches", ["false", "cityHash64(entity) % 2 = 0", "opened_at IS NULL OR true"])
def test_where_the_lives_mislead_the_number_says_that_there_is_more(centre, monkeypatch, touches):
    right = behind(centre, "dossier.backlog", at=JUNE)[2]
    monkeypatch.setattr(module, "_touches", lambda asked: touches)
    found = behind(centre, "dossier.backlog", at=JUNE)[2]
    assert sorted(found, key=lambda f: f.what["entity"]) == right


@pytest.mark.parametrize("group", ["false", "cityHash64(entity) % 2 = 0", "true"])
def test_where_the_groups_mislead_the_number_says_that_there_is_more(centre, monkeypatch, group):
    asked = {"at": JUNE, "where": {"agency": brute.cases()[0].agency}}
    right = behind(centre, "dossier.backlog", **asked)[2]
    monkeypatch.setattr(module, "_group", lambda asked: group)
    found = behind(centre, "dossier.backlog", **asked)[2]
    assert sorted(found, key=lambda f: f.what["entity"]) == right != []


@pytest.mark.parametrize("agency", ["{on}", "a}{b", "{}", "it's"])
def test_a_group_may_be_named_as_it_likes(centre, agency):
    assert behind(centre, "dossier.backlog", at=JUNE, where={"agency": agency})[0] == 0


def test_a_dossier_that_moves_to_another_group_between_two_looks_is_told_once(centre, monkeypatch):
    """The first look was at the group as it was; at the second one an event behind T has moved them all."""
    agency, looks = brute.cases()[0].agency, list[str]()
    right = behind(centre, "dossier.backlog", at=JUNE, where={"agency": agency})[2]
    looked_at = module._looked_at

    def looking(store, asked, sql, order):
        looks.append(sql)
        found = list(looked_at(store, asked, sql, order))
        yield from found[: len(found) // 2] if len(looks) == 1 else found  # half of them were elsewhere then

    monkeypatch.setattr(module, "_looked_at", looking)
    found = behind(centre, "dossier.backlog", at=JUNE, where={"agency": agency})[2]
    assert sorted(f.what["entity"] for f in found) == [f.what["entity"] for f in right]
    assert len(looks) == 2


def test_only_dossiers_of_the_group_are_looked_at(centre, monkeypatch):
    looked: list[str] = []
    of_entity = module._of_entity
    monkeypatch.setattr(
        module, "_of_entity", lambda asked, entity, *more: looked.append(entity) or of_entity(asked, entity, *more)
    )
    agency = brute.cases()[0].agency
    value, _, found = behind(centre, "dossier.backlog", at=JUNE, where={"agency": agency})
    assert value == len(found) == len(looked) > 0
    assert {case.agency for case in brute.cases() if case.name in looked} == {agency}


def test_only_dossiers_whose_life_touches_the_time_are_looked_at(centre, monkeypatch):
    looked: list[str] = []
    of_entity = module._of_entity
    monkeypatch.setattr(
        module, "_of_entity", lambda asked, entity, *more: looked.append(entity) or of_entity(asked, entity, *more)
    )
    for indicator, asked in (("dossier.backlog", {}), ("dossier.received", {"window": "7d"})):
        value, _, found = behind(centre, indicator, at=JUNE, **asked)
        assert value == len(found) <= len(looked) < len(brute.cases()) / 2
        looked.clear()


def test_a_stream_without_lives_has_its_evidence(centre):
    store, catalog, settings = centre
    asked = scope(store, catalog, "dossier.backlog", at=JUNE)
    without = replace(asked, stream=replace(asked.stream, lifecycle=None))
    found = list(evidence(store, catalog, settings, without))
    assert len(found) == brute.backlog(JUNE)


def test_small_chunks_find_the_same(centre, monkeypatch):
    whole = behind(centre, "dossier.backlog", at=JUNE)[2]
    monkeypatch.setattr(module, "CHUNK", 50)
    assert behind(centre, "dossier.backlog", at=JUNE)[2] == whole


def test_there_is_no_evidence_for_a_first_final(centre):
    with pytest.raises(UsageError, match="latest values only"):
        behind(centre, "dossier.backlog", at=JUNE, first=True)
