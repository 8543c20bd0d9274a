"""Demo of business: a registry of Thanh Hóa as it might be, and the worked past of October 2022. It counts nothing."""

from __future__ import annotations

import tomllib
from bisect import bisect
from collections.abc import Callable, Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

from ioc.calendar.workdays import calendar
from ioc.times import DAY, HOUR, MINUTE, OFFSET, iso, to_ms
from ioc.vocabulary import Told

DATA = Path(__file__).parent / "data"
SECTORS, AGENCIES = DATA / "sectors.toml", DATA / "agencies.toml"
SENDER = "/doanhnghiep/thanhhoa"
LIFE = 60
"""Days within which all is told that happens to what came on a day."""
EXHIBITION = "TL-CDS"
"""The standing exhibition (triển lãm chuyển đổi số)."""
COMPANIES, AGREEMENTS, STANDS = 320, 40, 30
"""What there was before the demo's past; eight of the companies that show have two stands."""
PARTNERS = ("VNPT Thanh Hóa", "Viettel Thanh Hóa", "MobiFone Thanh Hóa", "Hiệp hội Doanh nghiệp tỉnh Thanh Hóa")
TOPICS = (
    "Chuyển đổi số doanh nghiệp nhỏ và vừa", "Phát triển hạ tầng số", "Thanh toán không dùng tiền mặt", "Đào tạo kỹ năng số",
    "Thương mại điện tử nông sản", "Du lịch thông minh",
)  # fmt: skip


def demo(chance: Callable[..., float], day: int) -> Iterator[Told]:
    """What happens on a day to the companies and agreements that came on it or in the weeks before, and to their stands."""
    begin = day * DAY - OFFSET
    for born in range(day - LIFE, day + 1):
        lives = [_joining(chance, born, n) for n in range(_count(chance, born))] + [_signing(chance, born)]
        yield from (one for life in lives for one in life if begin <= one.time < begin + DAY)


def stock(chance: Callable[..., float], day: int) -> Iterator[Told]:
    """The registry as it was before a day: companies, those of them that show with their stands, and agreements in force."""
    for n in range(COMPANIES):
        company, joined = f"DN-{n:05}", _at(day - 4 - int(60 * chance("stock", n)), chance("hour", n))
        places = _places(chance, "stock", n)
        yield _told(company, 1, joined, "company", "joined", **places)
        if n < STANDS - 8:
            yield _told(company, 2, joined + DAY, "company", "joined", exhibition=EXHIBITION)
            for stand in range(1 + (n < 8)):
                opened = joined + DAY + (stand + 1) * 10 * MINUTE
                yield _told(f"GH-{n:03}-{stand + 1}", 1, opened, "stand", "opened", exhibition=EXHIBITION, company=company,
                            field=places["field"])  # fmt: skip
    for n in range(AGREEMENTS):
        signed, until = (
            _at(day - 2 - int(60 * chance("signed", n)), chance("hour", "signed", n)),
            day + int(700 * chance("valid", n)),
        )
        yield _told(f"TT-{n:04}", 1, signed, "agreement", "signed", **_terms(chance, n, f"DN-{n:05}", until))


def past(chance: Callable[..., float]) -> Iterator[Told]:
    """The opening of 6 and 7 October 2022: 10 companies at 14 stands. Of the agreements signed there no report gives a number."""
    opened, closed = to_ms("2022-10-06T08:00:00+07:00"), to_ms("2022-10-07T17:00:00+07:00")
    shown: dict[str, object] = {"exhibition": "TL-2022-10-06"}
    for n in range(10):
        company = f"DN-2022-{n + 1:02}"
        yield _told(company, 1, opened, "company", "joined", **shown)
        yield _told(company, 2, closed, "company", "left", **shown)
    for n in range(14):
        stand = f"GH-2022-{n + 1:02}"
        yield _told(stand, 1, opened, "stand", "opened", company=f"DN-2022-{n % 10 + 1:02}", **shown)
        yield _told(stand, 2, closed, "stand", "closed", **shown)


def _told(subject: str, step: int, time: int, kind: str, state: str, **more: object) -> Told:
    return Told(time, SENDER, f"{subject}/{step}", {"subject": subject, "kind": kind, "state": state} | more)


def _count(chance: Callable[..., float], day: int) -> int:
    """How many companies join on a day: online, so on Sundays too."""
    return 5 + int((5 if calendar().works(day) else 3) * chance("companies", day))


