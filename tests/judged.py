"""A store in memory that judges every row when it lands: right for its prefix of the log, by the brute force."""

from __future__ import annotations

import orjson
import pyarrow as pa

from tests import brute
from tests.counting import panes
from tests.fake import FakeStore


class Judged(FakeStore):
    """The common tables: every row that lands must be right for its prefix, and a checkpoint may only tell of what is there."""

    def __init__(self, log: list[brute.Record], partitions: int) -> None:
        super().__init__()
        self.truth = brute.truth(log, partitions)

    def land(self, table: str, rows: pa.Table) -> None:
        super().land(table, rows)
        for row in rows.to_pylist():
            place = (row["topic"], row["partition"])
            if table == "panes":
                at, known = (int(row[n].timestamp() * 1000 + 0.5) for n in ("at", "known"))
                right = self.truth.versions.get((row["indicator"], tuple(row["dims"]), at, known, *place), {})
                assert right.get(row["offset"]) == tuple(row["measures"]), f"wrong for its prefix: {row}"
            elif table == "entities":
                counted = [o for o in self.truth.counted[*place, row["entity"]] if o <= row["offset"]]
                assert sorted(item[5] for item in orjson.loads(row["history"])) == counted, f"wrong for its prefix: {row}"
            elif table == "seen":
                assert self.truth.verdicts[*place, row["offset"]] == ("accepted", ""), f"not counted, but seen: {row}"
            elif table == "checkpoints":
                self._is_there(place, row["next"])

    def _is_there(self, place: tuple[str, int], following: int) -> None:
        """Everything the prefix says is in the tables."""
        found = panes(self)
        for key, versions in self.truth.versions.items():
            if key[4:] == place:
                offset = max((o for o in versions if o < following), default=-1)
                assert offset < 0 or (key in found and found[key][0] >= offset), (
                    f"a checkpoint at {following} without {key} at {offset}"
                )
        entities = {(r["topic"], r["partition"], r["entity"]): r["offset"] for r in self.tables["entities"].values()}
        for name, offsets in self.truth.counted.items():
            last = max((o for o in offsets if o < following), default=-1) if name[:2] == place else -1
            assert last <= entities.get(name, -1), f"a checkpoint at {following} without the history of {name} at {last}"
        seen = {(r["topic"], r["partition"], r["offset"]) for r in self.tables["seen"].values()}
        for record, verdict in self.truth.verdicts.items():
            if record[:2] == place and record[2] < following:
                assert record in self.tables["events"], f"a checkpoint at {following} without {record}"
                stateless = place[0] == brute.RAN and verdict == ("accepted", "")
                assert not stateless or record in seen, f"a checkpoint at {following} without the mark of {record}"
