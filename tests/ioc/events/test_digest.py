"""Digest: lists are told apart by their items, the items' places and the row they stand in."""

from __future__ import annotations

import polars as pl

from ioc.events.digest import digest

ITEM = pl.Struct({"name": pl.String, "n": pl.Int64})


def digests(*rows: list[tuple[str, int]] | None) -> list[int]:
    lists = [None if row is None else [{"name": name, "n": n} for name, n in row] for row in rows]
    return digest(pl.DataFrame({"items": pl.Series(lists, dtype=pl.List(ITEM))}), ["items"]).to_list()


ROWS = ([("a", 1)], [], [("a", 1), ("b", 2)], None, [("b", 2), ("a", 1)], [("a", 1), ("a", 1)], [("a", 2)], [("b", 1)])


def test_lists_with_other_items_or_the_same_in_another_order_have_other_hashes() -> None:
    assert len(set(digests(*ROWS))) == len(ROWS)


def test_a_list_has_the_hash_it_has_alone_whatever_stands_around_it() -> None:
    assert digests(*ROWS) == [digests(row)[0] for row in ROWS]
    assert digests(*ROWS[::-1]) == digests(*ROWS)[::-1]
