"""Folds: a history is walked event by event, and of two lives only what differs is told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Generic, TypeVar

from ioc.rules import Dims
from ioc.values import Measures

Contribution = tuple[str, Dims, int, Measures]
"""Indicator, dimensions, `at` (ms), measures (integers, scaled by the declared unit)."""
Contributions = dict[tuple[str, Dims, int], Measures]  # rows summed by (indicator, dimensions, at)
Lifecycle = tuple[int | None, int | None, int | None, Dims]
"""When an entity was opened, when it ended, when it is due (ms), and its dimensions."""
Said = TypeVar("Said", covariant=True)
Part = tuple[Any, ...]
"""A part of what an entity adds: a function that gives its rows, and the arguments."""


@dataclass(frozen=True)
class Fold(Generic[Said]):
    """A function of a history that takes its events one by one, so that no event asks for a walk through all of a life.

    `begin()`: the life before its first event. `advance(life, item)`: the life after one more; the very object it was given where
    the event changes nothing. That object is never changed itself (a NamedTuple cannot be). `say(life)`: the answer.
    `apart(a, b)`: the answers of two lives, without rows that both plainly have, where to tell only these takes less time.

    >>> longest = Fold(str, lambda life, item: item if len(item) > len(life) else life, str.upper)
    >>> longest(["a", "long", "life"])
    'LONG'
    """

    begin: Callable[[], Any]
    advance: Callable[[Any, Any], Any]
    say: Callable[[Any], Said]
    apart: Callable[[Any, Any], tuple[Said, Said]] | None = None

    def __call__(self, history: Sequence[Any]) -> Said:
        """The answer after all of the history."""
        return self.say(self.life(history))

    def life(self, history: Sequence[Any]) -> Any:
        """The life after all of the history."""
        return reduce(self.advance, history, self.begin())

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """The code that counts."""
        return (self.say, self.advance, self.begin, *([self.apart] if self.apart else []))

    def differing(self, one: Any, other: Any) -> tuple[Said, Said]:
        """The answers of two lives, perhaps without rows that both have."""
        return self.apart(one, other) if self.apart else (self.say(one), self.say(other))


def told(parts: Iterable[Part]) -> list[Contribution]:
    """The rows of all parts of an answer."""
    return [row for tell, *of in parts for row in tell(*of)]


def told_apart(one: Sequence[Part], other: Sequence[Part]) -> tuple[list[Contribution], list[Contribution]]:
    """The rows of two answers' parts, without the parts that both begin or end with.

    >>> def rise(to: int) -> list[Contribution]:
    ...     return [("rise", (), to, (1,))]
    >>> told_apart([(rise, 1), (rise, 2), (rise, 4)], [(rise, 1), (rise, 3), (rise, 4)])
    ([('rise', (), 2, (1,))], [('rise', (), 3, (1,))])
    """
    begin, ours, theirs = 0, len(one), len(other)
    while begin < ours and begin < theirs and one[begin] == other[begin]:
        begin += 1
    while begin < ours and begin < theirs and one[ours - 1] == other[theirs - 1]:
        ours, theirs = ours - 1, theirs - 1
    return told(one[begin:ours]), told(other[begin:theirs])
