"""Declared: a declaration that does not hold together says what is right, and all that it can reach is in its generation."""

from __future__ import annotations

import importlib
import linecache
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ioc import declared
from ioc.catalog import Catalog, generation, load
from ioc.cli.checking import declarations
from ioc.counting.samples import fault
from ioc.declared import check
from ioc.errors import DeclarationError, UsageError
from ioc.units.identity import Editions
from ioc.units.reading import home
from ioc.vocabulary import Count, Indicator, Look, Mean, Needed, Quantiles, Ratio, Rollup, above
from streams import dossiers
from streams.dossiers import STREAM
from tests.streams_queue import QUEUE

workdays = importlib.import_module("ioc.calendar.workdays")
"""No import of this module's own: functions that are declared here use no working days."""
ONE = replace(QUEUE.indicators[0], alert=None)


class Untimed(NamedTuple):
    """An item that does not begin with its time."""

    state: str


class Unknown(NamedTuple):
    """An item with a field the contract does not have."""

    time: int
    due: int


HERE = Path(__file__)


def _rolled(*rollups: Rollup) -> Any:
    return replace(QUEUE, rollups=rollups)


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (replace(QUEUE, columns=None), "declare either contributions"),
        (replace(STREAM, rank=None), "an item type and a rank"),
        (replace(STREAM, item=Untimed), "the first field of .* must be `time`"),
        (replace(STREAM, item=Unknown), "Dossier has no field 'due'; it has dossier, state"),
        (replace(QUEUE, dimensions=(), indicators=(replace(ONE, groupings=((),)),)), "declare at least one dimension"),
        (replace(QUEUE, dimensions=("desk", "desk")), "each name once"),
        (replace(QUEUE, dimensions=("desk", "Phòng ban")), "small letters"),
        (replace(QUEUE, dimensions=("desk", "value")), "'value' is a column or a measure already"),
        (replace(QUEUE, dimensions=("desk", "count")), "'count' is a column or a measure already"),
        (replace(QUEUE, indicators=()), "at least one indicator"),
        (replace(QUEUE, indicators=(replace(ONE, name="queue waiting"),)), "e.g. queue.received"),
        (replace(QUEUE, indicators=(replace(ONE, groupings=((), ("desk",), ("room",))),)), "no dimension 'room'; queue has desk"),
        (replace(QUEUE, indicators=(replace(ONE, value=Count(())),)), "at least one, and each name once"),
        (replace(QUEUE, indicators=(replace(ONE, value=Ratio("n", "whole")),)), "each name once"),
        (replace(QUEUE, indicators=(replace(ONE, value=Quantiles((0, 2, 1))),)), "edges of a histogram rise"),
        (
            replace(
                QUEUE,
                indicators=(
                    replace(ONE, groupings=(("desk",),), each=("desk",), looks=()),
                    replace(ONE, name="queue.ahead", looks=(Look("queue.waiting", ahead=1),)),
                ),
            ),
            "queue.waiting is told of each desk; so say each= here, too",
        ),
        (replace(QUEUE, indicators=(replace(ONE, unit="kbps"),)), "no unit 'kbps'; there are 1, hồ sơ, .*, kbit/s, dBm"),
        (replace(QUEUE, grain=0), "grain 0"),
        (replace(QUEUE, grain=7 * 60_000), "an hour is no whole number of grains of 420000 ms"),
        (replace(QUEUE, grain=2 * 3_600_000), "an hour is no whole number of grains"),
        (replace(QUEUE, data_files=(Path("nowhere.toml"),)), "nowhere.toml is not there"),
        (
            replace(QUEUE, indicators=(replace(ONE, alert=above(1, by=("floor",))),)),
            r"judged by \('floor',\), .*groupings are \(\)",
        ),
        (_rolled(Rollup("Tầng", of="desk", file=HERE)), "small letters"),
        (_rolled(Rollup("floor", of="desk", file=HERE), Rollup("floor", of="desk", file=HERE)), "each name once"),
        (_rolled(Rollup("window", of="desk", file=HERE)), "is a dimension, a column or a measure already"),
        (_rolled(Rollup("desk", of="desk", file=HERE)), "is a dimension, a column or a measure already"),
        (_rolled(Rollup("floor", of="room", file=HERE)), "no dimension 'room'; there are desk"),
        (_rolled(Rollup("floor", of="desk")), "declare either tree="),
        (_rolled(Rollup("floor", of="desk", tree=home())), "names a level of it: central, province, district, commune"),
        (_rolled(Rollup("floor", of="desk", file=Path("nowhere.toml"))), "nowhere.toml is not there"),
        (_rolled(Rollup("district", of="desk", tree=HERE.parent)), "ioc is not there"),
        (
            replace(
                _rolled(Rollup("floor", of="desk", file=HERE)),
                indicators=(replace(ONE, groupings=((),), alert=above(1, by=("floor",))),),
            ),
            r"judged by \('floor',\), which, or \('desk',\) below it, is not rolled",
        ),
        (
            replace(
                _rolled(Rollup("floor", of="desk", file=HERE)),
                indicators=(replace(ONE, value=Ratio("a", "b"), alert=above(1, by=("floor",))),),
            ),
            "only a count is the sum of its parts",
        ),
    ],
)
def test_a_declaration_that_does_not_hold_together_says_what_is_right(stream: Any, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        check(stream)
    with pytest.raises(DeclarationError, match=says):
        Catalog((stream,))


@pytest.mark.parametrize("stream", [*load().streams, QUEUE], ids=lambda s: s.name)
def test_the_declarations_at_hand_hold_together_and_count_their_samples(stream: Any) -> None:
    check(stream)
    assert fault(stream) is None


def test_what_is_told_of_each_value_of_a_dimension_is_never_rolled_over_it_nor_judged() -> None:
    """Its groupings, and that of its alert, name the dimension; and it is one of the stream."""
    for given in ({"groupings": ((), ("desk",))}, {"groupings": (("desk",),), "alert": above(1)}):
        with pytest.raises(DeclarationError, match=r"queue.waiting: \(\) sums over desk, of which it is told each"):
            replace(ONE, each=("desk",), **given)
    with pytest.raises(DeclarationError, match="each='room' is no dimension; there are desk"):
        check(replace(QUEUE, dimensions=("desk",), indicators=(replace(ONE, groupings=(), each=("room",)),)))


def _only(state: str, rows: Any) -> Callable[[Any], Any]:
    return lambda history: rows if [s.state for s in history][-1:] == [state] else dossiers.contributions(history)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"contributions": lambda history: [("dossier.received", ("a", "b", "c", "d", "e"), history[0].time, (1,))]},
            "IndexError",
        ),
        ({"contributions": lambda history: None}, r"contributions\(\[\]\) must be \[\]"),
        (
            {"contributions": _only("stopped", [("dossier.recieved", ("a", "b", "c", "d", "e"), 0, (1,))])},
            "no indicator 'dossier.recieved'",
        ),
        (
            {"contributions": _only("payment", [("dossier.received", ("a", "b", "c", "d", "e"), 0, (1, 2))])},
            "2 measures; it has 1",
        ),
        (
            {"contributions": _only("returned", [("dossier.received", ("a", "b", "c", "d", "e"), 0, (1.5,))])},
            "a measure is an integer",
        ),
        ({"rank": lambda step: {"received": 1}[step.state]}, "KeyError"),
        ({"lifecycle": lambda history: (None, None, None)}, "lifecycle gives"),
    ],
)
def test_a_declaration_is_tried_on_every_state_of_its_contract(change: dict[str, Any], says: str) -> None:
    found = fault(replace(STREAM, **change))
    assert found is not None
    assert "stream dossiers: " in found
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(found)


