"""Declared: whether a stream's declaration holds together, and the code and data that its contributions can reach.

What can be reached decides what is counted, so all of it is in the generation (`ioc.catalog.generation`).
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ioc.errors import DeclarationError
from ioc.times import HOUR
from ioc.units.declared import check_alert, check_rollups
from ioc.units.identity import editions
from ioc.vocabulary import UNITS, Count, Indicator, Limited, Quantiles, Silent, Stream, Terms

DIMENSION, INDICATOR = r"[a-z][a-z0-9_]*", r"[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)*"
RESERVED = frozenset(
    ("_i", "at", "as_of", "coverage", "day", "dims", "first_value", "hi", "lo", "n", "restated", "until", "value", "window")
)
"""Columns of contributions and of the views, which stand beside those of the dimensions."""
KERNEL = frozenset(("ioc", "polars", "numpy", "pydantic", "pydantic_core", "annotated_types", "typing_extensions"))
"""What `RULES` and our own tests of these libraries stand for: their files are not looked at."""
WORKDAYS = "ioc.calendar.workdays"
CALENDAR = frozenset((WORKDAYS, *(f"ioc.calendar.{name}" for name in ("many", "rules", "workfile", "statements"))))
UNIT_IDENTITY = "ioc.units.identity"
LENT = CALENDAR | {UNIT_IDENTITY}
"""Modules of the kernel that contributions may use; they are taken for theirs, with what they read: the calendar's file, the days
on which editions of the code list begin."""
DECLARATIONS = ("STREAM", "INDICATORS", "BOARD", "demo", "stock", "past")
"""What a module of declarations says under these names is none of the code that counts."""
CONTRACTS = "schemas"
"""Beside the contract itself its module may hold what contributions use (a table of codes); the envelope is the kernel's."""


def check(stream: Stream) -> None:
    """Raises DeclarationError that says what is right."""
    if (stream.contributions is None) == (stream.columns is None):
        raise DeclarationError(f"stream {stream.name}: declare either contributions(history) or columns(frame)")
    if stream.contributions and (stream.item is None or stream.rank is None):
        raise DeclarationError(f"stream {stream.name}: contributions need an item type and a rank")
    fields: tuple[str, ...] = stream.item._fields if stream.item else ("time",)  # type: ignore[attr-defined]
    if fields[:1] != ("time",):
        raise DeclarationError(f"stream {stream.name}: the first field of {stream.item} must be `time`")
    there = stream.contract.data_model().model_fields
    for name in fields[1:]:
        if name not in there:
            model = stream.contract.data_model().__name__
            raise DeclarationError(f"stream {stream.name}: {model} has no field {name!r}; it has {', '.join(there)}")
    if stream.grain < 1 or stream.delay < 0:
        raise DeclarationError(f"stream {stream.name}: grain {stream.grain} and delay {stream.delay} are ms, at least 1 and 0")
    if HOUR % stream.grain:  # days and windows begin at whole hours, and no pane may lie on both sides
        raise DeclarationError(
            f"stream {stream.name}: an hour is no whole number of grains of {stream.grain} ms; e.g. 60_000 is right"
        )
    if not stream.indicators:
        raise DeclarationError(f"stream {stream.name}: declare at least one indicator")
    _check_dimensions(stream)
    measures = {name for i in stream.indicators for name in (*i.value.measures, *i.value.names)}
    check_rollups(stream, DIMENSION, RESERVED | measures | {*stream.dimensions})
    for indicator in stream.indicators:
        _check_indicator(stream, indicator)
    for path in (*stream.data_files, *stream.units):
        if not path.is_file():
            raise DeclarationError(f"stream {stream.name}: {path} is not there; data_files and units name files that are")


def _check_dimensions(stream: Stream) -> None:
    if not stream.dimensions:
        raise DeclarationError(f"stream {stream.name}: declare at least one dimension, e.g. who answers for the event")
    taken = RESERVED | {name for i in stream.indicators for name in (*i.value.measures, *i.value.names)}
    for name in stream.dimensions:
        if not re.fullmatch(DIMENSION, name) or stream.dimensions.count(name) > 1:
            raise DeclarationError(f"stream {stream.name}: dimension {name!r}: use small letters, digits and _, each name once")
        if name in taken:
            raise DeclarationError(
                f"stream {stream.name}: dimension {name!r} is a column or a measure already; name it otherwise"
            )


def _check_indicator(stream: Stream, indicator: Indicator) -> None:
    if not re.fullmatch(INDICATOR, indicator.name):
        raise DeclarationError(
            f"indicator {indicator.name!r}: use small letters, digits, _ and dots, e.g. {stream.name}.received"
        )
    for name in {d for grouping in indicator.groupings for d in grouping}:
        if name not in stream.dimensions:
            raise DeclarationError(f"{indicator.name}: no dimension {name!r}; {stream.name} has {', '.join(stream.dimensions)}")
    if odd := [d for d in indicator.each if d not in stream.dimensions]:
        raise DeclarationError(f"{indicator.name}: each={odd[0]!r} is no dimension; there are {', '.join(stream.dimensions)}")
    check_alert(stream, indicator)
    if indicator.unit not in UNITS:
        raise DeclarationError(f"{indicator.name}: no unit {indicator.unit!r}; there are {', '.join(UNITS)}")
    _check_looks(stream, indicator)
    measures = indicator.value.measures
    if not measures or len(set(measures)) < len(measures):
        raise DeclarationError(f"{indicator.name}: measures {measures}: at least one, and each name once")
    edges = indicator.value.edges if isinstance(indicator.value, Quantiles) else ()
    if list(edges) != sorted(edges):
        raise DeclarationError(f"{indicator.name}: the edges of a histogram rise; these are {edges}")


