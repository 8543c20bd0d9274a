"""Tables: the data files of dossiers beside the calendar, as they may be; a fault names the file, the line and what is right."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from ioc.tomls import Strict, load
from schemas.dossier import ServiceLevel
from schemas.envelope import Code

DATA = Path(__file__).parent / "data"
RULES, PROCEDURES, RESULTS = DATA / "dossiers.toml", DATA / "procedures.toml", DATA / "index766.toml"


class Rules(Strict):
    """`dossiers.toml`."""

    due_soon_days: Annotated[int, Field(ge=0, le=250)]
    """Working days before its due time from which on a dossier is due soon."""
    payment_pauses: bool
    """Whether the clock stands still while a payment is waited for."""
    reappointments: Annotated[int, Field(ge=0, le=1_000)]
    """How often a dossier may be given a new due time with an apology."""


class Procedure(Strict):
    """A procedure: what counts of it (`days`, `fee`), how it is grouped, and how many the demo makes."""

    code: Code
    name: Annotated[str, Field(min_length=1)]
    field: Annotated[str, Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=2_500)]
    """Its time limit (thời hạn giải quyết), in working days."""
    fee: bool
    level: ServiceLevel
    at: str
    online: Annotated[float, Field(ge=0, le=1)]
    weight: Annotated[float, Field(ge=0)]
    department: str
    automatic: bool = False
    """Whether the portal answers by itself what comes online, at any hour."""


class _Procedures(Strict):
    procedure: list[Procedure]

    @model_validator(mode="after")
    def _each_once(self) -> _Procedures:
        codes = [procedure.code for procedure in self.procedure]
        if doubled := [code for code in codes if codes.count(code) > 1]:
            raise ValueError(f"procedure {doubled[0]} is there twice")
        return self


class Results(Strict):
    """`index766.toml`."""

    no_written_result: list[Code]
    """Procedures whose result is no written paper."""


@cache
def rules() -> Rules:
    """What `streams/data/dossiers.toml` says.  Raises UsageError, as the others."""
    return load(RULES, Rules, f"streams/data/{RULES.name}")


@cache
def procedures() -> tuple[Procedure, ...]:
    """What `streams/data/procedures.toml` says."""
    return tuple(load(PROCEDURES, _Procedures, f"streams/data/{PROCEDURES.name}").procedure)


@cache
def results() -> Results:
    """What `streams/data/index766.toml` says."""
    return load(RESULTS, Results, f"streams/data/{RESULTS.name}")


def read() -> None:
    """Read all of them: what is wrong is told before anything is counted, not as a reject of every event."""
    rules(), procedures(), results()
