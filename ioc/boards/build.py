"""Build: the panels of a board from the declarations, each with its query, unit, thresholds and a stable id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ioc.boards import groups, sql
from ioc.boards.fields import (
    BarDefaults,
    Color,
    Colour,
    DataLink,
    Defaults,
    LineCustom,
    LineDefaults,
    Pattern,
    PatternMapping,
    Shown,
    Thresholds,
    ThresholdStep,
    Unit,
)
from ioc.boards.geomap import MapColor, MapConfig, MapLayer, MapOptions, MapPanel, MapSize, MapStyle, MapText
from ioc.boards.overrides import (
    BarFields,
    BelowProperty,
    FilledProperty,
    HiddenProperty,
    LineFields,
    MapFields,
    NameProperty,
    Override,
    StatFields,
    UnitProperty,
    WideProperty,
    override,
)
from ioc.boards.panel import NOWHERE, Target, panel_id, queried
from ioc.boards.panels import BarOptions, BarPanel, LinePanel, Reduce, Sizes, StatOptions, StatPanel
from ioc.boards.units import ENGLISH, UNITS
from ioc.boards.words import Words
from ioc.errors import DeclarationError
from ioc.vocabulary import Count, Indicator, Measured, Ratio, Stream

RANKED = 15
"""Groups of a ranking at most: more cannot be read from across a room."""
AHEAD = 5
"""Coming working days that are shown at most."""
BAND = 25
"""Per cent of the colour with which what lies between bounds is filled."""
CLOCK: Unit = "time:HH:mm:ss DD/MM"


@dataclass(frozen=True)
class Builder:
    """Makes panels in one language."""

    words: Words

    def title(self, indicator: Indicator) -> str:
        """The indicator's title."""
        return self.words.of(indicator.vi, indicator.en)

    def dimension(self, stream: Stream, name: str) -> str:
        """The title of a dimension."""
        return self.words.of(*stream.board.names[name]) if stream.board and name in stream.board.names else name

    def tile(self, stream: Stream, indicator: Indicator) -> StatPanel:
        """The value now, and small beside it the instant it counts to."""
        unit, decimals = self._unit(indicator)
        return StatPanel(
            id=panel_id(f"tile {indicator.name}"),
            title=self.title(indicator),
            description=_described(indicator),
            gridPos=NOWHERE,
            targets=queried(sql.tile(stream, indicator, self.words)),
            options=StatOptions(reduceOptions=Reduce(fields=""), textMode="value_and_name", text=Sizes(titleSize=14)),
            fieldConfig=StatFields(
                defaults=Defaults(unit=unit, decimals=decimals, noValue=self._without(indicator), color=_fixed("blue")),
                overrides=self._until("value", bounds=isinstance(indicator.value, Measured)),
            ),
        )

    def _without(self, indicator: Indicator) -> str:
        """What stands in the place of a value where there is none."""
        said = getattr(indicator.value, "without", None)
        return self.words.of(*said) if said else self.words.no_data

    def lines(self, stream: Stream, indicators: Sequence[Indicator]) -> LinePanel:
        """Indicators of one unit over time; the threshold of an alert is drawn where the line is of a group it judges."""
        if len({(i.unit, i.level) for i in indicators}) != 1:
            names = ", ".join(i.name for i in indicators)
            said = f"{names} do not fit into one panel; they need one unit, and levels by themselves"
            raise DeclarationError(f"board of {stream.name}: {said}")
        unit, decimals = self._unit(indicators[0])
        titles = {self.title(i): i for i in indicators}
        custom = LineCustom(
            lineInterpolation="stepAfter" if indicators[0].level else "linear",
            axisSoftMin=0 if indicators[0].unit != "dBm" else None,
        )
        return LinePanel(
            id=panel_id("lines " + " ".join(i.name for i in indicators)),
            title=f"{' · '.join(titles) if len(titles) < 3 else next(iter(titles)) + ', ...'} {self.words.over_time}",
            gridPos=NOWHERE,
            targets=(Target(queryType="timeseries", format=0, rawSql=sql.lines(stream, titles, self.words)),),
            fieldConfig=LineFields(
                defaults=LineDefaults(
                    unit=unit,
                    decimals=decimals,
                    max=None if unit != "percent" or any(_beyond(i) for i in indicators) else 100,
                    color=Color(mode="palette-classic"),
                    custom=custom,
                ),
                overrides=tuple(o for title, i in titles.items() for o in self._band(title, i)),
            ),
        )

    def _band(self, title: str, indicator: Indicator) -> tuple[Override, ...]:
        """What lies between the bounds is filled, without lines of its own."""
        _, *ends = sql.drawn(title, indicator, self.words)
        if not ends:
            return ()
        (_, low), (_, high) = ends
        bare = (WideProperty(value=0), FilledProperty(value=0), HiddenProperty())
        band = (WideProperty(value=0), FilledProperty(value=BAND), BelowProperty(value=low), HiddenProperty())
        return override(low, *bare), override(high, *band)

    def ranking(self, stream: Stream, indicator: Indicator, dimension: str) -> BarPanel:
        """The highest groups; those above the threshold of the indicator's alert are red."""
        known = dimension in stream.dimensions or (stream.rollup(dimension) and groups.shows(stream, indicator))
        if not known or stream.leaves((dimension,)) not in indicator.groupings:
            raise DeclarationError(f"board of {stream.name}: {indicator.name} is not rolled by {dimension}; see its groupings")
        unit, decimals = self._unit(indicator)
        titles = (self.dimension(stream, dimension), self.title(indicator))
        query = sql.ranking(stream, indicator, dimension, titles, RANKED, self.words)
        steps = [ThresholdStep(color="blue", value=None)]
        alert = getattr(indicator, "alert", None)
        if alert is not None and alert.by == (dimension,):
            steps += [ThresholdStep(color="orange", value=alert.clear), ThresholdStep(color="red", value=alert.threshold)]
        return BarPanel(
            id=panel_id(f"ranking {indicator.name} {dimension}"),
            title=f"{titles[1]} {self.words.ranked} {titles[0].lower()}",
            description=_described(indicator),
            gridPos=NOWHERE,
            targets=queried(query),
            options=BarOptions(xField=titles[0], colorByField=titles[1]),
            fieldConfig=BarFields(
                defaults=BarDefaults(
                    unit=unit,
                    decimals=decimals,
                    min=0 if indicator.unit != "dBm" else None,
                    thresholds=Thresholds(steps=tuple(steps)),
                )
            ),
        )

    def map(self, stream: Stream, indicator: Indicator, dimension: str) -> MapPanel:
        """The sites on air where they stand, by their value; those without one, too."""
        if not any(rollup.of == dimension and rollup.cells for rollup in stream.rollups):
            said = f"nothing says where the values of {dimension} stand; declare a rollup of it with cells="
            raise DeclarationError(f"board of {stream.name}: {said}")
        if (dimension,) not in indicator.groupings:
            raise DeclarationError(f"board of {stream.name}: {indicator.name} is not rolled by {dimension}; see its groupings")
        unit, decimals = self._unit(indicator)
        name, value = self.dimension(stream, dimension), self.title(indicator)
        style = MapStyle(color=MapColor(field=value), size=MapSize(field=value), text=MapText(field=name))
        share = unit == "percent" and not _beyond(indicator)
        return MapPanel(
            id=panel_id(f"map {indicator.name} {dimension}"),
            title=f"{value}: {self.words.on_map}",
            description=_described(indicator),
            gridPos=NOWHERE,
            targets=queried(sql.map_of(stream, indicator, dimension, (name, value), self.words)),
            options=MapOptions(layers=(MapLayer(name=value, config=MapConfig(style=style)),)),
            fieldConfig=MapFields(
                defaults=Defaults(
                    unit=unit,
                    decimals=decimals,
                    min=0 if share else None,
                    max=100 if share else None,
                    noValue=self._without(indicator),
                    color=Color(mode="continuous-BlYlRd"),
                )
            ),
        )

    def ahead(self, stream: Stream, indicator: Indicator) -> BarPanel:
        """A level now and at the end of the coming working days, as known now."""
        looking = {i.looks[0].ahead: i for i in stream.indicators if len(i.looks) == 1 and i.looks[0].of == indicator.name}
        seen = {n: one for n, one in sorted(looking.items()) if 0 < n <= AHEAD}
        if not seen:
            said = f"no indicator looks ahead at {indicator.name}; declare one with looks=(Look({indicator.name!r}, ahead=1),)"
            raise DeclarationError(f"board of {stream.name}: {said}")
        title = self.title(indicator)
        return BarPanel(
            id=panel_id(f"ahead {indicator.name}"),
            title=f"{title}: {self.words.coming}",
            description=_described(indicator),
            gridPos=NOWHERE,
            targets=queried(sql.ahead(stream, indicator, seen, self.words, title)),
            options=BarOptions(xField=self.words.day),
            fieldConfig=BarFields(defaults=BarDefaults(unit="none", decimals=0, min=0, color=_fixed("orange"))),
        )

    def state(self, uid: str) -> StatPanel:
        """Live, a run, or nothing comes in: coloured, over everything else. A click shows the board over the time of the data."""
        words = self.words
        colours: tuple[tuple[str, Colour], ...] = ((words.live, "green"), (words.no_data, "red"), (words.replay, "purple"))
        mappings = tuple(
            PatternMapping(options=Pattern(pattern=f"/^({text}.*)$/", result=Shown(text="$1", color=colour, index=n)))
            for n, (text, colour) in enumerate(colours)
        )
        span = "from=${__data.fields.begin}&to=${__data.fields.last}"
        link = DataLink(title=words.show_range, url=f"/d/{uid}?${{__all_variables}}&{span}")
        return StatPanel(
            id=panel_id("state"),
            title=words.state,
            gridPos=NOWHERE,
            targets=queried(sql.state(words)),
            options=StatOptions(
                reduceOptions=Reduce(fields="/^(?!(until|begin|last)$)/"),
                colorMode="background",
                textMode="value_and_name",
                text=Sizes(titleSize=14, valueSize=20),
            ),
            fieldConfig=StatFields(
                defaults=Defaults(noValue=words.no_data, mappings=mappings, links=(link,)),
                overrides=self._until("state"),
            ),
        )

    def _until(self, shown: str, bounds: bool = False) -> tuple[Override, ...]:
        """The time a row counts to is the name of its value: Grafana would draw a field of its own as large as the value. So are
        the bounds."""
        more = " · ${__data.fields.bounds}" if bounds else ""
        name = NameProperty(value=f"{self.words.until} ${{__data.fields.until}}{more}")
        also = (override("bounds", NameProperty(value=self.words.between)),) if bounds else ()
        return override(shown, name), override("until", UnitProperty(value=CLOCK)), *also

    def _unit(self, indicator: Indicator) -> tuple[Unit, int | None]:
        unit, decimals = UNITS[indicator.unit]
        if unit == "none" and not isinstance(indicator.value, Count):  # a mean or a share of what is counted
            decimals = None
        return (ENGLISH.get(unit, unit) if self.words.language == "en" else unit), decimals


def _fixed(colour: Colour) -> Color:
    return Color(mode="fixed", fixedColor=colour)


def _beyond(indicator: Indicator) -> bool:
    """Whether its per cents may be more than 100."""
    return isinstance(indicator.value, Ratio) and indicator.value.beyond


def _described(indicator: Indicator) -> str:
    """What is counted, and by which law."""
    return f"{indicator.name}: {indicator.rule}" + (f" ({indicator.legal})" if indicator.legal else "")