def _check_looks(stream: Stream, indicator: Indicator) -> None:
    counts = [i.name for i in stream.indicators if isinstance(i.value, Count) and len(i.value.measures) == 1 and not i.looks]
    for look in indicator.looks:
        if look.of not in counts:
            there = ", ".join(counts)
            raise DeclarationError(f"{indicator.name}: {look.of!r} cannot be looked at; counts of {stream.name}: {there}")
        if lacking := set(stream.indicator(look.of).each) - set(indicator.each):
            raise DeclarationError(f"{indicator.name}: {look.of} is told of each {min(lacking)}; so say each= here, too")
    if indicator.looks and not isinstance(indicator.value, Count | Limited | Silent | Terms):
        raise DeclarationError(f"{indicator.name}: the value of looks is a Count, Terms, Needed or TimeToBreach, or Silent")


def check_files(stream: Stream) -> None:
    """Raises DeclarationError where contributions or looks go by working days and the calendar is not among the data files;
    UsageError where that file, or another one, is wrong: before anything is counted, not as a reject of every event."""
    if stream.reads is not None:
        stream.reads()
    counts = any(WORKDAYS in _reached(_module(function)) for function in stream.functions)
    if counts or any(look.ahead or look.last or look.workday for indicator in stream.indicators for look in indicator.looks):
        from ioc.calendar.workdays import calendar, file

        path = Path(str(file()))
        if path.resolve() not in [known.resolve() for known in stream.data_files]:
            who = "contributions" if counts else "looks"
            raise DeclarationError(f"stream {stream.name}: its {who} use working days; add {path} to its data_files")
        calendar()


def code(function: Callable[..., Any]) -> list[str]:
    """The code that a declared function can reach: that of its module but for the declaration, of its own package's modules
    that are imported there, and the versions of foreign packages."""
    # a function that stands within the declaration (a lambda) is taken from there
    own = [inspect.getsource(function)] if function.__name__ == "<lambda>" else []
    root = _module(function).partition(".")[0]
    return [*own, *(part for name in _reached(_module(function)) for part in _parts(name, root))]


def _module(function: Callable[..., Any]) -> str:
    module = inspect.getmodule(function)
    if module is None:
        raise DeclarationError(f"{function}: a declared function is defined in a module, so that its code can be hashed")
    return module.__name__


@cache
def _reached(name: str) -> tuple[str, ...]:
    found: set[str] = set()
    waiting, root = [name], name.partition(".")[0]
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        kernel = (top in KERNEL and name not in LENT) or name in (CONTRACTS, f"{CONTRACTS}.envelope")
        if name not in found and not kernel and top not in sys.stdlib_module_names:
            found.add(name)
            waiting += _imports(name) if _is_ours(name, root) else ()
    return tuple(sorted(found))


def _is_ours(name: str, root: str) -> bool:
    top = name.partition(".")[0]
    return name in LENT or top in (root, CONTRACTS) or not _owners(top)


@cache
def _owners(top: str) -> tuple[str, ...]:
    """The installed distributions a package comes from; none for a plain folder."""
    return tuple(sorted(set(metadata.packages_distributions().get(top, ()))))


@cache
def _source(name: str) -> str | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin and spec.origin.endswith(".py") else None


def _imports(name: str) -> Iterator[str]:
    """The modules a module imports, wherever in it, but for what it only declares."""
    for node in ast.walk(ast.parse(_source(name) or "")):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not _declared(node):
            package = name.rpartition(".")[0]
            base = (
                importlib.util.resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            )
            yield base
            yield from (inner for alias in node.names if _is_module(inner := f"{base}.{alias.name}"))


def _declared(node: ast.stmt) -> bool:
    """Whether a statement makes nothing but a declaration, or takes it from another module (what a demo sends, mostly)."""
    if isinstance(node, ast.ImportFrom):
        return all(alias.name in DECLARATIONS for alias in node.names)
    targets = node.targets if isinstance(node, ast.Assign) else []
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    names += [node.name] if isinstance(node, ast.FunctionDef) else []
    return any(name in DECLARATIONS for name in names)


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False  # the parent is no package: a name within a module


@cache
def _parts(name: str, root: str) -> tuple[str, ...]:
    """A module of the package `root` by its code without what it only declares; a foreign one by its version."""
    if not _is_ours(name, root):
        return tuple(f"{owner}=={metadata.version(owner)}" for owner in _owners(name.partition(".")[0]))
    lines = (_source(name) or "").splitlines()
    for node in ast.parse("\n".join(lines)).body:
        if _declared(node):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return ("\n".join(line for line in lines if line.strip()), *(map(str, editions().days) if name == UNIT_IDENTITY else ()))
