"""VES measurements: the counters of measurement and perf3gpp events, by measured object, as data of `ran.measured`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ioc.gateway.ves_models import Collection, Header, Measurement, Perf3gpp, Result, Values
from ioc.gateway.ves_objects import code, element_of, number, parts, place, unit
from ioc.importing.results import result as read

Group = tuple[dict[str, Any], str, Callable[[int], str]]
"""Data without its period, where it comes from, and where its n-th measurement does."""
ARRAYS = {
    "codecUsageArray": "codecIdentifier",
    "cpuUsageArray": "cpuIdentifier",
    "diskUsageArray": "diskIdentifier",
    "filesystemUsageArray": "filesystemName",
    "hugePagesArray": "hugePagesIdentifier",
    "loadArray": "",
    "machineCheckExceptionArray": "vmIdentifier",
    "memoryUsageArray": "vmIdentifier",
    "nicPerformanceArray": "nicIdentifier",
    "processStatsArray": "processIdentifier",
}
"""Lists of what is measured of like objects, and what names the object."""
SINGLE = (
    "concurrentSessions", "configuredEntities", "meanRequestLatency", "nfcScalingMetric", "numberOfMediaPortsInUse",
    "requestRate",
)  # fmt: skip


class Unreadable(ValueError):
    """A result that is none: `field` is where it stands."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def period(said: Measurement | Perf3gpp, at: str) -> tuple[int, str]:
    """The length of the period in seconds, and where it stands."""
    if isinstance(said, Measurement):
        return said.measurementInterval, f"{at}.measurementInterval"
    return said.measDataCollection.granularityPeriod, f"{at}.measDataCollection.granularityPeriod"


def groups(
    header: Header, fields: dict[str, Any], said: Measurement | Perf3gpp, at: str
) -> tuple[list[Group], dict[str, Any] | None]:
    """What was measured, by object; and the fields that are no numbers, where there are any."""
    if isinstance(said, Perf3gpp):
        return _collected(header, said.measDataCollection, f"{at}.measDataCollection.measInfoList"), None
    return _measured(header, fields, at)


def _collected(header: Header, said: Collection, at: str) -> list[Group]:
    """A group of each object and `measInfo`."""
    found: list[Group] = []
    element = element_of(said.measuredEntityDn)
    for i, info in enumerate(said.measInfoList):
        names = info.measTypes.names
        group = code(info.measInfoId.text) if info.measInfoId and info.measInfoId.text else None
        for j, values in enumerate(info.measValuesList):
            where = f"{at}.{i}.measValuesList.{j}"
            results = [
                _result(result, names, f"{where}.measResults.{k}", f"{at}.{i}.measTypes")
                for k, result in enumerate(values.measResults)
            ]
            data = {**_object(header, said.measuredEntityDn, element, values), "group": group, "measurements": results}
            found.append((data, where, lambda k, where=where: f"{where}.measResults.{k}"))  # type: ignore[misc]
    return found


def _object(header: Header, entity: str, element: str, values: Values) -> dict[str, Any]:
    local = values.measObjInstId
    whole = ",".join(filter(None, [entity if "ManagedElement=" not in local and parts(entity) else "", local]))
    site, cell = place(whole, element)
    named = parts(local)
    return {
        "site": site,
        "cell": cell or site,
        "object": whole or None,
        "object_type": code(named[-1][0]) if named else None,
        "vendor": code(header.nfVendorName) if header.nfVendorName else None,
        "suspect": True if values.suspectFlag == "true" else None,
    }


def _result(result: Result, names: list[str], at: str, types: str) -> dict[str, Any]:
    if result.p > len(names):
        raise Unreadable(f"{at}.p", f"{result.p}: {types} names {len(names)} measurements")
    name = names[result.p - 1]
    if result.sValue is None:
        return _named(name, None if result.isNull else number(result.iValue if result.iValue is not None else result.rValue))
    try:
        value = read(result.sValue)
    except ValueError as error:
        raise Unreadable(f"{at}.sValue", str(error)) from None
    return {"name": name, "vector": value} if isinstance(value, str) else _named(name, value)


def _named(name: str, value: float | None) -> dict[str, Any]:
    """A measurement, with the unit of the standard where the name is one of its own."""
    if value is None:
        return {"name": name}
    known = unit(name)
    return {"name": name, "value": value, "unit": known} if known else {"name": name, "value": value}


def _measured(header: Header, fields: dict[str, Any], at: str) -> tuple[list[Group], dict[str, Any] | None]:
    """A group of each named map and each object of an array, one of the rest; and what is neither number nor empty."""
    found: list[Group] = []
    rest = {name: value for name, value in fields.items() if value not in ([], {}, None)}
    for name in ("measurementFieldsVersion", "measurementInterval", *SINGLE):
        rest.pop(name, None)
    single = [name for name in SINGLE if fields.get(name) is not None]
    if single:
        found.append(_group(header, None, {name: fields[name] for name in single}, at))
    maps = [(one["name"], one["hashMap"], "hashMap") for one in rest.pop("additionalMeasurements", [])]
    texts = [("additionalMeasurements", n, *one) for n, one in enumerate(maps)]
    for array, identifier in ARRAYS.items():
        for n, one in enumerate(rest.pop(array, [])):
            texts.append((array, n, str(one.get(identifier, n)), one, ""))
    for array, n, name, values, within in texts:
        numbers = {key: raw for key, raw in values.items() if key != ARRAYS.get(array) and number(raw) is not None}
        if numbers:
            about = name if within else f"{array}={name}"
            group = _group(header, about, numbers, ".".join(filter(None, [at, array, str(n), within])))
            if values.get("valuesAreSuspect") == "true":
                group[0]["suspect"] = True
            found.append(group)
        known = (*numbers, "valuesAreSuspect", ARRAYS.get(array))
        if more := {key: raw for key, raw in values.items() if key not in known and raw not in ("", None, [], {})}:
            rest.setdefault(array, []).append({"name": name, **more})
    return found, rest or None


def _group(header: Header, about: str | None, values: dict[str, Any], at: str) -> Group:
    site, cell = place(about or "", header.sourceName)
    names, named = list(values), parts(about or "")
    data = {
        "site": site,
        "cell": cell or site,
        "object": about or None,
        "object_type": code(named[-1][0]) if named else None,
        "vendor": code(header.nfVendorName) if header.nfVendorName else None,
        "measurements": [_named(name, number(value)) for name, value in values.items()],
    }
    return data, at, lambda n: f"{at}.{names[n]}"
