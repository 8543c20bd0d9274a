"""VES models: what the common event format (30.x) asks of an event: its header, and the fields of each domain.

They are as strict as the standard's own schema: a field it does not have is refused, so that a misspelt one is not lost. Of the
domains that are only archived, the fields are known that must be there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from schemas.envelope import Whole

LATEST_US = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
NUMBER = 1e15
Microseconds = Annotated[float, Field(ge=0, le=LATEST_US)]
Words = Annotated[str, Field(min_length=1, max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
"""A name of which an identity is made."""
HashMap = dict[str, str]
HEADER_VERSION, LISTENER_VERSION = r"^4(\.[0-9]+){1,2}$", r"^7(\.[0-9]+){1,2}$"
PATTERNS = {
    HEADER_VERSION: "must be the version of a header 4.x: 4.0, 4.0.1 or 4.1",
    LISTENER_VERSION: "must be a version 7.x of the interface: 7.0 to 7.2.1",
}
"""What is said of a version that is another."""
Flag = Literal["true", "false"]


class Ves(BaseModel):
    """No conversion, no unknown fields, no NaN."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class Header(Ves):
    """`commonEventHeader`, version 4.x."""

    domain: str
    eventId: Name
    eventName: Words
    eventType: str | None = None
    internalHeaderFields: dict[str, Any] | None = None
    lastEpochMicrosec: Microseconds
    nfcNamingCode: str | None = None
    nfNamingCode: str | None = None
    nfVendorName: str | None = None
    priority: Literal["High", "Medium", "Normal", "Low"]
    reportingEntityId: str | None = None
    reportingEntityName: str
    sequence: Annotated[Whole, Field(ge=0, lt=9_000_000_000_000_000_000)]
    sourceId: str | None = None
    sourceName: Name
    startEpochMicrosec: Microseconds
    stndDefinedNamespace: str | None = None
    timeZoneOffset: str | None = None
    version: Annotated[str, Field(pattern=HEADER_VERSION)]
    vesEventListenerVersion: Annotated[str, Field(pattern=LISTENER_VERSION)]

    @model_validator(mode="after")
    def names_its_standard(self) -> Header:
        """What another standard defines says which one."""
        if self.domain == "stndDefined" and not self.stndDefinedNamespace:
            raise PydanticCustomError("missing", "Field required", {"field": "stndDefinedNamespace"})
        return self


class Fault(Ves):
    """`faultFields`."""

    faultFieldsVersion: str
    alarmCondition: Words
    alarmInterfaceA: str | None = None
    eventCategory: str | None = None
    eventSeverity: Literal["CRITICAL", "MAJOR", "MINOR", "WARNING", "NORMAL"]
    eventSourceType: str
    specificProblem: str
    vfStatus: Literal["Active", "Idle", "Preparing to terminate", "Ready to terminate", "Requesting termination"]
    alarmAdditionalInformation: HashMap | None = None


class Heartbeat(Ves):
    """`heartbeatFields`; a heartbeat may come without any."""

    heartbeatFieldsVersion: str
    heartbeatInterval: Annotated[Whole, Field(ge=0, le=31_536_000)]
    additionalFields: HashMap | None = None


class NamedHashMap(Ves):
    """Named values, all of them texts."""

    name: str
    hashMap: HashMap


class Notification(Ves):
    """`notificationFields`."""

    notificationFieldsVersion: str
    changeIdentifier: str
    changeType: str
    changeContact: str | None = None
    newState: str | None = None
    oldState: str | None = None
    stateInterface: str | None = None
    additionalFields: HashMap | None = None
    arrayOfNamedHashMap: list[NamedHashMap] | None = None


Objects = list[dict[str, Any]]
Quantity = Annotated[float, Field(ge=-NUMBER, le=NUMBER)]


