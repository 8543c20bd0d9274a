"""Listed: the values of dimensions that a TOML file lists: the rows of its lists begin with code and name, or have these keys."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ioc.errors import DeclarationError
from ioc.text import nfc

FORM = 'a row is ["code", "name", ...] or { code = "...", name = "..." }'


class Row(NamedTuple):
    """A value: the list it stands in, code, name, and its other keys (none, if the row is a list)."""

    of: str
    code: str
    name: str
    keys: dict[str, object]


def rows(path: Path) -> tuple[Row, ...]:
    """All values of a file, in order.  Raises DeclarationError that says what is right: a code stands there once."""
    return _rows(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _rows(path: Path, _: int) -> tuple[Row, ...]:
    try:
        lists = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path}: {error}") from None
    found: dict[str, Row] = {}
    for of, given in lists.items():
        if not isinstance(given, list):
            raise DeclarationError(f"{path}: {of} = {given!r} is no list; {FORM}")
        for number, row in enumerate(given, 1):
            made = _row(of, row)
            if made is None:
                raise DeclarationError(f"{path}: {of} {number}: {row!r}; {FORM}, code and name texts without blanks at the ends")
            if made.code in found:
                raise DeclarationError(
                    f"{path}: {of} {number}: {made.code} stands in {found[made.code].of} already; name it once"
                )
            found[made.code] = made
    return tuple(found.values())


def _row(of: str, row: object) -> Row | None:
    keys = row if isinstance(row, dict) else {}
    code, name, *_ = (*row, None, None) if isinstance(row, list) else (keys.get("code"), keys.get("name"))
    if not isinstance(code, str) or not isinstance(name, str) or code != code.strip() or not code or not name.strip():
        return None
    return Row(of, nfc(code), nfc(name), keys)
