"""Radio events (mạng 5G): one event a measurement period of one cell, with named quantities and their units.

Names are those of 3GPP TS 28.552 where it has one; `COUNTERS` holds the unit and the range each must keep. Other
(vendor) names are accepted with any unit: they are archived and enter no indicator.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.envelope import Code, Envelope, Limit, NamedLimits, Strict, Text, Whole

COUNTERS: dict[str, Limit] = {
    "DRB.UEThpDl": Limit("kbit/s", 0, 100_000_000, "downlink throughput a user sees, TS 28.552 5.1.1.3.1"),
    "DRB.UEThpUl": Limit("kbit/s", 0, 100_000_000, "uplink throughput a user sees, TS 28.552 5.1.1.3.3"),
    "RRU.PrbTotDl": Limit(
        "%", 0, 100, "downlink resource blocks in use, TS 28.552 5.1.1.2.1 (a count above 100 is a known vendor error)"
    ),
    "RRU.PrbTotUl": Limit("%", 0, 100, "uplink resource blocks in use, TS 28.552 5.1.1.2.2"),
    "RSRP": Limit("dBm", -156, -31, "reference signal received power, TS 38.133 10.1.6"),
    "RSRQ": Limit("dB", -43, 20, "reference signal received quality, TS 38.133 10.1.11"),
    "SINR": Limit("dB", -50, 60, "signal to noise and interference, TS 38.133 10.1.16"),
    "CQI": Limit("1", 0, 15, "channel quality indicator, TS 38.214 5.2.2.1"),
    "RRC.ConnMean": Limit("1", 0, 1_000_000, "mean number of connected users, TS 28.552 5.1.1.4.1"),
    "RRC.ConnMax": Limit("1", 0, 1_000_000, "largest number of connected users, TS 28.552 5.1.1.4.2"),
    "DRB.PdcpSduVolumeDL": Limit("kbit", 0, 1e15, "downlink data volume, TS 28.552 5.1.2.1.1"),
    "DRB.PdcpSduVolumeUL": Limit("kbit", 0, 1e15, "uplink data volume, TS 28.552 5.1.2.1.2"),
    "PEE.AvgPower": Limit("W", 0, 1_000_000, "mean power, TS 28.552 5.1.1.19.2"),
    "PEE.Energy": Limit("kWh", 0, 1_000_000, "energy, TS 28.552 5.1.1.19.3"),
}
ATTEMPTS = {
    "RRC.ConnEstabSucc": "RRC.ConnEstabAtt",
    "UECNTX.ConnEstabSucc": "UECNTX.ConnEstabAtt",
    "DRB.EstabSucc": "DRB.EstabAtt",
    "MM.HoPrepInterSucc": "MM.HoPrepInterReq",
    "MM.HoExeInterSucc": "MM.HoExeInterReq",
    "MM.HoExeIntraSucc": "MM.HoExeIntraReq",
    "RM.RegInitSucc": "RM.RegInitReq",
}
"""A success is counted in the period of its attempt (TS 32.401 4.3.2), so there are never more of them."""
LIMITS = NamedLimits("measurements", COUNTERS, ATTEMPTS)
VECTOR = r"^(-?[0-9]+(\.[0-9]+)?)?(,(-?[0-9]+(\.[0-9]+)?)?)*$"
Rat = Literal["NR", "LTE", "UMTS", "GSM"]
"""Radio access technology: 5G, 4G, 3G, 2G."""


class Measurement(Strict):
    """One named quantity. Without a value: the network element had none to tell; that is not 0."""

    name: Annotated[str, Field(min_length=1, max_length=128, description="as in TS 28.552, or the vendor's own")]
    value: Annotated[float, Field(ge=-1e15, le=1e15)] | None = None
    unit: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=32,
                description="UCUM-like, as in TS 28.552; `1` for a plain count; left out where nobody knows it",
            ),
        ]
        | None
    ) = None
    vector: (
        Annotated[
            str,
            Field(pattern=VECTOR, max_length=65_536, description="several values in place of one (a histogram), e.g. 1,2,0"),
        ]
        | None
    ) = None


class Measured(Strict):
    """What one cell measured over one period that *begins* at the event's time."""

    cell: Annotated[Code, Field(description="cell identity, e.g. A4DF:B")]
    site: Annotated[Code, Field(description="site (gNB) the cell belongs to, e.g. A4DF")]
    period_s: Annotated[Whole, Field(ge=1, le=86_400, description="length of the period in seconds (granularity period)")]
    rat: Rat | None = None
    device: Annotated[Code, Field(description="measuring device or trace, for drive tests")] | None = None
    suspect: Annotated[bool, Field(description="TS 32.435: the network element doubts the values")] | None = None
    vendor: Annotated[Code, Field(description="whose counters these are: maps names that are not of TS 28.552")] | None = None
    object: Annotated[Text, Field(min_length=1, description="distinguished name (DN) of the measured object")] | None = None
    object_type: Annotated[Code, Field(description="class of the measured object, e.g. NRCellDU")] | None = None
    group: Annotated[Code, Field(description="what is measured together: measInfoId of TS 32.435")] | None = None
    measurements: Annotated[list[Measurement], Field(max_length=5_000)]

    @model_validator(mode="after")
    def keep_units(self) -> Measured:
        """Known names keep their unit and range: a PRB count reported as a percentage is refused, not averaged."""
        for i, m in enumerate(self.measurements):
            known = re.match(LIMITS.pattern, m.name)
            limit = COUNTERS[known[1]] if known else None
            if limit and (
                (m.unit != limit.unit and (m.unit is not None or m.value is not None))
                or (m.value is not None and not limit.low <= m.value <= limit.high)
            ):
                raise PydanticCustomError(
                    "unit_mismatch",
                    "{name} must be in {unit} between {low} and {high}, got {value} {got}",
                    {
                        "field": f"measurements.{i}",
                        "name": m.name,
                        "unit": limit.unit,
                        "low": limit.low,
                        "high": limit.high,
                        "value": m.value,
                        "got": m.unit,
                    },
                )
        return self

    @model_validator(mode="after")
    def keep_successes(self) -> Measured:
        """No more successes than attempts, where both are told."""
        told = {m.name: m.value for m in reversed(self.measurements) if m.value is not None}
        for i, m in enumerate(self.measurements):
            tried = LIMITS.attempted(m.name)
            if tried in told and told.get(m.name, 0) > told[tried]:
                raise PydanticCustomError(
                    "unit_mismatch",
                    "{name} counts {value} successes of {tried} {attempts}: a success is counted in the period of its attempt",
                    {
                        "field": f"measurements.{i}",
                        "name": m.name,
                        "value": told[m.name],
                        "tried": tried,
                        "attempts": told[tried],
                    },
                )
        return self


class RanMeasured(Envelope[Measured]):
    """A cell reported the measurements of one period."""

    event_type: ClassVar[str] = "vn.ioc.ran.measured.v1"
    topic: ClassVar[str] = "ioc.events.ran"
    entity_key: ClassVar[str] = "cell"
    limits: ClassVar[NamedLimits | None] = LIMITS

    type: Literal["vn.ioc.ran.measured.v1"]