class Measurement(Ves):
    """`measurementFields`."""

    measurementFieldsVersion: str
    measurementInterval: Annotated[Whole, Field(ge=1, le=86_400)]
    additionalFields: HashMap | None = None
    additionalMeasurements: list[NamedHashMap] | None = None
    additionalObjects: Objects | None = None
    codecUsageArray: Objects | None = None
    concurrentSessions: Quantity | None = None
    configuredEntities: Quantity | None = None
    cpuUsageArray: Objects | None = None
    diskUsageArray: Objects | None = None
    featureUsageArray: HashMap | None = None
    filesystemUsageArray: Objects | None = None
    hugePagesArray: Objects | None = None
    ipmi: dict[str, Any] | None = None
    latencyDistribution: Objects | None = None
    loadArray: Objects | None = None
    machineCheckExceptionArray: Objects | None = None
    meanRequestLatency: Quantity | None = None
    memoryUsageArray: Objects | None = None
    nfcScalingMetric: Quantity | None = None
    nicPerformanceArray: Objects | None = None
    numberOfMediaPortsInUse: Quantity | None = None
    processStatsArray: Objects | None = None
    requestRate: Quantity | None = None


class InfoId(Ves):
    """Which measurements belong together, by name or by number."""

    sMeasInfoId: str | None = None
    iMeasInfoId: int | None = None

    @property
    def text(self) -> str:
        """The name, or the number as one."""
        return self.sMeasInfoId or ("" if self.iMeasInfoId is None else str(self.iMeasInfoId))


class Types(Ves):
    """Names of measurements; a result names its place among them, from 1."""

    sMeasTypesList: list[str] | None = None
    iMeasTypesList: list[int] | None = None

    @property
    def names(self) -> list[str]:
        """The names, also of those that are numbers."""
        return self.sMeasTypesList if self.sMeasTypesList is not None else [str(number) for number in self.iMeasTypesList or ()]


class Result(Ves):
    """One result, in one of four forms."""

    p: Annotated[int, Field(ge=1)]
    sValue: str | None = None
    iValue: Annotated[int, Field(ge=-(10**15), le=10**15)] | None = None
    rValue: Quantity | None = None
    isNull: Flag | None = None

    @model_validator(mode="after")
    def one_form(self) -> Result:
        """A result has one form."""
        if sum(value is not None for value in (self.sValue, self.iValue, self.rValue, self.isNull)) != 1:
            raise PydanticCustomError("form", "a result has one of sValue, iValue, rValue and isNull")
        return self


class Values(Ves):
    """The results of one measured object."""

    measObjInstId: str
    measResults: list[Result]
    suspectFlag: Flag | None = None
    measObjAddlFlds: HashMap | None = None


class Info(Ves):
    """What is measured together, of several objects."""

    measInfoId: InfoId | None = None
    measTypes: Types
    measValuesList: list[Values]
    jobId: str | None = None


class Collection(Ves):
    """`measDataCollection`: one granularity period of one element."""

    granularityPeriod: Annotated[Whole, Field(ge=1, le=86_400)]
    measuredEntityDn: Annotated[str, Field(min_length=1)]
    measInfoList: list[Info]
    formatVersion: str | None = None
    measObjInstIdList: list[str] | None = None
    measuredEntitySoftwareVersion: str | None = None
    measuredEntityUserName: str | None = None


class Perf3gpp(Ves):
    """`perf3gppFields`."""

    perf3gppFieldsVersion: str
    measDataCollection: Collection
    eventAddlFields: HashMap | None = None


class StndDefined(Ves):
    """`stndDefinedFields`: `data` is what another standard says."""

    stndDefinedFieldsVersion: str
    schemaReference: str | None = None
    data: dict[str, Any]


def _archived(name: str, *required: str) -> type[BaseModel]:
    """The model of a domain that is only archived."""
    fields: dict[str, Any] = dict.fromkeys(required, (Any, ...))
    return create_model(name, __config__=ConfigDict(extra="allow", defer_build=True), **fields)


