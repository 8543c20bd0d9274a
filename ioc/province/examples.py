"""Examples: worked pasts that streams tell (`Stream.pasts`), as events of a source of their own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from ioc.errors import UsageError
from ioc.province.incidents import chance
from ioc.province.text import Outgoing, event_of
from ioc.vocabulary import Stream

SEED = 2022


def names(streams: Iterable[Stream]) -> list[str]:
    """The examples there are."""
    return sorted({name for stream in streams for name in stream.pasts})


def source(name: str) -> str:
    """The source of an example's events: none that anybody else sends for, so that it can be told from all others."""
    return f"/example/{name}"


def telling(streams: Iterable[Stream], name: str) -> list[Stream]:
    """The streams that have a part in an example.  Raises UsageError naming those there are."""
    found = [stream for stream in streams if name in stream.pasts]
    if not found:
        there = ", ".join(names(streams)) or "none"
        raise UsageError(f"no example {name!r}; there are: {there}")
    return found


def events(streams: Sequence[Stream], name: str) -> Iterator[Outgoing]:
    """The events of an example, stream by stream; the same whenever they are asked for."""
    for stream in telling(streams, name):
        for one in stream.pasts[name](partial(chance, SEED)):
            yield event_of(stream.contract, one._replace(id=f"{stream.name}/{one.id}", source=source(name)))
