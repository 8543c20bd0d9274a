"""Samples: a declaration tried on events made from its contract, before anything real is counted (`ioc check`). Pure.

Every choice of every field occurs: each value of a Literal, both bounds of a number, a field that is stated and one that is not;
of a text that must have a form, the `examples` of its Field.
A declaration that depends on more (texts of its own, rare combinations) is tried by its examples and by its tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal, get_args, get_origin

import polars as pl
from pydantic import BaseModel, ValidationError

from ioc.counting.difference import difference
from ioc.counting.entities import ranked
from ioc.counting.history import History, Item, raised
from ioc.counting.results import check_frames, check_lifecycle
from ioc.counting.who import RECORDS
from ioc.errors import DeclarationError
from ioc.events import fast_lane
from ioc.events.arrow_schema import Shape, bounds, item_of, plain, shape
from ioc.events.exact_lane import Reject
from ioc.times import DAY
from ioc.vocabulary import Fold, Stream
from schemas import Contract
from schemas.envelope import Envelope

TIME = "2022-10-06T08:30:00+07:00"
VERDICTS = ("accepted", "duplicate", "rejected")
MOST = 40
"""Events that are tried in pairs: 1,600 histories."""


def fault(stream: Stream, examples: Sequence[Mapping[str, Any]] = ()) -> str | None:
    """What a declaration does wrong with samples of its contract, or with the examples of it; None: nothing was found."""
    try:
        of = shape(stream.contract)
        events = [*_events(stream.contract, documents(stream.contract)), *_events(stream.contract, examples)]
        if not events:
            raise DeclarationError("no sample fits its contract; lay an example beside the others in schemas/examples")
        (_try_histories if stream.contributions else _try_columns)(stream, of, events)
        if stream.records:
            _try_records(stream, stream.records)
    except Exception as error:  # whatever a declaration raises is its fault
        said = str(error) if isinstance(error, DeclarationError) else raised(error).message
        return f"stream {stream.name}: {said}"
    return None


def _try_columns(stream: Stream, of: Shape, events: Sequence[Envelope[Any]]) -> None:
    assert stream.columns is not None
    whole = fast_lane.from_events(of, list(range(len(events))), events)
    for frame in (whole, whole.clear(), *whole.iter_slices(1)):
        check_frames(stream, frame, stream.columns(frame))


def _try_records(stream: Stream, records: Callable[[pl.DataFrame], Mapping[str, pl.DataFrame]]) -> None:
    """Of each verdict one record that says all and one that says nothing."""
    rows = [
        (
            i,
            1,
            None if none else 0,
            topic,
            "" if none else stream.contract.event_type,
            "" if none else "/check",
            verdict,
            "",
            not none,
        )
        for i, (topic, verdict, none) in enumerate(product(stream.topics, VERDICTS, (True, False)))
    ]
    whole = pl.DataFrame(rows, RECORDS, orient="row")
    for frame in (whole, whole.clear(), *whole.iter_slices(1)):
        check_frames(stream, frame, records(frame))


def _try_histories(stream: Stream, of: Shape, events: Sequence[Envelope[Any]]) -> None:
    assert stream.contributions is not None
    if stream.contributions([]) != []:
        raise DeclarationError("contributions([]) must be []: what has no events adds nothing")
    made = list(_items(stream, of, events))
    pairs = [(a, b) for a in made[:MOST] for b in made[:MOST] if a is not b]
    for items in (*((item,) for item in made), *pairs, made):
        history = History(stream)
        for place, item in enumerate(items):
            at = item.time + place * DAY
            outcome = history.add(item._replace(time=at, offset=place, step=item.step._replace(time=at)))  # type: ignore[attr-defined]
            if isinstance(outcome, Reject):
                raise DeclarationError(f"{outcome.message} ({', '.join(str(i.step) for i in items[: place + 1][-2:])})")
            if isinstance(stream.contributions, Fold):
                _check_advance(stream.contributions, history.steps())
        if stream.lifecycle is not None:
            check_lifecycle(stream.lifecycle(history.steps()))


def _check_advance(fold: Fold[Any], steps: Sequence[Any]) -> None:
    life = fold.life(steps[:-1])
    said = repr(fold.say(life))
    following = fold.advance(life, steps[-1])
    if repr(fold.say(life)) != said:
        raise DeclarationError("advance changed the life it was given; it must give another one (a NamedTuple is safe)")
    was, becomes = fold.differing(life, following)
    if difference(becomes, was) != difference(fold.say(following), fold.say(life)):
        raise DeclarationError("apart leaves out rows of two lives that only one of them has")


def _items(stream: Stream, of: Shape, events: Sequence[Envelope[Any]]) -> Iterator[Item]:
    assert stream.item is not None
    assert stream.rank is not None
    frame = fast_lane.from_events(of, list(range(len(events))), events)
    for i, values in enumerate(frame.select("_time", *stream.item._fields[1:]).rows()):  # type: ignore[attr-defined]
        step = stream.item._make(values)  # type: ignore[attr-defined]
        yield Item(values[0], 0, ranked(stream.rank(step)), "/check", f"e{i}", i, 0, None, step)


def _events(contract: Contract, documents: Sequence[Mapping[str, Any]]) -> Iterator[Envelope[Any]]:
    for document in documents:
        try:
            yield contract.model_validate(document)
        except ValidationError:
            continue  # a combination that its own rules exclude, or an example of another contract


def documents(contract: Contract) -> list[dict[str, Any]]:
    """Sample events of a contract: one, and one for every other choice of each field of its data."""
    envelope = {"specversion": "1.0", "id": "e", "source": "/check", "type": contract.event_type, "time": TIME}
    return [envelope | {"data": one} for data in _varied(contract.data_model(), contract) for one in _fitted(data, contract)]


def _fitted(data: dict[str, Any], contract: Contract) -> list[dict[str, Any]]:
    """The sample with each pair of values that fit each other, where the contract has two such fields."""
    fits = contract.fits
    if fits is None:
        return [data]
    return [data | {fits.of: one, fits.field: other} for one, allowed in fits.table.items() for other in allowed]


def _varied(model: type[BaseModel], contract: Contract) -> list[dict[str, Any]]:
    choices = {name: _choices(name, info, contract) for name, info in model.model_fields.items()}
    base = {name: found[0] for name, found in choices.items()}
    return [base, *(base | {name: value} for name, found in choices.items() for value in found[1:])]


def _choices(name: str, info: Any, contract: Contract) -> list[Any]:
    annotation, optional = plain(info.annotation)
    found: list[Any]
    item = item_of(info.annotation)
    if item is not None:
        limits = contract.limits.table if contract.limits and contract.limits.field == name else {}
        named = [{"name": n, "unit": x.unit, "value": float(v)} for n, x in limits.items() for v in (x.low, x.high)]
        found = [[one] for one in named or _varied(item, contract)]
        found += [[], [one[0] for one in found]]
    elif get_origin(annotation) is Literal:
        found = list(get_args(annotation))
    elif annotation is bool:
        found = [True, False]
    elif annotation in (int, float):
        low, high = bounds(info)
        found = [annotation(-1 if low is None else low), annotation(1 if high is None else high)]
    else:
        found = [TIME] if any(name == field for field in shape(contract).times) else [*(info.examples or ("A", "B"))]
    return [*found, None] if optional else found