def _joining(chance: Callable[..., float], born: int, n: int) -> Iterator[Told]:
    """A company that joins on a day: some show for some weeks at a stand or two, some leave the programme."""

    def luck(what: str) -> float:
        return chance("company", born, n, what)

    company, left = f"DN-{born}-{n:02}", born + 10 + int(30 * luck("stays"))
    evening = luck("evening") < (0.3 if calendar().works(born) else 0.5)
    joined = _at(born, luck("hour") / 2) + 10 * HOUR if evening else _at(born, luck("hour"))
    places = _places(chance, "company", born, n)
    yield _told(company, 1, joined, "company", "joined", **places)
    if luck("shows") < 0.09:
        first = _working(born + 2 + int(6 * luck("waits")))
        last = _working(first + 10 + int(14 * luck("shown")))
        opens, closes = _at(first, luck("opens")), _at(last, luck("closes"))
        yield _told(company, 2, opens, "company", "joined", exhibition=EXHIBITION)
        for stand in range(1 + (luck("two") < 0.4)):
            number, later = f"GH-{born}-{n:02}-{stand + 1}", (stand + 1) * 10 * MINUTE
            yield _told(
                number, 1, opens + later, "stand", "opened", exhibition=EXHIBITION, company=company, field=places["field"]
            )
            yield _told(number, 2, closes + later, "stand", "closed")
        yield _told(company, 3, closes + HOUR, "company", "left", exhibition=EXHIBITION)
        left = max(left, last + 1)
    if luck("leaves") < 0.12:
        yield _told(company, 4, _at(_working(left), luck("left")), "company", "left")


def _signing(chance: Callable[..., float], born: int) -> Iterator[Told]:
    """The agreement that is signed on some working days: a short one is often renewed, a long one seldom ended early."""

    def luck(what: str) -> float:
        return chance("agreement", born, what)

    if not calendar().works(born) or luck("signs") > 0.3:
        return
    agreement, valid = f"TT-{born}", 25 + int(700 * luck("valid") ** 2)
    terms = _terms(chance, born, f"DN-{born}-00", born + valid)
    yield _told(agreement, 1, _at(born, luck("hour")), "agreement", "signed", **terms)
    if valid <= 45 and luck("renewed") < 0.6:
        renewed = _at(_working(born + valid - 6), luck("renewal"))
        yield _told(agreement, 2, renewed, "agreement", "signed", until=_midnight(born + valid + 365))
    elif valid > 45 and luck("ended") < 0.1:
        yield _told(agreement, 2, _at(_working(born + 15 + int(25 * luck("end"))), luck("ends")), "agreement", "ended")


def _at(day: int, luck: float) -> int:
    """A time of a day between 8:00 and 16:00."""
    return day * DAY - OFFSET + 8 * HOUR + int(luck * 8 * 60) * MINUTE


def _working(day: int) -> int:
    """A day or, if offices are closed on it, the next one on which they are open."""
    while not calendar().works(day):
        day += 1
    return day


def _midnight(day: int) -> str:
    return iso(day * DAY - OFFSET)


def _places(chance: Callable[..., float], *what: object) -> dict[str, object]:
    """Where a company is and what it does: most are in towns."""
    listed, weights = _listed()
    commune = listed["communes"][bisect(weights, chance(*what, "commune") * weights[-1])]
    sector = listed["sector"][int(chance(*what, "sector") ** 1.4 * len(listed["sector"]))]
    return {"field": sector[0], "unit": commune[2], "agency": "000.00.05.H56"}


def _terms(chance: Callable[..., float], n: int, company: str, until: int) -> dict[str, object]:
    """Who signs what: a department or a commune, a company, and often a partner."""
    listed, weights = _listed()
    if chance("terms", n, "who") < 0.6:
        agency = listed["departments"][int(chance("terms", n, "department") * len(listed["departments"]))]
    else:
        agency = listed["communes"][bisect(weights, chance("terms", n, "commune") * weights[-1])]
    sector = listed["sector"][int(chance("terms", n, "sector") * len(listed["sector"]))]
    partner: dict[str, object] = {}
    if chance("terms", n, "partnered") < 0.7:
        partner = {"partner": PARTNERS[int(chance("terms", n, "partner") * len(PARTNERS))]}
    title = TOPICS[int(chance("terms", n, "topic") * len(TOPICS))]
    return {"field": sector[0], "agency": agency[0], "company": company, "until": _midnight(until), "title": title} | partner


@cache
def _listed() -> tuple[dict[str, list[list[str]]], list[float]]:
    """The rows of the files, and the weights of the communes, summed up."""
    listed = {k: v for file in (AGENCIES, SECTORS) for k, v in tomllib.loads(file.read_text(encoding="utf-8")).items()}
    return listed, [*accumulate(float(commune[3]) for commune in listed["communes"])]
