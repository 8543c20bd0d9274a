"""Lint: what is wrong with boards: variables that could carry SQL in, tables that are no board views, columns they lack. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ioc.boards.expand import DATABASE, FORMS, MACRO, MACROS, VALUE
from ioc.boards.model import CustomVariable, Dashboard, QueryVariable
from ioc.boards.sql import RUN

Views = Mapping[str, Sequence[str]]
"""View -> columns."""
LIVE = ("v_runs",)
"""Views of the live database alone."""
_WORDS = "select from where and or as on in not null order by desc asc limit union all asof left inner join group distinct"
KEYWORDS = frozenset((*_WORDS.split(), "having", "partition"))
SOURCE = re.compile(r"\b(?:FROM|JOIN)\s++(?!\()(\S++)")
"""What a query reads: the word after FROM or JOIN, unless a subquery begins there."""
QUOTED = re.compile(VALUE.pattern + r"""|'(?:[^'\\]++|\\.)*+(?:'|\Z)|"[^"]*+\"""", re.DOTALL)
"""A variable's value, a text, or a name that may hold an apostrophe: whichever begins first."""
NAME = re.compile(r'"([^"]*)"|(?<![\w$])([A-Za-z_]\w*+)(?!\s*+\()')
ALIAS = re.compile(r'\bAS\s+(?:"([^"]*)"|(\w+))')

LAMBDA = re.compile(r"(\w+|\([\w, ]+\))\s*->")
"""What a function within the query is given: its names are none of a view's."""


def faults(boards: Sequence[Dashboard], views: Views) -> list[str]:
    """Everything that is wrong, in words. Empty: the boards are well."""
    found = [
        f"{name}: {count} boards have this uid or title; Grafana would then write none of them" for name, count in _twice(boards)
    ]
    for board in boards:
        for what, count in Counter([p.id for p in board.panels] + [p.title for p in board.panels]).items():
            found += [f"{board.uid}: {count} panels are called {what!r}"] if count > 1 else []
        variables = {variable.name for variable in board.templating.list}
        for place, sql in queries(board):
            found += [f"{board.uid}, {place}: {said}" for said in query_faults(sql, variables, views)]
        for text in [board.title, *(p.title for p in board.panels), *_choices(board)]:
            found += [f"{board.uid}: {text!r} holds a $; titles and choices are plain text"] if "$" in text else []
    return found


def queries(board: Dashboard) -> Iterator[tuple[str, str]]:
    """Every query of a board with the name of its place: of its variables, then of its panels."""
    for variable in board.templating.list:
        if isinstance(variable, QueryVariable):
            yield f"variable {variable.name}", variable.query
    for panel in board.panels:
        yield panel.title, panel.targets[0].rawSql


def query_faults(sql: str, variables: Iterable[str], views: Views) -> list[str]:
    """What is wrong with one query of a board that has these variables."""
    # what stands in quotes of the query's own is text
    bare = QUOTED.sub(lambda match: match[0] if match[0][0] == '"' else "''", sql)
    quoted = [match for match in QUOTED.finditer(sql) if match[0][0] == "'"]
    found = [f"a variable within quotes of the query: {text[0]}" for text in quoted if "$" in text[0] or "[[" in text[0]]
    found += _variables([match for match in QUOTED.finditer(sql) if match[1]], bare, set(variables))
    read = set()
    for source in (word.rstrip("),") for word in SOURCE.findall(bare)):
        name = source.removeprefix(f"{RUN}.")
        if name in views and (name != source or name in LIVE):
            read.add(name)
        elif name in views:
            found.append(f"{source}: write {RUN}.{name}, or the live centre is shown as if it were the run")
        else:
            found.append(f"{source} is no board view; there are {', '.join(sorted(views))}")
    return [*found, *_columns(bare, {column for view in read for column in views[view]}, read)]


def _variables(values: Sequence[re.Match[str]], bare: str, declared: set[str]) -> Iterator[str]:
    """What is wrong with `$...`: a value is decoded, a database stands before a view; Grafana's other forms let SQL through."""
    for found in re.findall(r"\$\S*|\[\[\S*", MACRO.sub(" ", DATABASE.sub(" ", bare))):
        yield f"{found}: write {FORMS}; macros are {', '.join(MACROS)}"
    for match in (*values, *DATABASE.finditer(bare)):
        if match[1] not in declared:
            yield f"{match[0]}: the board has no such variable; it has {', '.join(sorted(declared))}"
    for match in DATABASE.finditer(bare):
        before, after = bare[: match.start()].rstrip(), bare[match.end() :]
        if not (re.search(r"\b(FROM|JOIN)$", before) and after.startswith(".")):
            yield f"{match[0]}: write {FORMS}"


def _columns(bare: str, columns: set[str], read: set[str]) -> Iterator[str]:
    """Names that are no column of the views read, and no alias of the query."""
    aliases = {quoted or plain for quoted, plain in ALIAS.findall(bare)}
    aliases |= {name for given in LAMBDA.findall(bare) for name in re.findall(r"\w+", given)}
    rest = MACRO.sub(" ", DATABASE.sub(" ", bare))
    names = {quoted or plain for quoted, plain in NAME.findall(rest)}
    for name in sorted(names - aliases - columns - read):
        if name.lower() not in KEYWORDS:
            yield f"{name} is no column of {', '.join(sorted(read)) or 'a board view'}; there are {', '.join(sorted(columns))}"


def _choices(board: Dashboard) -> Iterator[str]:
    for variable in board.templating.list:
        if isinstance(variable, CustomVariable):
            yield from (text for choice in variable.options for text in (choice.text, choice.value))


def _twice(boards: Sequence[Dashboard]) -> list[tuple[str, int]]:
    named = Counter([board.uid for board in boards] + [board.title for board in boards])
    return [(name, count) for name, count in named.items() if count > 1]