DOMAINS: dict[str, type[BaseModel]] = {
    "fault": Fault,
    "heartbeat": Heartbeat,
    "measurement": Measurement,
    "notification": Notification,
    "perf3gpp": Perf3gpp,
    "stndDefined": StndDefined,
    "mobileFlow": _archived(
        "MobileFlow", "mobileFlowFieldsVersion", "flowDirection", "gtpPerFlowMetrics", "ipProtocolType", "ipVersion",
        "otherEndpointIpAddress", "otherEndpointPort", "reportingEndpointIpAddr", "reportingEndpointPort",
    ),
    "other": _archived("Other", "otherFieldsVersion"),
    "pnfRegistration": _archived("PnfRegistration", "pnfRegistrationFieldsVersion"),
    "sipSignaling": _archived(
        "SipSignaling", "sipSignalingFieldsVersion", "correlator", "localIpAddress", "localPort", "remoteIpAddress",
        "remotePort", "vendorNfNameFields",
    ),
    "stateChange": _archived("StateChange", "stateChangeFieldsVersion", "newState", "oldState", "stateInterface"),
    "syslog": _archived("Syslog", "syslogFieldsVersion", "eventSourceType", "syslogMsg", "syslogTag"),
    "thresholdCrossingAlert": _archived(
        "ThresholdCrossingAlert", "thresholdCrossingFieldsVersion", "additionalParameters", "alertAction", "alertDescription",
        "alertType", "collectionTimestamp", "eventSeverity", "eventStartTimestamp",
    ),
    "voiceQuality": _archived(
        "VoiceQuality", "voiceQualityFieldsVersion", "calleeSideCodec", "callerSideCodec", "correlator", "midCallRtcp",
        "vendorNfNameFields",
    ),
}  # fmt: skip
"""The model of each domain's fields, which stand in `<domain>Fields`."""


class Notice(BaseModel):
    """What every notification of 3GPP has (TS 28.532, TS 28.111). `href` comes as a text and as a number."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False, defer_build=True)

    href: str | int
    notificationId: int | str
    notificationType: str
    eventTime: str
    systemDN: str


class AlarmNotice(Notice):
    """A notification about an alarm: TS 28.532 (Rel-16) and TS 28.111 (Rel-18) name the same fields."""

    alarmId: Annotated[str, Field(min_length=1, max_length=500)]
    alarmType: Literal[
        "COMMUNICATIONS_ALARM", "QUALITY_OF_SERVICE_ALARM", "PROCESSING_ERROR_ALARM", "EQUIPMENT_ALARM", "ENVIRONMENTAL_ALARM",
        "INTEGRITY_VIOLATION", "OPERATIONAL_VIOLATION", "PHYSICAL_VIOLATION", "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
        "TIME_DOMAIN_VIOLATION",
    ]  # fmt: skip
    probableCause: Annotated[str, Field(min_length=1)] | int
    specificProblem: str | int | None = None
    perceivedSeverity: Literal["INDETERMINATE", "CRITICAL", "MAJOR", "MINOR", "WARNING", "CLEARED"]
    trendIndication: Literal["MORE_SEVERE", "NO_CHANGE", "LESS_SEVERE"] | None = None
    backedUpStatus: bool | None = None
    rootCauseIndicator: bool | None = None


class AckNotice(AlarmNotice):
    """Somebody acknowledged an alarm, or took that back."""

    ackState: Literal["ACKNOWLEDGED", "UNACKNOWLEDGED"]


class File(BaseModel):
    """A file that can be fetched."""

    model_config = ConfigDict(strict=True, extra="allow", defer_build=True)

    fileLocation: Annotated[str, Field(min_length=1)]
    fileSize: int | str | None = None


class FileNotice(Notice):
    """Files are ready."""

    fileInfoList: Annotated[list[File], Field(min_length=1)]


NOTICES: dict[str, type[Notice]] = {
    "notifyNewAlarm": AlarmNotice,
    "notifyChangedAlarm": AlarmNotice,
    "notifyChangedAlarmGeneral": AlarmNotice,
    "notifyClearedAlarm": AlarmNotice,
    "notifyAckStateChanged": AckNotice,
    "notifyFileReady": FileNotice,
}
"""The notifications that are judged; the others are archived as they came."""
