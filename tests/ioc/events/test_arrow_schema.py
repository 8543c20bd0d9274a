"""Arrow schema: what the columns cannot hold or check is refused as a contract, and whatever a decode raises is a reject."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import Field, create_model, field_validator

from ioc.cli.derive import json_schema
from ioc.counting.samples import documents
from ioc.errors import DeclarationError
from ioc.events import arrow_schema, fast_lane
from ioc.events.arrow_schema import shape
from ioc.events.batch import Batch
from ioc.events.decode import Clock, Decoder, Rules
from ioc.events.exact_lane import Reject, exact
from ioc.times import iso
from schemas import Contract
from schemas.envelope import Code, Envelope, Fits, Needs, Strict, Text, Timestamp
from tests.logs import START

LONG = 10**30


def contract(base: type[Strict] = Strict, **fields: Any) -> Contract:
    """A contract whose data has a desk and these fields."""
    data = create_model("Counted", __base__=base, desk=(Code, ...), **fields)

    class Made(Envelope[data]):  # type: ignore[valid-type]
        """An event for tests."""

        event_type: ClassVar[str] = "test.made.v1"
        topic: ClassVar[str] = "ioc.events.made"
        entity_key: ClassVar[str] = "desk"

        type: Literal["test.made.v1"]

    return Made


def event(i: int, desk: str = "A", **data: Any) -> bytes:
    return json.dumps(
        {"specversion": "1.0", "id": f"e{i}", "source": "/s", "type": "test.made.v1", "time": iso(START)}
        | {"data": {"desk": desk, **data}}
    ).encode()


def decoded(kind: Contract, values: list[bytes]) -> Any:
    """The values as one batch of a topic with one partition, decoded."""
    rules = Rules(2000, 600, {kind.topic: 1})
    size = len(values)
    return Decoder({kind.event_type: kind}, rules).decode(
        [Batch(kind.topic, 0, 0, size, list(range(size)), [b"A"] * size, values, [START] * size, {})], [Clock()]
    )


@pytest.mark.parametrize(
    "kind",
    [
        int,
        int | None,
        Annotated[int, Field(ge=0)],
        Annotated[int, Field(le=9)] | None,
        Annotated[int, Field(ge=0, le=1 << 63)],
        Annotated[int, Field(gt=-(1 << 64), lt=5)],
    ],
)
def test_an_integer_without_bounds_that_fit_64_bits_is_refused_as_a_contract(kind: Any) -> None:
    with pytest.raises(
        DeclarationError, match=r"people: an int needs bounds that fit 64 bits; write Annotated\[int, Field\(ge=0"
    ):
        shape(contract(people=(kind, ...)))


def test_an_integer_of_a_lists_items_needs_bounds_too() -> None:
    item = create_model("Item", __base__=Strict, size=(int, ...))
    with pytest.raises(DeclarationError, match="size: an int needs bounds"):
        shape(contract(items=(list[item], ...)))  # type: ignore[valid-type]


@pytest.mark.parametrize("kind", [Annotated[int, Field(ge=0, le=9, multiple_of=3)], Annotated[float, Field(multiple_of=0.5)]])
def test_a_constraint_that_the_columns_cannot_check_is_refused_as_a_contract(kind: Any) -> None:
    with pytest.raises(DeclarationError, match=r"the fast lane knows no MultipleOf.* use pattern, min_length"):
        shape(contract(people=(kind, ...)))


def test_validators_of_a_models_own_are_refused_as_a_contract() -> None:
    class Strange(Strict):
        """A model with a rule of its own."""

        @field_validator("desk", check_fields=False)
        @classmethod
        def known(cls, value: str) -> str:
            return value

    with pytest.raises(DeclarationError, match=r"Counted\.known: the fast lane knows no validators"):
        shape(contract(Strange))


def test_open_bounds_are_checked_by_both_lanes() -> None:
    kind = contract(people=(Annotated[int, Field(gt=0, lt=10)], ...), share=(Annotated[float, Field(gt=0, lt=1)], ...))
    values = [
        event(i, people=n, share=x) for i, (n, x) in enumerate([(0, 0.5), (1, 0.5), (9, 0.5), (10, 0.5), (5, 0.0), (5, 1.0)])
    ]
    frame, refused = fast_lane.parse(shape(kind), range(6), values)
    assert frame["_i"].to_list() == [1, 2]
    assert refused == [0, 3, 4, 5] == sorted(decoded(kind, values).rejects)


def test_what_a_state_needs_is_asked_by_both_lanes_and_by_the_published_schema() -> None:
    state, room = (Literal["came", "left", "moved"] | None, None), (Code | None, None)
    kind = contract(state=state, room=room, floor=room)
    kind.needs = Needs("state", {"came": ("room",), "moved": ("room", "floor")})
    said = [
        {"state": "came", "room": "1"}, {"state": "came"}, {"state": "came", "room": None, "floor": "2"}, {"state": "left"}, {},
        {"state": None}, {"state": "moved", "room": "1", "floor": "2"}, {"state": "moved", "room": "1"}, {"state": "moved"},
    ]  # fmt: skip
    values, bad = [event(i, **data) for i, data in enumerate(said)], [1, 2, 7, 8]
    frame, refused = fast_lane.parse(shape(kind), range(len(said)), values)
    assert refused == bad
    assert sorted(frame["_i"].to_list() + bad) == [*range(len(said))]
    rejects = decoded(kind, values).rejects
    assert {i: (r.reason, r.field) for i, r in rejects.items()} == {
        1: ("schema", "data.room"), 2: ("schema", "data.room"), 7: ("schema", "data.floor"), 8: ("schema", "data.room"),
    }  # fmt: skip
    assert rejects[7].message == "an event with state 'moved' states room, floor; it lacks floor"
    published = Draft202012Validator(json_schema(kind))
    assert [i for i, value in enumerate(values) if not published.is_valid(json.loads(value))] == bad


def test_a_need_of_a_field_there_is_not_is_refused_as_a_contract() -> None:
    kind = contract(state=(Literal["came"], ...))
    kind.needs = Needs("state", {"came": ("rom",)})
    with pytest.raises(DeclarationError, match=r"Made\.needs: no field 'rom' in data; there are desk, state"):
        shape(kind)


def fitting() -> Contract:
    """A contract in which a desk's state must be one of its kind."""
    kind = contract(kind=(Literal["open", "shut"] | None, None), state=(Literal["busy", "idle", "locked"] | None, None))
    kind.fits = Fits("state", "kind", {"open": ("busy", "idle"), "shut": ("locked",)})
    return kind


