"""ClickHouse: the only file that knows clickhouse_connect. Queries come back as frames, inserts go out as Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from urllib3.exceptions import HTTPError

from ioc.errors import IocError, ServiceAway
from ioc.settings import Settings

if TYPE_CHECKING:  # a command that asks for a few rows needs none of them, and they take longer to load than to answer
    import polars as pl
    import pyarrow as pa

WRITE = {"async_insert": 0, "insert_quorum": "auto", "insert_quorum_parallel": 0, "optimize_on_insert": 0}
"""A batch's rows of one table are one block, acknowledged when they are there (docs/exactness.md). What has a key twice is merged
later, as between two blocks: few have, and looking for them took a fifth of an insert."""
READ = {
    "select_sequential_consistency": 1,  # a replica that lags must not be asked what was counted
    "max_query_size": 64 << 20,  # keyed reads name thousands of keys
    "output_format_arrow_string_as_string": 1,
    "output_format_arrow_compression_method": "none",
}
RUN = "ioc_run_"
"""How the databases of runs begin."""
PATIENCE = 600.0
"""Seconds a worker waits for an absent store before it gives up and ends."""
_clients: dict[tuple[str, bool], Any] = {}
"""Clients by address and whether they only read. Each asks the server three things at its start, which takes as long as ten
statements; so all stores of a process share one, and every statement names its database."""


class StoreError(IocError):
    """The store refused a statement; the message is the server's own."""


class Store:
    """One database of a ClickHouse server or of the embedded store.

    Several threads may use it. `patience`: seconds to try again while the server does not answer (0: at once ServiceAway).
    `run`: of a run, which reaches no database but a run's, whatever the settings say.
    """

    def __init__(
        self,
        settings: Settings,
        database: str | None = None,
        *,
        patience: float = 0.0,
        readonly: bool = False,
        run: bool = False,
    ) -> None:
        self.settings = settings
        self.database = settings.clickhouse_database if database is None else database
        self.patience = patience
        self._readonly, self._run = readonly, run

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The few rows of an answer by column names, as numbers and texts; times are asked for as milliseconds."""
        answer = self._try(lambda c, there: c.query(sql, settings=READ | there))
        return list(answer.named_results())

    def query(self, sql: str, settings: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The answer as a frame; DateTime64(3) as Datetime('ms', UTC)."""
        import polars as pl

        given = READ | dict(settings or {})
        table = self._try(lambda c, there: c.query_arrow(sql, settings=given | there, use_strings=None))
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def text(self, sql: str, form: str = "TabSeparatedWithNames") -> str:
        """The answer of a query that only reads (readonly=2: it may bring settings), in the format it ends with, else in `form`.

        The format goes in a header, so nothing is written behind the query.
        """
        head = {"X-ClickHouse-Format": form}
        answer: bytes = self._try(lambda c, there: c.raw_query(sql, settings={"readonly": 2} | there, transport_settings=head))
        return answer.decode(errors="replace")

    def insert(self, table: str, rows: pa.Table, *, durable: bool = False) -> None:
        """Insert rows as one block; returns once they are there. `durable`: on disk, too.

        The table is named with its database: no default of the connection, the user or the server decides where rows land.
        """
        if rows.num_rows == 0:
            return
        settings = dict(WRITE) | ({"fsync_metadata": 1} if durable else {})
        whole = rows.unify_dictionaries()  # what Arrow's file takes; parts of a poll bring their own
        self._try(lambda c, there: c.insert_arrow(table, whole, there["database"], settings | there))

    def command(self, sql: str) -> Any:
        """Run a statement that returns nothing or one value."""
        return self._try(lambda c, there: c.command(sql, settings=there))

    def create(self, statements: Iterable[str]) -> None:
        """Create the database if it is missing, and run the statements in it."""
        Store(self.settings, "default", patience=self.patience).command(f"CREATE DATABASE IF NOT EXISTS {self._own()}")
        for statement in statements:
            self.command(statement)

    def _own(self) -> str:
        """The database.  Raises StoreError when there is none, or another than a run's where this is a run's store."""
        if self._run and not self.database.startswith(RUN):
            raise StoreError(f"a run reaches its own database ({RUN}NAME) only, not {self.database!r}: nothing was written")
        if not self.database:
            raise StoreError("no database is named; set IOC_CLICKHOUSE_DATABASE (default: ioc)")
        return self.database

    def _try(self, call: Callable[[Any, dict[str, str]], Any]) -> Any:
        """`call` gets a client and the setting that names the database."""
        if not self.patience:
            return self._once(call)
        import stamina

        for attempt in stamina.retry_context(
            on=ServiceAway, attempts=None, timeout=self.patience, wait_initial=0.1, wait_max=5.0
        ):
            with attempt:
                return self._once(call)
        raise AssertionError("unreachable")

    def _once(self, call: Callable[[Any, dict[str, str]], Any]) -> Any:
        there = {"database": self._own()}
        try:
            return call(self._client(), there)
        except (OperationalError, HTTPError, OSError) as error:
            _clients.pop(self._key, None)  # what answers next may be another version
            raise ServiceAway(
                f"the store at {_shown(self.settings.clickhouse_url)} does not answer ({_first_line(error)})"
            ) from error
        except ClickHouseError as error:
            raise StoreError(_first_line(error)) from error

    @property
    def _key(self) -> tuple[str, bool]:
        return self.settings.clickhouse_url, self._readonly

    def _client(self) -> Any:
        if (known := _clients.get(self._key)) is not None:
            return known
        url = urlsplit(self.settings.clickhouse_url)
        client = clickhouse_connect.get_client(
            host=url.hostname or "127.0.0.1",
            port=url.port or (8443 if url.scheme == "https" else 8123),
            secure=url.scheme == "https",
            username=unquote(url.username or "default"),
            password=unquote(url.password or ""),
            compress=url.hostname not in ("127.0.0.1", "localhost"),
            autogenerate_session_id=False,
            query_retries=0,
            send_receive_timeout=300,
            connect_timeout=5,
        )
        if self._readonly:
            client.set_client_setting("readonly", "1")
        return _clients.setdefault(self._key, client)


def literal(value: Any) -> str:
    """A value as a ClickHouse literal.

    >>> literal("it's"), literal([1, "a"]), literal((1, 2))
    ("'it\\\\'s'", "[1,'a']", '(1,2)')
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "NULL"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, bytes):
        return f"unhex('{value.hex()}')"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    inner = ",".join(literal(v) for v in value)
    return f"[{inner}]" if isinstance(value, list) else f"({inner})"


def _shown(url: str) -> str:
    """The address without the password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:500]
