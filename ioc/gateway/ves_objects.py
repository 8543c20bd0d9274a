"""VES objects: which site and cell a distinguished name (DN) is about, and texts of network elements as codes and numbers. Pure.

>>> place("SubNetwork=1,ManagedElement=THA-HT1,GNBDUFunction=1,NRCellDU=2", "element")
('THA-HT1', 'THA-HT1:2')
>>> place("https://ems/SubNetwork=1/MeContext=HT1/NRCellCU=7", "element")
('HT1', 'HT1:7')
"""

from __future__ import annotations

import hashlib
import math
import re
from functools import lru_cache

from ioc.importing import dn, results
from ioc.text import nfc
from schemas.envelope import CODE

_LONGEST, _HASH = 128, 16


def parts(name: str) -> list[dn.Rdn]:
    """The parts of a DN, or of a URI whose path is one, that name a class and a value.

    >>> parts("https://ems/A=1/B=x"), parts("eth0")
    ([Rdn(kind='A', value='1'), Rdn(kind='B', value='x')], [])
    """
    path = name.replace("/", ",") if "://" in name or name.startswith("/") else name
    return [rdn for rdn in dn.rdns(path) if rdn.kind and rdn.value]


def place(name: str, element: str) -> tuple[str, str | None]:
    """The site and the cell of a DN as PM files have them (`ioc.importing.dn`); no cell: it is of the whole site."""
    where = dn.place("", element, ",".join(map("=".join, parts(name))))
    return code(where.site), None if where.cell == where.site else code(where.cell)


def element_of(name: str) -> str:
    """The element a DN is of: its ManagedElement, else its last value; what is no DN is a name itself."""
    found = parts(name)
    return next((value for kind, value in found if kind == "ManagedElement"), found[-1][1] if found else name)


@lru_cache(maxsize=65_536)
def code(text: str) -> str:
    """The text as a code (`schemas.envelope.Code`). One that is changed or cut ends with a hash of the whole, so that none are
    taken for each other.

    >>> code("THA-HT1/Cell unavailable"), code("a*b")
    ('THA-HT1/Cell unavailable', 'a_b~15eb0a792505b191')
    """
    whole = nfc(text.strip())
    if len(whole) <= _LONGEST and re.search(CODE, whole):
        return whole
    digest = hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()[:_HASH]
    kept = re.sub(r"[\x00-\x1f*]", "_", whole)[: _LONGEST - _HASH - 1]
    return f"{kept}~{digest}"


def number(value: object) -> float | None:
    """The number in a value or a text; None where there is none that is finite.

    >>> number(" 12.50"), number("1e3"), number(True), number("1_0"), number("1e999")
    (12.5, 1000.0, None, None, None)
    """
    if isinstance(value, str):
        return results.number(value.strip(" "))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer of hundreds of digits
        return None


@lru_cache(maxsize=65_536)
def unit(name: str) -> str | None:
    """The unit of a counter that is known, as PM files have it: VES does not tell it."""
    from ioc.importing.measinfo import units  # with the first counter: it takes the tables of the streams with it

    return units()(name)