def test_columns_are_tried_on_a_frame_on_an_empty_one_and_on_single_events() -> None:
    assert "must hold integers" in str(
        fault(replace(QUEUE, columns=lambda f: {"queue.waiting": f.with_columns(at="_time", count=0.5)}))
    )
    assert "no indicator" in str(fault(replace(QUEUE, columns=lambda f: {"queue.wating": f})))
    empty = lambda f: 1 / 0 if f.is_empty() else QUEUE.columns(f)  # noqa: E731
    assert "ZeroDivisionError" in str(fault(replace(QUEUE, columns=empty)))  # type: ignore[arg-type]


# ---- a package of declarations on disk

DECLARATION = """
from pathlib import Path
from {package} import rules
from {package}.queue_demo import stock
from tests import streams_queue
from dataclasses import replace
from datetime import date
CALENDAR = Path(__file__).parent / "calendar.toml"
def columns(frame):
    return before(frame)
{name} = replace(streams_queue.QUEUE, columns=columns, data_files=({files}))
def before(frame):
    {body}
    return streams_queue.QUEUE.columns(frame)
def demo(chance, day):
    return [{told}]
"""


class Package:
    """A package like `streams`, with one declaration, a module of rules and a calendar."""

    name = "declared_for_a_test"

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        patch.syspath_prepend(str(folder))
        patch.setattr(sys, "dont_write_bytecode", True)
        self.place = folder / self.name
        self.place.mkdir()

    def write(
        self,
        *,
        name: str = "STREAM",
        files: str = "",
        body: str = "",
        rules: str = "",
        days: str = "off = []",
        told: str = "",
        kept: str = "",
    ) -> str:
        """Write it anew; what was loaded of it before is forgotten."""
        self.forget()
        (self.place / "__init__.py").write_text("")
        (self.place / "rules.py").write_text(rules)
        (self.place / "queue_demo.py").write_text(f"def stock(chance, day):\n    return [{kept}]\n")
        (self.place / "calendar.toml").write_text(days)
        (self.place / "queue.py").write_text(DECLARATION.format(package=self.name, name=name, files=files, body=body, told=told))
        return self.name

    def forget(self) -> None:
        """As in a new process."""
        for module in [m for m in sys.modules if m.startswith(self.name)]:
            del sys.modules[module]
        importlib.invalidate_caches()
        linecache.clearcache()
        for known in (declared._reached, declared._source, declared._parts):
            known.cache_clear()

    def generation(self, **more: str) -> str:
        """The generation of its stream."""
        (stream,) = load(self.write(**more)).streams
        return generation(stream)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Such a package in a folder of its own."""
    made = Package(tmp_path, monkeypatch)
    yield made
    made.forget()


def test_a_new_day_off_a_changed_rule_beside_or_below_the_declaration_makes_another_generation(package: Package) -> None:
    first = package.generation(files="CALENDAR,")
    assert package.generation(files="CALENDAR,") == first
    assert package.generation(files="CALENDAR,", days='off = ["2026-04-30"]') != first, "a data file"
    assert package.generation(files="CALENDAR,", rules="OFF = 1") != first, "a module that is imported"
    assert package.generation(files="CALENDAR,", rules="import holidays") != first, "a package that is imported"
    assert package.generation(files="CALENDAR,", body="frame = frame.head(1)") != first, "a function below the declaration"


def test_what_the_demo_sends_of_a_stream_is_none_of_the_code_that_counts(package: Package) -> None:
    first = package.generation(told="1")
    assert package.generation(told="2") == first
    assert package.generation(kept="1") == first, "what another module sends for it"
    assert package.generation(rules="OFF = 1") != first


def test_the_version_of_a_foreign_package_is_in_the_generation(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    first = package.generation(rules="import holidays")
    monkeypatch.setattr("ioc.declared.metadata.version", lambda name: "99")
    package.forget()
    assert package.generation(rules="import holidays") != first


def looking(value: object = Count(), *looks: Look, **more: Any) -> Indicator:
    """An indicator of the queue that looks at others."""
    return replace(ONE, name="queue.seen", value=value, looks=looks or (Look(ONE.name, ahead=1),), **more)


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda: Look("a", ahead=1, last=1), "or none of them"),
        (lambda: Look("a", ahead=-1), "at least 1"),
        (lambda: looking(level=False), "declare level=True"),
        (lambda: looking(Needed((1, 2), {(): 0})), "1 looks, and the value takes 2: by_day_1, by_day_2"),
        (lambda: looking(Needed((1,), {})), r"a limit of 0 or more for each of its groupings \[\(\), \('desk',\)\]"),
        (lambda: looking(Needed((1,), {(): -1, ("desk",): 1})), r"a limit of 0 or more for each of its groupings \[\(\)\]"),
        (lambda: replace(ONE, value=Needed((1,), {(): 0, ("desk",): 0})), "declare looks"),
        (lambda: check(replace(QUEUE, indicators=(ONE, looking(Count(), Look("queue.x"))))), "counts of queue: queue.waiting"),
        (lambda: check(replace(QUEUE, indicators=(ONE, looking(Mean(), *[Look(ONE.name)] * 3)))), "is a Count, Terms, Needed or"),
        (lambda: generation(replace(QUEUE, indicators=(ONE, looking()))), r"its looks use working days; add \S*calendar.toml"),
    ],
)  # fmt: skip
def test_a_look_that_cannot_be_is_told_what_is_right(declare: Callable[[], object], says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        declare()


def test_what_looks_are_computed_by_is_in_the_generation_and_their_words_are_not() -> None:
    here = Path(str(workdays.file()))
    of = lambda *looking: generation(replace(QUEUE, indicators=(ONE, *looking), data_files=(here,)))  # noqa: E731
    one = looking(Needed((1,), {(): 3, ("desk",): 1}))
    assert of(one) == of(replace(one, vi="Khác", alert=above(1)))
    others = [
        looking(Needed((2,), {(): 3, ("desk",): 1})),
        looking(Needed((1,), {(): 3, ("desk",): 2})),
        replace(one, looks=(Look(ONE.name, ahead=2),)),
    ]
    assert len({of(), of(one), *map(of, others)}) == 5


USES = ["from ioc.calendar.workdays import calendar", "def due(at):\n    from ioc.calendar import workdays"]
"""Ways in which contributions reach working days."""


def listed(path: Path | None = None) -> str:
    """The calendar in force as one of the data files of a declaration."""
    return f"Path({str(path or workdays.file())!r}),"


@pytest.mark.parametrize("rules", USES)
def test_a_stream_that_uses_working_days_names_the_calendar_among_its_data_files(package: Package, rules: str) -> None:
    with pytest.raises(DeclarationError, match=r"its contributions use working days; add \S*calendar.toml to its data_files"):
        package.generation(rules=rules, files="CALENDAR,")
    assert package.generation(rules=rules, files=listed())
    assert declarations(package.write(rules=USES[0], files=listed(), body="rules.calendar().due(1767225600000, 5)")) == []


def in_force(monkeypatch: pytest.MonkeyPatch, path: Path, text: str) -> None:
    """Another file is the calendar in force, as in a new process."""
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(workdays, "file", lambda: path)
    workdays.calendar.cache_clear()


@pytest.fixture
def own_calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the calendar, which is the one in force meanwhile."""
    path = tmp_path / "calendar.toml"
    in_force(monkeypatch, path, workdays.file().read_text(encoding="utf-8"))
    yield path
    workdays.calendar.cache_clear()


