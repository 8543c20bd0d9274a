"""Demo state: which province a data folder's demo is, and how far it has been sent (`<data_dir>/demo.json`)."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ioc.catalog import load
from ioc.errors import UsageError
from ioc.province.model import Province
from ioc.settings import Settings


@dataclass(frozen=True)
class State:
    """What is needed to make the same province again, and to go on where the feed stopped."""

    seed: int
    anchor: int
    """Where the history ends, ms."""
    history_ms: int
    sent_until: int = 0
    """Kafka has every event due before this time (ms); those due at it may be sent again, with the same ids."""
    loaded: bool = False
    """The history is in Kafka, all of it."""


def _path(settings: Settings) -> Path:
    return settings.data_dir / "demo.json"


def remembered(settings: Settings) -> State | None:
    """The state of this data folder's demo, if it had one."""
    path = _path(settings)
    return State(**json.loads(path.read_text())) if path.exists() else None


def remember(settings: Settings, state: State) -> None:
    """Keep the state; a crash leaves the old one or the new one."""
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state)))
    os.replace(fresh, path)


def open_province(settings: Settings, seed: int, history_ms: int, now_ms: int, bad: float = 0.0005) -> Province:
    """The province of this data folder: the one begun here, else a new one whose history ends now.

    A begun demo keeps its history and its anchor.  Raises UsageError when it was begun with another seed.
    """
    state = remembered(settings)
    if state is None:
        province = Province(seed, now_ms, history_ms, bad, load().streams)
        remember(settings, State(seed, province.anchor, history_ms))
        return province
    if state.seed != seed:
        raise UsageError(
            f"the demo in {settings.data_dir} was begun with seed {state.seed}, not {seed}; "
            f"use --seed {state.seed}, or another IOC_DATA_DIR for another province"
        )
    return Province(state.seed, state.anchor, state.history_ms, bad, load().streams)


def state_of(settings: Settings, province: Province) -> State:
    """The state kept for this province; a new one if the folder knows none, or another one."""
    state = remembered(settings)
    if state and (state.seed, state.anchor) == (province.seed, province.anchor):
        return state
    return State(province.seed, province.anchor, province.anchor - province.start)


def moved(state: State, sent_until: int, loaded: bool | None = None) -> State:
    """The state with everything due before `sent_until` in Kafka."""
    return replace(state, sent_until=sent_until, loaded=state.loaded if loaded is None else loaded)
