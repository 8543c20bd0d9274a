"""Arrow schema: a contract as an Arrow schema and as vectorised checks, both derived from its pydantic model. Pure.

The checks may only be stricter than the model: what fails one goes to pydantic for the verdict.
"""

from __future__ import annotations

import re
import types
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import polars as pl
import pyarrow as pa
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ioc.errors import DeclarationError
from ioc.events.exact_lane import times_in
from schemas import Contract
from schemas.envelope import TIMESTAMP, Strict

CAPITALS = TIMESTAMP.replace("[Tt]", "T").replace("[Zz]", "Z")
"""The times the columns can read; pydantic writes others so."""
_SCALARS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@dataclass(frozen=True)
class Shape:
    """`schema`: of a document as pyarrow.json reads it. `scalars`: checks over a frame of the envelope's columns and the data's.

    `texts`: what each text of a column must look like; these checks take long, and texts repeat. `lists`: for each list field of
    data, checks over the frame of its exploded items.
    """

    contract: Contract
    schema: pa.Schema
    scalars: tuple[pl.Expr, ...]
    texts: dict[str, tuple[pl.Expr, ...]]
    lists: dict[str, tuple[pl.Expr, ...]]

    @property
    def times(self) -> tuple[str, ...]:
        """The fields of data that are times."""
        return times_in(self.contract)

    @property
    def data_fields(self) -> list[str]:
        """Names of the fields of data."""
        return list(self.contract.data_model().model_fields)


def shape(contract: Contract) -> Shape:
    """The shape of a contract.

    Raises DeclarationError for a field that has no Arrow form, whose integers need not fit 64 bits, or with a rule that is not
    among the checks: the fast lane would let through what pydantic refuses.
    """
    _own_rules(contract)
    envelope = {name: info for name, info in contract.model_fields.items() if name not in ("data", "data_base64")}
    data = contract.data_model()
    attributes = [pa.field(name, _arrow(info.annotation)) for name, info in envelope.items()]
    schema = pa.schema([*attributes, pa.field("data", _struct(data))])
    # what is not ASCII may be the same id in another form
    itself = ((pl.col("_replaces") == pl.col("_id")) | pl.col("_replaces").str.contains(r"[^\x00-\x7f]")).fill_null(False)
    scalars = [pl.col("data").is_not_null(), ~itself, *_needs(contract)]
    columns = {f"_{name}": info for name, info in envelope.items()}
    lists: dict[str, tuple[pl.Expr, ...]] = {}
    for name, info in data.model_fields.items():
        item = item_of(info.annotation)
        if item is None:
            columns[name] = info
            continue
        sizes = [_bound(pl.col(name).list.len(), m) for m in info.metadata if isinstance(m, MinLen | MaxLen)]
        scalars += [pl.col(name).is_not_null(), *sizes]
        fields = item.model_fields.items()
        lists[name] = tuple(c for n, i in fields for c in (*_checks(n, i), *_forms(n, i))) + _limits(contract, name)
    scalars += [check for name, info in columns.items() for check in _checks(name, info)] + _fits(contract)
    texts = {name: tuple(forms) for name, info in columns.items() if (forms := _forms(name, info))}
    return Shape(contract, schema, tuple(scalars), texts, lists)


def _arrow(annotation: Any) -> pa.DataType:
    annotation, _ = plain(annotation)
    if get_origin(annotation) is Literal:
        return pa.string()
    if get_origin(annotation) is list:
        return pa.list_(_struct(get_args(annotation)[0]))
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    raise DeclarationError(f"a contract's field cannot be {annotation}; use str, int, float, bool, Literal or list[model]")


def _struct(model: type[BaseModel]) -> pa.DataType:
    return pa.struct([pa.field(name, _arrow(info.annotation)) for name, info in model.model_fields.items()])


