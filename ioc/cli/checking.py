"""Checking: what `ioc check` says of the declarations: they are loaded, tried on samples, and watched for the files they read."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ioc.boards.derive import boards
from ioc.boards.lint import faults
from ioc.catalog import load
from ioc.cli.asyncapi import examples
from ioc.cli.derive import differences
from ioc.counting.samples import fault
from ioc.errors import IocError
from ioc.importing.maps import load_map, shipped
from ioc.store.tables import board_views
from ioc.values import completed

CODE = (".py", ".pyc", ".pyi", ".so")
LIBRARIES = tuple(
    Path(place).resolve()
    for place in {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), "/usr/share/zoneinfo", "/proc", "/sys", "/dev"}
)
ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_watching: list[set[Path]] = []


def wrong(root: Path) -> list[str]:
    """What is wrong with declarations, maps and the derived files below `root`, a line each."""
    found = declarations()
    if not found:  # boards and schemas are derived from the declarations
        catalog = load()
        try:
            catalog.units()  # the files of rollups: trees of units hold together, every value has a group
        except IocError as error:
            return str(error).splitlines()
        found += faults(boards(catalog), board_views(catalog))
        found += [f"{path} is not what is derived; run `ioc derive`" for path in differences(root)]
    for name in shipped():
        try:
            load_map(name)
        except IocError as error:
            found.append(f"map {name}: {error}")
    return found


def declarations(package: str = "streams") -> list[str]:
    """What is wrong with the declarations of a package, a line each."""
    try:
        with opened() as at_import:
            catalog = load(package)
            dict(catalog.generations)  # all of them are found out
        wrong = _undeclared(f"package {package}", at_import, [path for s in catalog.streams for path in s.data_files])
        for stream in catalog.streams:
            own = [event for event in examples().values() if event["type"] == stream.contract.event_type]
            with opened() as read:
                found = fault(stream, own)
            wrong += [found] if found else []
            wrong += _undeclared(f"stream {stream.name}", read, stream.data_files)
            for indicator in stream.indicators:
                indicator.value.bounds(completed(indicator.value, np.zeros((1, len(indicator.value.measures)), np.int64)))
    except IocError as error:
        return [str(error)]
    return wrong


def _undeclared(who: str, read: Iterable[Path], declared: Iterable[Path]) -> list[str]:
    known = {path.resolve() for path in declared}
    said = "which is not among its data_files: a change of it would count the same events under two rules"
    return [f"{who} reads {path}, {said}" for path in sorted(read) if path not in known and path.is_file()]


@contextmanager
def opened() -> Iterator[set[Path]]:
    """The files that are read meanwhile, but for code and libraries."""
    if _hear not in _heard:
        sys.addaudithook(_hear)  # it cannot be taken away, and hears nothing while nobody watches
        _heard.append(_hear)
    found: set[Path] = set()
    _watching.append(found)
    try:
        yield found
    finally:
        _watching.remove(found)


_heard: list[Any] = []


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not _watching or not isinstance(args[0], str | bytes | os.PathLike):
        return
    if args[2] & ACCESS == os.O_WRONLY:  # what is only written decides no number: compiled code, an import's doing
        return
    path = Path(os.fsdecode(args[0])).resolve()
    if path.suffix not in CODE and not any(path.is_relative_to(place) for place in LIBRARIES):
        for found in _watching:
            found.add(path)
