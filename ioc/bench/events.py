"""Events of the benchmark: generated, the same for the same seed, about 300 bytes each.

`radio`: 200 cells of 5G pilot sites, each measured once a second, as the drive tests in the real logs are. `dossiers`: a
province in which a given number of dossiers are open at any time. One event in a thousand is a duplicate and one comes late.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator

import orjson

from ioc.times import DAY, HOUR, MINUTE, SECOND, iso

Pair = tuple[bytes, bytes]
"""Key and value of a record."""
CELLS = 200
ODD = 1_000
"""One event in so many is a duplicate, and one is late by up to ten minutes."""


def radio(count: int, end: int, seed: int = 1) -> Iterator[Pair]:
    """`count` radio events whose last is measured at `end` (ms), in order of time."""
    rng = random.Random(seed)  # noqa: S311 - the same events for everybody
    cells = [f"{0xA400 + i // 3:04X}:{i % 3:X}" for i in range(CELLS)]
    recent: deque[Pair] = deque(maxlen=ODD)
    begin = end // SECOND * SECOND - count // CELLS * SECOND
    for i in range(count):
        cell = cells[i % CELLS]
        at = begin + i // CELLS * SECOND
        odd = rng.randrange(ODD)
        if odd == 0 and recent:
            yield recent[0]
            continue
        if odd == 1:
            at -= rng.randrange(10) * MINUTE
        value = (
            f'{{"specversion":"1.0","id":"m-{seed}-{i}","source":"/pilot/5g","type":"vn.ioc.ran.measured.v1","time":"{iso(at)}",'
            f'"data":{{"cell":"{cell}","site":"{cell[:4]}","period_s":1,"rat":"{"LTE" if i % 4 == 0 else "NR"}",'
            f'"measurements":[{{"name":"DRB.UEThpDl","value":{rng.randrange(10_000, 900_000) / 10},"unit":"kbit/s"}}]}}}}'
        )
        pair = cell.encode(), value.encode()
        recent.append(pair)
        yield pair


def network(count: int, end: int, batch: int) -> Iterator[bytes]:
    """Bodies for `/eventListener/v7/eventBatch`: `count` events of VES, of gNBs of three cells each; in turn a heartbeat, a fault
    and a period's counters of its cells."""
    counters = [f"RRC.ConnEstab{what}.{n}" for n in range(5) for what in ("Att", "Succ")]
    results = [{"p": n, "sValue": str(99 + n % 2)} for n in range(1, len(counters) + 1)]
    values = [{"measObjInstId": f"GNBDUFunction=1,NRCellDU={cell}", "measResults": results} for cell in (1, 2, 3)]
    fault = {
        "faultFieldsVersion": "4.0", "alarmCondition": "Link down", "eventSeverity": "MAJOR", "eventSourceType": "other",
        "specificProblem": "Link down", "vfStatus": "Active",
    }  # fmt: skip
    told = []
    for i in range(count):
        site = f"gnb-{i // 3 % CELLS}"
        info = {"measInfoId": {"sMeasInfoId": "RRC"}, "measTypes": {"sMeasTypesList": counters}, "measValuesList": values}
        collection = {"granularityPeriod": 900, "measuredEntityDn": f"ManagedElement={site}", "measInfoList": [info]}
        domain, fields = (
            ("heartbeat", {"heartbeatFieldsVersion": "3.0", "heartbeatInterval": 60}),
            ("fault", fault),
            ("perf3gpp", {"perf3gppFieldsVersion": "1.0", "measDataCollection": collection}),
        )[i % 3]
        header = {
            "version": "4.1", "vesEventListenerVersion": "7.2.1", "domain": domain, "eventName": f"{domain}_gNB",
            "eventId": f"{domain}-{i}", "sequence": 0, "priority": "Normal", "sourceName": site, "reportingEntityName": site,
            "startEpochMicrosec": end * 1000, "lastEpochMicrosec": end * 1000,
        }  # fmt: skip
        told.append({"commonEventHeader": header, f"{domain}Fields": fields})
        if len(told) == batch or i == count - 1:
            yield orjson.dumps({"eventList": told})
            told = []


def dossier_step(count: int) -> int:
    """Milliseconds between two of `count` dossier events: all of them take thirty days."""
    return max(30 * DAY // count, 1)


def dossiers(count: int, end: int, opened: int, seed: int = 1, step: int | None = None) -> Iterator[Pair]:
    """`count` dossier events, one every `step`, whose last happens at `end` (ms); after the first `opened` events, so many
    dossiers are open.

    Each dossier is received, processed three times on average, and completed; then the next one is received.
    """
    rng = random.Random(seed)  # noqa: S311 - the same events for everybody
    step = step or dossier_step(count)
    begin = end - count * step
    recent: deque[Pair] = deque(maxlen=ODD)
    alive: list[str] = []
    made = 0
    for i in range(count):
        at = begin + i * step
        odd = rng.randrange(ODD)
        if odd == 0 and recent:
            yield recent[0]
            continue
        turn = rng.randrange(5)
        if len(alive) < opened or (turn == 0 and len(alive) == opened):
            name = f"H56.{made % 40:02}-{seed}-{made:08}"
            alive.append(name)
            made += 1
            said = f'"state":"received","agency":"000.00.{made % 40:02}.H56","procedure":"1.{made % 25:06}",' + (
                f'"channel":"{("online", "counter", "post")[made % 3]}","due_at":"{iso(at + 15 * DAY)}"'
            )
        else:
            place = rng.randrange(len(alive))
            name = alive[place]
            if turn == 1 and len(alive) >= opened:
                alive[place] = alive[-1]
                alive.pop()
                said = '"state":"completed","activity":"Trả kết quả tại bộ phận một cửa"'
            else:
                said = f'"state":"processing","department":"Phòng {place % 9}","activity":"Thẩm định hồ sơ"'
        if odd == 1:
            at -= rng.randrange(HOUR)
        value = (
            f'{{"specversion":"1.0","id":"d-{seed}-{i}","source":"/portal/thanhhoa","type":"vn.ioc.dossier.changed.v1",'
            f'"time":"{iso(at)}","data":{{"dossier":"{name}",{said}}}}}'
        )
        pair = name.encode(), value.encode()
        recent.append(pair)
        yield pair