def plain(annotation: Any) -> tuple[Any, bool]:
    """The annotation without None and without Annotated, and whether None was in it."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return plain(inner[0])[0], True
    if hasattr(annotation, "__metadata__"):
        return plain(annotation.__origin__)
    return annotation, False


def _metadata(info: FieldInfo) -> list[Any]:
    """Constraints of a field, also those written inside `Annotated[...] | None`."""
    found = list(info.metadata)
    stack = [info.annotation]
    while stack:
        annotation = stack.pop()
        stack += [a for a in get_args(annotation) if hasattr(a, "__metadata__") or get_origin(a) in (Union, types.UnionType)]
        for extra in getattr(annotation, "__metadata__", ()):
            found += extra.metadata if isinstance(extra, FieldInfo) else [extra]
    return found


def item_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a list's items; None where the field is no list."""
    annotation, _ = plain(annotation)
    return get_args(annotation)[0] if get_origin(annotation) is list else None


def _own_rules(contract: Contract) -> None:
    """Validators of a model's own are pydantic's alone; only the envelope's and those of `limits` are checked by columns, too."""
    data = contract.data_model()
    for model in (data, *filter(None, (item_of(info.annotation) for info in data.model_fields.values()))):
        rules = model.__pydantic_decorators__
        own = {name: rule for kind in (rules.model_validators, rules.field_validators) for name, rule in kind.items()}
        foreign = [name for name, rule in own.items() if getattr(rule.func, "__module__", "") != Strict.__module__]
        if foreign and contract.limits is None:
            raise DeclarationError(
                f"{model.__name__}.{foreign[0]}: the fast lane knows no validators of a contract; use the constraints of Field, "
                "or `needs` or `fits` of the contract where one field asks for others"
            )


def _needs(contract: Contract) -> list[pl.Expr]:
    """What a value of one field asks of others (`Needs`)."""
    needs, fields = contract.needs, contract.data_model().model_fields
    if needs is None:
        return []
    if unknown := [name for name in (needs.field, *(n for names in needs.of.values() for n in names)) if name not in fields]:
        raise DeclarationError(f"{contract.__name__}.needs: no field {unknown[0]!r} in data; there are {', '.join(fields)}")
    return [
        (pl.col(needs.field) != value).fill_null(True) | pl.all_horizontal(pl.col(name).is_not_null() for name in names)
        for value, names in needs.of.items()
    ]


def bounds(info: FieldInfo) -> tuple[Any, Any]:
    """The least and the greatest number a field allows; None where there is no bound."""
    constraints = _metadata(info)
    lows: list[Any] = [c.ge if isinstance(c, Ge) else c.gt for c in constraints if isinstance(c, Ge | Gt)]
    highs: list[Any] = [c.le if isinstance(c, Le) else c.lt for c in constraints if isinstance(c, Le | Lt)]
    return max(lows, default=None), min(highs, default=None)


def _bounded(column: str, info: FieldInfo) -> None:
    """Any integer that passes must fit the column; a single 10**30 would be valid and uncountable."""
    low, high = bounds(info)
    if low is None or high is None or low < -(1 << 63) or high >= 1 << 63:
        name = column.removeprefix("_")
        raise DeclarationError(f"{name}: an int needs bounds that fit 64 bits; write Annotated[int, Field(ge=0, le=1_000_000)]")


def _forms(column: str, info: FieldInfo) -> list[pl.Expr]:
    """What the texts of a scalar column must look like; true where there is none."""
    value, checks = pl.col(column), list[pl.Expr]()
    for pattern in filter(None, (getattr(constraint, "pattern", None) for constraint in _metadata(info))):
        checks.append(value.str.contains(CAPITALS if pattern == TIMESTAMP else pattern))
        if pattern == TIMESTAMP:
            day = value.str.slice(0, 10)
            checks.append((day >= "0001") & day.str.to_date("%Y-%m-%d", strict=False).is_not_null())
    return [check.fill_null(False) | value.is_null() for check in checks]


