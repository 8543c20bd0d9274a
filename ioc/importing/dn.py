"""Distinguished names of 3GPP (TS 32.300): which object was measured, of which site and cell. Pure."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

_COMMA = re.compile(r"(?<!\\),")
CELLS = frozenset({
    "NRCellDU", "NRCellCU", "NRCell", "EUtranCell", "EUtranCellFDD", "EUtranCellTDD", "EUtranGenericCell", "UtranCell", "GsmCell",
})  # fmt: skip
"""Classes that are a cell; a relation to one (`NRCellRelation`) is not."""
_ELEMENT, _CONTEXT = "ManagedElement", "MeContext"


class Rdn(NamedTuple):
    """A part of a DN."""

    kind: str
    value: str


class Place(NamedTuple):
    """What a DN says of the measured object. `cell` is the site itself where the object is of the whole site."""

    dn: str
    kind: str
    site: str
    cell: str


def rdns(dn: str) -> list[Rdn]:
    r"""The parts of a DN, the topmost first; a name without a class has none.

    >>> rdns("SubNetwork=G3,ManagedElement=A\\,1")
    [Rdn(kind='SubNetwork', value='G3'), Rdn(kind='ManagedElement', value='A\\,1')]
    """
    parts = (part.strip().rpartition("=") if part.count("=") == 1 else part.strip().partition("=") for part in _COMMA.split(dn))
    return [Rdn(kind, value) if sign else Rdn("", kind or value) for kind, sign, value in parts if kind or value]


def joined(*names: str) -> str:
    """One DN of several local ones, each below the one before it; what two of them state stands once.

    >>> joined("SubNetwork=G3", "SubNetwork=G3,ManagedElement=A", "ManagedElement=A,NRCellDU=1")
    'SubNetwork=G3,ManagedElement=A,NRCellDU=1'
    """
    whole: list[str] = []
    for name in names:
        parts = [part for text in _COMMA.split(name) if (part := text.strip())]
        if parts and parts[0] in whole:
            whole = whole[: whole.index(parts[0])]
        elif whole and whole[0] in parts:
            whole = []
        whole += parts
    return ",".join(whole)


def place(prefix: str, element: str, measured: str, sender: str = "") -> Place:
    """Where an object stands. `prefix`: what stands above all names; `element`: the network element, a DN or a plain name;
    `measured`: the object below it.

    An NR cell is one, whatever its DU and CU tell of it, and called by its value; a cell of another kind is called with its
    class, as its values are others. The site is the ManagedElement, or the MeContext where that has the name and the element but
    a number, or else what stands above a function, or who sent.

    >>> place("SubNetwork=G3", "A", "ManagedElement=A,GNBDUFunction=1,NRCellDU=31")
    Place(dn='SubNetwork=G3,ManagedElement=A,GNBDUFunction=1,NRCellDU=31', kind='NRCellDU', site='A', cell='A:31')
    >>> place("", "A", "ENodeBFunction=1,EUtranCellFDD=31").cell
    'A:EUtranCellFDD=31'
    >>> place("", "MeContext=B,ManagedElement=1", "ENodeBFunction=1").site
    'B'
    """
    own = {rdn.kind for rdn in rdns(measured)}
    if element and "=" not in element:  # a name, and no DN: needed where the object's own does not say whose it is
        element = "" if own & {_ELEMENT, _CONTEXT} else f"{_ELEMENT}={element}"
    dn = joined(prefix, element, measured)
    parts = rdns(dn)
    found = {rdn.kind: rdn.value for rdn in parts}
    site = found.get(_ELEMENT, "")
    if not site or (site == "1" and _CONTEXT in found):
        site = found.get(_CONTEXT) or _above_function(parts) or (rdns(sender)[-1].value if rdns(sender) else "") or site
    site = site or (parts[0].value if parts else "")
    cell = next((rdn for rdn in reversed(parts) if rdn.kind in CELLS), None)
    named = "" if cell is None else cell.value if cell.kind.startswith("NR") else f"{cell.kind}={cell.value}"
    return Place(dn, parts[-1].kind if parts else "", site, f"{site}:{named}" if named else site)


def _above_function(parts: list[Rdn]) -> str:
    for above, rdn in pairwise(parts):
        if rdn.kind.endswith("Function"):
            return above.value
    return ""