PAIRS = [{}, *({"kind": k} for k in ("open", "shut")), *({"state": s} for s in ("busy", "locked"))] + [
    {"kind": k, "state": s} for k in ("open", "shut", None) for s in ("busy", "idle", "locked", None)
]
MISFITS = {n for n, pair in enumerate(PAIRS) if tuple(pair.values()) in {("open", "locked"), ("shut", "busy"), ("shut", "idle")}}


def test_two_fields_that_must_fit_each_other_are_checked_by_both_lanes_and_the_published_schema() -> None:
    kind, values = fitting(), [event(i, **pair) for i, pair in enumerate(PAIRS)]
    frame, refused = fast_lane.parse(shape(kind), range(len(PAIRS)), values)
    published = Draft202012Validator(json_schema(kind))
    found = decoded(kind, values).rejects
    assert set(refused) == set(found) == {i for i, v in enumerate(values) if not published.is_valid(json.loads(v))} == MISFITS
    assert len(frame) == len(PAIRS) - len(MISFITS)
    reject = found[PAIRS.index({"kind": "open", "state": "locked"})]
    assert (reject.reason, reject.field, reject.message) == ("schema", "data.state", "of kind open: busy, idle; not locked")


def test_what_must_fit_is_named_by_fields_of_the_data_and_every_pair_is_a_sample() -> None:
    kind = fitting()
    made = [exact(json.dumps(one).encode(), (), {kind.event_type: kind}) for one in documents(kind)]
    assert {(e.data.kind, e.data.state) for e in made if not isinstance(e, Reject)} == {
        ("open", "busy"),
        ("open", "idle"),
        ("shut", "locked"),
    }
    kind.fits = Fits("stat", "kind", {})
    with pytest.raises(DeclarationError, match=r"Made.fits: no field 'stat' in its data; it has desk, kind, state"):
        shape(kind)


def test_an_event_that_fits_no_column_is_a_reject_and_its_neighbours_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_schema, "_bounded", lambda column, info: None)  # a contract nobody has checked
    kind = contract(people=(int, ...), due=(Timestamp | None, None), note=(Text | None, None))
    found = decoded(kind, [event(0, people=1), event(1, people=LONG), event(2, people=2), event(3, people=-LONG)])
    assert found.frames[kind.event_type]["_i"].to_list() == [0, 2]
    assert {i: (r.reason, r.field) for i, r in found.rejects.items()} == {1: ("schema", "data"), 3: ("schema", "data")}
    assert all("does not fit the columns it is counted in: OverflowError" in r.message for r in found.rejects.values())


def test_a_validator_that_raises_anything_is_a_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Strict):
        """A model whose rule fails on what it does not know."""

        @field_validator("desk", check_fields=False)
        @classmethod
        def known(cls, value: str) -> str:
            return {"A": "A"}[value]

    monkeypatch.setattr(arrow_schema, "_own_rules", lambda contract: None)
    kind = contract(Failing)
    (reject,) = decoded(kind, [event(0), event(1, desk="B") + b"\n", event(2)]).rejects.values()
    assert (reject.reason, reject.message) == ("schema", "the contract cannot judge this event: KeyError: 'B'")