def _checks(column: str, info: FieldInfo) -> list[pl.Expr]:
    """What else must hold of a scalar column; true or false in every row."""
    value = pl.col(column)
    annotation, nullable = plain(info.annotation)
    if annotation is int:
        _bounded(column, info)
    checks: list[pl.Expr] = []
    if get_origin(annotation) is Literal:
        checks.append(value.is_in(list(get_args(annotation))))
    if annotation is float:
        checks.append(value.is_finite())
    for constraint in _metadata(info):
        if getattr(constraint, "pattern", None):
            continue  # see `_forms`
        if isinstance(constraint, MinLen | MaxLen):
            checks.append(_bound(value.str.len_chars(), constraint))
        elif isinstance(constraint, Ge):
            checks.append(value >= pl.lit(constraint.ge))
        elif isinstance(constraint, Le):
            checks.append(value <= pl.lit(constraint.le))
        elif isinstance(constraint, Gt):
            checks.append(value > pl.lit(constraint.gt))
        elif isinstance(constraint, Lt):
            checks.append(value < pl.lit(constraint.lt))
        elif getattr(getattr(constraint, "func", None), "__module__", "") != Strict.__module__:
            known = "pattern, min_length, max_length, ge, gt, le, lt"
            raise DeclarationError(f"{column.removeprefix('_')}: the fast lane knows no {constraint!r}; use {known}")
    if nullable:
        return [check.fill_null(False) | value.is_null() for check in checks]
    return [value.is_not_null(), *(check.fill_null(False) for check in checks)]


def _bound(length: pl.Expr, constraint: Any) -> pl.Expr:
    return length >= constraint.min_length if isinstance(constraint, MinLen) else length <= constraint.max_length


def _limits(contract: Contract, field: str) -> tuple[pl.Expr, ...]:
    """Named quantities keep their unit and range (`NamedLimits`)."""
    if contract.limits is None or contract.limits.field != field:
        return ()
    table = contract.limits.table
    name, value, unit = pl.col("name").str.extract(contract.limits.pattern), pl.col("value"), pl.col("unit")
    known = name.is_not_null()
    units = {n: limit.unit for n, limit in table.items()}
    lows = {n: float(limit.low) for n, limit in table.items()}
    highs = {n: float(limit.high) for n, limit in table.items()}
    right = (
        (unit == name.replace_strict(units, default=None, return_dtype=pl.String))
        & (value >= name.replace_strict(lows, default=None, return_dtype=pl.Float64))
        & (value <= name.replace_strict(highs, default=None, return_dtype=pl.Float64))
    )
    nothing = value.is_null() & unit.is_null()
    return ((~known | nothing | right).fill_null(False),)


def too_many(contract: Contract, items: pl.LazyFrame) -> pl.Series:
    """The rows (`_i`) of exploded items in which more succeeds than was tried."""
    limits = contract.limits
    assert limits is not None
    tried = pl.coalesce(
        pl.when(pl.col("name").str.contains(rf"^{re.escape(success)}(?:\.|$)")).then(
            pl.lit(attempt) + pl.col("name").str.slice(len(success))
        )
        for success, attempt in limits.attempts.items()
    )
    successes = items.select("_i", "value", name=tried).drop_nulls()
    both = successes.join(items.select("_i", "name", tries="value").drop_nulls(), on=["_i", "name"])
    return both.filter(pl.col("value") > pl.col("tries")).collect()["_i"]


def _fits(contract: Contract) -> list[pl.Expr]:
    """Two fields of data that must fit each other do (`Fits`); what is not stated fits."""
    fits, known = contract.fits, contract.data_model().model_fields
    if fits is None:
        return []
    for name in (fits.field, fits.of):
        if name not in known:
            raise DeclarationError(f"{contract.__name__}.fits: no field {name!r} in its data; it has {', '.join(known)}")
    wrong = [(pl.col(fits.of) == one) & ~pl.col(fits.field).is_in(list(allowed)) for one, allowed in fits.table.items()]
    return [(~pl.any_horizontal(wrong)).fill_null(True)]
