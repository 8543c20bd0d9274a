"""Demo of tasks: what the leaders of Thanh Hóa might tell whom to do. It counts nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from ioc.calendar.workdays import calendar
from ioc.times import DAY, HOUR, MINUTE, OFFSET, iso, local_day
from ioc.vocabulary import Told

DATA = Path(__file__).parent / "data"
AGENCIES, ASSIGNERS = DATA / "agencies.toml", DATA / "assigners.toml"
LIFE = 70
"""Days within which a task of the demo is over."""
TITLES = (
    "Báo cáo tiến độ giải ngân vốn đầu tư công", "Xây dựng kế hoạch chuyển đổi số của ngành", "Rà soát thủ tục hành chính nội bộ",
    "Kiểm tra an toàn hồ đập trước mùa mưa lũ", "Tham mưu văn bản trả lời kiến nghị cử tri", "Báo cáo kết quả sản xuất vụ chiêm xuân",
    "Chuẩn bị nội dung phiên họp thường kỳ", "Xử lý vướng mắc giải phóng mặt bằng",
)  # fmt: skip


def demo(chance: Callable[..., float], day: int) -> Iterator[Told]:
    """What happens on a day to the tasks that were assigned on it or in the weeks before."""
    begin = day * DAY - OFFSET
    for born in range(day - LIFE, day + 1):
        for n in range(_count(chance, born)):
            yield from (one for one in _life(chance, born, n) if begin <= one.time < begin + DAY)


def _count(chance: Callable[..., float], day: int) -> int:
    """How many tasks are assigned on a day: on working days, most on Mondays after the meetings."""
    return 3 + int(5 * chance("tasks", day)) + 3 * (day % 7 == 4) if calendar().works(day) else 0


def _life(chance: Callable[..., float], born: int, n: int) -> Iterator[Told]:
    """The events of the n-th task of a day."""
    listed = _listed()
    number = f"NV-{born}-{n:02}"

    def luck(what: str) -> float:
        return chance("task", born, n, what)

    def told(step: int, time: int, state: str, **more: object) -> Told:
        return Told(time, "/nhiemvu/thanhhoa", f"{number}/{step}", {"task": number, "state": state} | more)

    def office(days: float, what: str) -> int:
        """A time in office hours so many days after it was assigned."""
        day = born + int(days)
        while not calendar().works(day):
            day += 1
        return day * DAY - OFFSET + 8 * HOUR + int(luck(what) * 8 * 60) * MINUTE

    department = listed["departments"][int(luck("who") ** 1.6 * len(listed["departments"]))][0]
    assigner = listed["assigner"][int(luck("by") * len(listed["assigner"]))][0]
    start, term = office(0, "start"), 5 + int(20 * luck("term"))
    due = local_day(office(term, "due")) * DAY - OFFSET + 17 * HOUR
    title = TITLES[int(luck("title") * len(TITLES))]
    yield told(1, start, "assigned", department=department, assigner=assigner, due_at=iso(due), title=title)
    yield told(2, start + int((1 + 5 * luck("accept")) * HOUR), "accepted")
    done = term * (0.35 + 0.75 * luck("done")) + (12 * luck("delay") if luck("late") < 0.12 else 0)
    if done > term and luck("extend") < 0.5:
        due += 7 * DAY
        extended = office(max(term - 1, 1), "extended")
        yield told(3, extended, "extended", due_at=iso(due))
        done = max(done, (extended - start) / DAY + 1)
    if luck("cancel") < 0.02:
        yield told(4, office(done, "end") + DAY, "cancelled")
        return
    yield told(4, ended := office(done + 1, "end"), "done")
    if luck("return") < 0.06:
        yield told(5, max(office(done + 3, "returned"), ended + HOUR), "returned")
        yield told(6, office(done + 6, "again"), "done")


@cache
def _listed() -> dict[str, list[list[str]]]:
    return {k: v for file in (AGENCIES, ASSIGNERS) for k, v in tomllib.loads(file.read_text(encoding="utf-8")).items()}
