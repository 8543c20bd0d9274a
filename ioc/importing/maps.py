"""Maps: which mapping files there are, and how one is loaded: those that come with the program, and those of `IOC_MAPS_DIR`."""

from __future__ import annotations

import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ioc.errors import UsageError
from ioc.importing.mapping import Clock, EventMap, Input, Map, Measure, Not, Personal, Value
from ioc.importing.mapping_check import problems
from ioc.text import nfc


def shipped() -> list[str]:
    """Names of the maps that come with the program."""
    return sorted(named())


def named(folder: str = "") -> dict[str, Traversable]:
    """The maps that have a name, by it: those shipped, and `NAME.toml` in the folder.  Raises UsageError for a name of both."""
    there = resources.files("streams").joinpath("maps").iterdir()
    found: dict[str, Traversable] = {path.name[:-5]: path for path in there if path.name.endswith(".toml")}
    if folder:
        if not Path(folder).is_dir():
            raise UsageError(f"IOC_MAPS_DIR: {folder} is no folder")
        own = {path.stem: path for path in Path(folder).glob("*.toml")}
        if twice := sorted(own.keys() & found.keys()):
            raise UsageError(f"IOC_MAPS_DIR: {folder} has {', '.join(twice)}, as the maps that are shipped; give it another name")
        found |= own
    return found


def load_map(name_or_path: str, folder: str = "") -> Map:
    """The map of that name, or in that file.  Raises UsageError naming the key, or the maps there are."""
    known, path = named(folder), Path(name_or_path)
    if name_or_path in known:
        data = known[name_or_path].read_bytes()
    elif path.is_file():
        data = path.read_bytes()
    else:
        raise UsageError(f"no map {name_or_path!r}: neither a file nor one of the maps {', '.join(sorted(known))}")
    return parsed(name_or_path, data)


def parsed(name: str, data: bytes) -> Map:
    """The map in the bytes of a file.  Raises UsageError naming the key."""
    try:
        found = Map.model_validate(tomllib.loads(nfc(data.decode("utf-8-sig").replace("\r\n", "\n"))))
    except ValidationError as error:
        raise UsageError(f"map {name}: " + "; ".join(_said(e) for e in error.errors(include_url=False))) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"map {name}, line {line}, is not UTF-8: save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"map {name} is not TOML: {error}") from None
    if wrong := problems(found):
        raise UsageError(f"map {name}: " + "; ".join(wrong))
    return found


def _said(error: Any) -> str:
    key = ""
    for part in error["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
    known = ""
    if error["type"] == "extra_forbidden":
        known = f"; there are {', '.join(_owner(error['loc']))}"
    return f"{key.lstrip('.')}: {error['msg']}{known}"


def _owner(loc: tuple[Any, ...]) -> list[str]:
    """The keys allowed where an unknown one stands."""
    names = [part for part in loc[:-1] if isinstance(part, str)]
    model: type[BaseModel] = Map
    tables: dict[str, type[BaseModel]] = {"input": Input, "time": Clock, "event": EventMap, "measurements": Measure, "Not": Not}
    tables |= {"personal": Personal}
    for name in names:
        model = tables.get(name, Value)
    return sorted(field.alias or name for name, field in model.model_fields.items())
