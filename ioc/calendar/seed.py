"""Seed: lines of a calendar file as PyPI `holidays` has them: what a first file is made from, or a new year begins with. Pure.

What the package takes for a rule and what was decreed it does not tell apart: whoever puts the lines into the file in force
compares them with the decision of the year. After that the file alone counts.
"""

from __future__ import annotations

from datetime import date

LAST = 2099
"""The package has no lunar year after it."""


def lines(years: range) -> tuple[list[str], list[str]]:
    """The lines below `[closed]` and `[open]` for these years."""
    import holidays  # only here: what it holds decides no number

    vi, en = (holidays.country_holidays("VN", years=years, language=language) for language in ("vi", "en_US"))
    swaps = {closed: worked for worked, closed in _swaps(years).items()}
    closed, opened = [], []
    for day in sorted(day for day in vi if day.year in years):
        names = [vi[day], en[day]]
        if day in swaps:
            names = [f"Nghỉ hoán đổi, làm bù ngày {swaps[day]:%d/%m/%Y}", f"Day off, worked on {swaps[day]} instead"]
        closed.append(f"{day} = {_texts(names)}")
    for worked, instead in sorted(_swaps(years).items()):
        names = [f"Làm bù cho ngày {instead:%d/%m/%Y}", f"Worked instead of {instead}"]
        opened.append(f"{worked} = {{ instead_of = {instead}, name = {_texts(names)} }}")
    return closed, opened


def _swaps(years: range) -> dict[date, date]:
    """The day off that each day worked instead stands for."""
    import holidays

    found = {}
    for year, given in holidays.countries.vietnam.VietnamStaticHolidays.special_public_holidays.items():
        for month, day, *worked in given if isinstance(given[0], tuple) else (given,):
            instead = date(year, month, day)
            found[date(worked[2] if len(worked) > 2 else year, worked[0], worked[1])] = instead
    return {worked: instead for worked, instead in found.items() if worked.year in years}


def _texts(names: list[str]) -> str:
    return "[" + ", ".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names) + "]"
