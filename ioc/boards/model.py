"""Model: exactly the part of Grafana's classic dashboard JSON that our boards use; any other key is an error.

Names are Grafana's own. Two painters draw what stands here, Grafana and our wall; so what only one of them could draw has no
place here. `Dashboard.read(path)` reads a file, `Dashboard.text()` writes it: the same board, the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from ioc.boards.fields import Part
from ioc.boards.panel import DataSource
from ioc.boards.panels import AnyPanel
from ioc.errors import DeclarationError

ZONE: Literal["Asia/Ho_Chi_Minh"] = "Asia/Ho_Chi_Minh"


class Choice(Part):
    """A value of a variable, with its text."""

    text: str
    value: str
    selected: bool = True


class Variable(Part):
    """What all variables have. One value is chosen; there is no "all" of Grafana's, for it would escape the quoting."""

    name: str
    label: str
    hide: Literal[0] = 0
    current: Choice
    includeAll: Literal[False] = False
    multi: Literal[False] = False
    skipUrlSync: Literal[False] = False


class CustomVariable(Variable):
    """A choice of declared values; `query` is the same as Grafana writes it: `text : value, text : value`."""

    type: Literal["custom"] = "custom"
    query: str
    options: tuple[Choice, ...]


class QueryVariable(Variable):
    """A choice of what a query finds: first the value, then its text; asked when the board loads (1) or its time changes (2)."""

    type: Literal["query"] = "query"
    datasource: DataSource = DataSource()
    query: str
    definition: str
    refresh: Literal[1, 2] = 2
    sort: Literal[0] = 0
    regex: Literal[""] = ""
    options: tuple[()] = ()


AnyVariable = Annotated[CustomVariable | QueryVariable, Field(discriminator="type")]


class Templating(Part):
    """The variables."""

    list: tuple[AnyVariable, ...]


class Link(Part):
    """A link to another board, or to this one in another language (icon `doc`); it takes time range and variables along."""

    type: Literal["link"] = "link"
    title: str
    url: str
    icon: Literal["dashboard", "doc"] = "dashboard"
    tooltip: str = ""
    asDropdown: Literal[False] = False
    targetBlank: Literal[False] = False
    keepTime: Literal[True] = True
    includeVars: Literal[True] = True
    tags: tuple[()] = ()


class TimeRange(Part):
    """The time range a board opens with."""

    begin: str = Field(alias="from")
    to: Literal["now"] = "now"


class Dashboard(Part):
    """A board. Its language is its last tag: `vi` or `en`."""

    nulls = frozenset({"id"})
    id: None = None
    uid: str = Field(pattern=r"^ioc-[a-z0-9-]{1,36}$")
    title: str
    description: str = ""
    tags: tuple[str, ...]
    timezone: Literal["Asia/Ho_Chi_Minh"] = ZONE
    weekStart: Literal["monday"] = "monday"
    editable: Literal[False] = False
    graphTooltip: Literal[1] = 1
    refresh: str = "5s"
    schemaVersion: Literal[39] = 39
    time: TimeRange
    templating: Templating
    links: tuple[Link, ...]
    panels: tuple[AnyPanel, ...]

    @property
    def language(self) -> str:
        """`vi` or `en`."""
        return self.tags[-1]

    @classmethod
    def read(cls, path: Path) -> Dashboard:
        """The board of a file.  Raises DeclarationError that names the file and the key."""
        return cls.parse(path.read_text(encoding="utf-8"), str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> Dashboard:
        """The board of a text; `name` is what errors call it.  Raises DeclarationError."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise DeclarationError(f"{name}: {place}: {first['msg']}; boards use only what ioc/boards/model.py names") from None

    def text(self) -> str:
        """The board as it stands in its file."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"