@pytest.mark.parametrize("module", sorted(declared.CALENDAR))
def test_a_changed_calendar_or_its_arithmetic_makes_another_generation(
    package: Package, own_calendar: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    first = package.generation(rules=USES[0], files=listed(own_calendar))
    in_force(monkeypatch, own_calendar, own_calendar.read_text(encoding="utf-8") + '2027-05-04 = ["Nghỉ bù", "Day off"]\n')
    second = package.generation(rules=USES[0], files=listed(own_calendar))
    known = declared._source
    changed = lambda name: f"{known(name)}\nMORE = 1" if name == module else known(name)  # noqa: E731
    monkeypatch.setattr(declared, "_source", cache(changed))
    assert len({first, second, package.generation(rules=USES[0], files=listed(own_calendar))}) == 3


def test_under_a_faulty_calendar_nothing_is_counted(
    package: Package, own_calendar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force(monkeypatch, own_calendar, own_calendar.read_text(encoding="utf-8") + "2027-05-04 = 1\n")
    line = own_calendar.read_text(encoding="utf-8").count("\n")
    with pytest.raises(UsageError, match=rf"calendar.toml:{line}: a name is Vietnamese and English"):
        package.generation(rules=USES[0], files=listed(own_calendar))


def test_the_days_on_which_editions_of_unit_codes_begin_are_in_the_generation_of_those_who_use_them(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = "from ioc.units.identity import identity"
    without, first = package.generation(), package.generation(rules=rules)
    monkeypatch.setattr("ioc.declared.editions", lambda: Editions((date(2004, 7, 8), date(2025, 7, 1), date(2030, 7, 1))))
    package.forget()
    assert package.generation(rules=rules) != first
    assert package.generation() == without


def test_a_rank_that_stands_in_the_declaration_is_in_the_generation() -> None:
    first = replace(STREAM, rank=lambda step: 1)
    second = replace(STREAM, rank=lambda step: 2)
    assert generation(first) != generation(second)
    assert generation(STREAM) == load().generations["dossiers"]


def test_the_words_of_boards_and_indicators_are_no_code_that_counts() -> None:
    counts = "\n".join(part for function in STREAM.functions for part in declared.code(function))
    boards = [b for b in (STREAM.board, *STREAM.more_boards) if b is not None]
    words = [f'"{board.vi}", "{board.en}"' for board in boards] + [f'"{i.vi}", "{i.en}"' for i in STREAM.indicators]
    assert [word for word in words if word in counts] == []


@pytest.mark.parametrize("part", ["begin", "advance", "say"])
def test_each_part_of_a_fold_is_in_the_generation(part: str) -> None:
    other: dict[str, Any] = {part: lambda *given: getattr(dossiers.contributions, part)(*given)}
    assert generation(replace(STREAM, contributions=replace(dossiers.contributions, **other))) != generation(STREAM)


def test_a_stream_that_is_not_named_stream_is_told_instead_of_left_out(package: Package) -> None:
    with pytest.raises(DeclarationError, match=r"queue: a module's stream is named STREAM, not stream; nothing would count it"):
        load(package.write(name="stream"))


@pytest.mark.parametrize("body", ["CALENDAR.read_text()", "open(CALENDAR, 'rb').close()"])
def test_a_file_that_contributions_read_must_be_declared(package: Package, body: str) -> None:
    assert declarations(package.write(body=body, files="CALENDAR,")) == []
    (found,) = declarations(package.write(body=body))
    assert "calendar.toml, which is not among its data_files" in found


def test_what_an_import_writes_is_no_file_that_a_declaration_reads(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    writing = "import pathlib\npathlib.Path(__file__).with_name('log').write_text('imported')"
    assert declarations(package.write(rules=writing)) == []
    assert list(package.place.glob("__pycache__/rules.*.pyc")), "its compiled code was written"


def test_a_place_where_an_import_looks_in_vain_is_no_file_that_a_declaration_reads(package: Package) -> None:
    looking = "import contextlib\nwith contextlib.suppress(OSError):\n    open('__editable__.finder.__path_hook__')"
    assert declarations(package.write(rules=looking)) == []


def test_a_file_that_is_read_at_import_must_be_declared(package: Package) -> None:
    reading = "import pathlib\nDAYS = (pathlib.Path(__file__).parent / 'calendar.toml').read_text()"
    assert declarations(package.write(rules=reading, files="CALENDAR,")) == []
    (found,) = declarations(package.write(rules=reading))
    assert "reads" in found
    assert "calendar.toml" in found
