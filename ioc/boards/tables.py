"""Tables: the panels that list what is no number of a stream: alerts, and who sends."""

from __future__ import annotations

from collections.abc import Iterable

from ioc.alerting.judge import REMOVED
from ioc.boards import sql
from ioc.boards.fields import CellDefaults, CellOptions, Shown, Thresholds, ThresholdStep, Unit, ValueMapping
from ioc.boards.overrides import (
    CellFields,
    CellProperty,
    MappingsProperty,
    NoValueProperty,
    ThresholdsProperty,
    UnitProperty,
    column,
)
from ioc.boards.panel import NOWHERE, panel_id, queried
from ioc.boards.panels import TablePanel
from ioc.boards.words import Words
from ioc.catalog import REJECTS
from ioc.vocabulary import Indicator, Stream

TIME: Unit = "time:DD/MM/YYYY HH:mm"
CLOCK: Unit = "time:HH:mm:ss DD/MM"


def alerts(words: Words, indicators: Iterable[Indicator]) -> TablePanel:
    """Alerts, those that hold first."""
    since, state, _, _, value, threshold, until = words.alert_columns
    states = {
        "firing": Shown(text=words.firing, color="red"),
        "resolved": Shown(text=words.resolved, color="green", index=1),
        REMOVED: Shown(text=words.rule_removed, color="green", index=2),
    }
    coloured = CellProperty(value=CellOptions(type="color-background"))
    return TablePanel(
        id=panel_id("alerts"),
        title=words.alerts,
        gridPos=NOWHERE,
        targets=queried(sql.alerts(words, {i.name: words.of(i.vi, i.en) for i in indicators})),
        fieldConfig=CellFields(
            defaults=CellDefaults(noValue=words.no_alerts),
            overrides=(
                column(since, 130, UnitProperty(value=TIME)),
                column(state, 135, MappingsProperty(value=(ValueMapping(options=states),)), coloured),
                column(value, 70, UnitProperty(value="none")),
                column(threshold, 70, UnitProperty(value="none")),
                column(until, 130, UnitProperty(value=TIME), NoValueProperty(value="–")),
            ),
        ),
    )


def feeds(words: Words, streams: Iterable[Stream], *, contacts: bool = False) -> TablePanel:
    """Who sends, how fresh it is, and what was refused."""
    topic, _, last, freshness, accepted, duplicate, rejected = words.feed_columns
    # a topic of several streams is called as the one that has its name
    named = sorted((s for s in streams if s.board), key=lambda s: s.topic.endswith(f".{s.name}"))
    titles = {s.topic: words.of(s.board.vi, s.board.en) for s in named if s.board} | {REJECTS: words.unknown}
    refused = Thresholds(steps=(ThresholdStep(color="text", value=None), ThresholdStep(color="red", value=1)))
    coloured = CellProperty(value=CellOptions(type="color-text"))
    return TablePanel(
        id=panel_id("feeds"),
        title=words.feeds,
        gridPos=NOWHERE,
        targets=queried(sql.feeds(words, titles, contacts)),
        fieldConfig=CellFields(
            defaults=CellDefaults(noValue=words.no_data),
            overrides=(
                column(topic, 100),
                column(last, 125, UnitProperty(value=CLOCK)),
                column(freshness, 75, UnitProperty(value="s")),
                *(column(name, 65, UnitProperty(value="none")) for name in (accepted, duplicate)),
                column(rejected, 75, UnitProperty(value="none"), ThresholdsProperty(value=refused), coloured),
            ),
        ),
    )
