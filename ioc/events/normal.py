"""Normal: the texts of a frame in NFC (`ioc.text.nfc`), lists included. Pure.

Nearly every frame is in NFC already, and it costs little to see so: only distinct texts with letters in doubt are looked at.
"""

from __future__ import annotations

import polars as pl

from ioc.text import nfc

_DOUBTFUL = r"[^\x00-\x{2ff}\x{1ea0}-\x{1ef9}]"
"""A letter that may not be NFC: none of Latin's and none of Vietnamese's ready-made ones."""


def in_nfc(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with all its texts in NFC: those of its columns, and those of the items of its lists (flat structs)."""
    changed = [pl.col(name).replace(forms) for name, forms in _forms(frame).items()]
    for name in (name for name, kind in frame.schema.items() if isinstance(kind, pl.List)):
        items = frame[name].explode(empty_as_null=False, keep_nulls=False).struct.unnest()
        if inner := _forms(items):
            right = [pl.field(field).replace(forms) for field, forms in inner.items()]
            changed.append(pl.col(name).list.eval(pl.element().struct.with_fields(right)))
    return frame.with_columns(changed)


def _forms(frame: pl.DataFrame) -> dict[str, dict[str, str]]:
    """Of each column that holds texts not in NFC: what they must become."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    sizes = frame.select(pl.col(texts).str.len_bytes().sum() != pl.col(texts).str.len_chars().sum()) if texts else frame.clear()
    found: dict[str, dict[str, str]] = {}
    for name in (name for name in texts if sizes[name].item()):  # others are ASCII
        distinct = frame[name].unique().drop_nulls()
        doubtful = distinct.filter(distinct.str.contains(_DOUBTFUL)).to_list()
        if forms := {text: right for text in doubtful if (right := nfc(text)) != text}:
            found[name] = forms
    return found
