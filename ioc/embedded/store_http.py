"""The store's HTTP side: reads ClickHouse requests, runs each in its lane, answers as ClickHouse does.

Writes run one at a time, reads in two pools beside them: what counts has lanes of its own, so that no board and no `ioc sql`
(readonly=1) holds it up; KILL QUERY has its own, too. Below `/readonly`, and for every user but `default` (Grafana asks as
`grafana`), a request has readonly=1, few settings, the board views alone and a time limit. GET only reads, as on a server.
Only who names this machine is answered, and no browser: a web page must not reach the store behind its user's back.
"""

from __future__ import annotations

import asyncio
import functools
import re
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ioc.embedded import store_rules, store_sql
from ioc.embedded.store_engine import Engine, Result
from ioc.embedded.store_mend import Mender
from ioc.embedded.store_protocol import (
    LARGEST_BODY,
    READERS_BODY,
    READERS_SQL,
    Ask,
    StoreError,
    content_type,
    form_fields,
    greeting_block,
    is_greeting,
    only_reads,
    pack,
    settings_and_params,
    too_large,
    unpack,
)
from ioc.gateway.connections import Lingering
from ioc.settings import LOOPBACK

LANES = 4  # requests that read at a time, of readers as of the centre's own: a long query leaves three lanes free
LOOK = 1.0  # seconds between two looks after the folder
PATIENCE = 0.2  # seconds after which the store looks whether the asking client is still there
LONG_SQL = 64 << 10  # bytes above which a statement is read beside the event loop


async def read_ask(request: Request, reader: bool) -> Ask:
    """Read one HTTP request into an `Ask`: the query may stand in the URL, the body, both (INSERT and its data) or a form."""
    given, limit = dict(request.query_params), READERS_BODY if reader else LARGEST_BODY
    body = await read_body(request, limit)
    if encoding := request.headers.get("content-encoding"):
        body = await asyncio.to_thread(unpack, body, encoding, limit)
    query = given.get("query", "").encode()
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        fields = form_fields(body, request.headers["content-type"])
        query += fields.pop("query", b"")
        given |= {name: value.decode(errors="replace") for name, value in fields.items()}
        body = b""
    settings, params = settings_and_params(given, forced=reader)
    asked = settings.pop("readonly", "0")
    ask = Ask(
        sql=query + b"\n" + body if query and body else query or body,
        database=given.get("database") or request.headers.get("x-clickhouse-database") or "default",
        format=given.get("default_format") or request.headers.get("x-clickhouse-format") or "TabSeparated",
        query_id=given.get("query_id") or request.headers.get("x-clickhouse-query-id") or str(uuid.uuid4()),
        readonly="1" if reader else asked if asked != "0" else "" if request.method == "POST" else "2",
        settings=settings,
        params=params,
        reader=reader,
    )
    if reader and len(ask.sql) > READERS_SQL:
        raise StoreError(store_rules.SYNTAX_ERROR, f"Max query size exceeded: {READERS_SQL} bytes; bind long lists as parameters")
    if not re.fullmatch(r"[ -~]{1,200}", ask.query_id):
        raise StoreError(36, "query_id must be 1 to 200 printable ASCII characters")
    if not store_rules.FORMATS.fullmatch(ask.format):
        raise StoreError(store_rules.UNKNOWN_FORMAT, f"the format {ask.format!r} is not known to the embedded store")
    return ask


async def read_body(request: Request, limit: int) -> bytes:
    """The body, of `limit` bytes at most, whether its length is given before or it comes in chunks."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > limit:
        raise too_large(limit)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


class Endpoint:
    """The HTTP side: reads a request, runs it in its lane, answers as ClickHouse does."""

    def __init__(self, engine: Engine, token: str = "") -> None:
        """With a `token`, only who gives it for password is `default`; others may still be readers."""
        self.engine = engine
        self._token = token
        self._writer = ThreadPoolExecutor(1, "write")
        self._counting = ThreadPoolExecutor(LANES, "count")
        self._readers = ThreadPoolExecutor(LANES, "read")
        self._control = ThreadPoolExecutor(1, "kill")

    def app(self, lifespan: Callable[[Starlette], Any] | None = None) -> Starlette:
        routes = []
        for prefix, answer in (("", self.answer), ("/readonly", self.answer_readonly)):
            routes.append(Route(prefix or "/", answer, methods=["GET", "POST"]))
            routes += [Route(f"{prefix}/{name}", _ok, methods=["GET", "POST"]) for name in ("ping", "replicas_status")]
        routes.append(Route("/readonly/", self.answer_readonly, methods=["GET", "POST"]))
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK, www_redirect=False)
        return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(Lingering), hosts])

    async def answer_readonly(self, request: Request) -> Response:
        return await self.answer(request, readonly=True)

    async def answer(self, request: Request, readonly: bool = False) -> Response:
        """Answer one request; refusals and engine errors become ClickHouse's `Code: N. DB::Exception: ...`."""
        headers = {"X-ClickHouse-Server-Display-Name": self.engine.display_name, "X-ClickHouse-Timezone": "UTC"}
        try:
            if "origin" in request.headers or "sec-fetch-site" in request.headers:
                raise StoreError(291, "Browsers are not answered: a web page must not reach the store behind its user's back")
            ask = await read_ask(request, only_reads(request.headers, request.query_params, self._token, prefix=readonly))
            headers["X-ClickHouse-Query-Id"] = ask.query_id
            if not ask.sql.strip():
                return await _ok(request)
            return await self._run(request, ask, headers)
        except StoreError as error:
            headers["X-ClickHouse-Exception-Code"] = str(error.code)
            return PlainTextResponse(error.body + "\n", error.status, headers)

    async def _run(self, request: Request, ask: Ask, headers: dict[str, str]) -> Response:
        read = functools.partial(store_sql.read, ask.sql)
        statement = read() if len(ask.sql) < LONG_SQL else await asyncio.to_thread(read)
        count, writes = self.engine.classify(ask.sql[: statement.data])
        if count == 0:  # does not parse: the engine shall say why, but never run it as a write among the readers
            ask.readonly = ask.readonly or "2"
        if ask.readonly and "identifier" in statement.names and any(set(value) & {"/", "\\"} for value in ask.params.values()):
            raise StoreError(291, "a bound Identifier with a slash could be a file's path, which readonly mode does not allow")
        if refused := store_rules.refusal(statement, count, writes, bool(ask.readonly), ask.reader, self.engine.outside):
            raise StoreError(*refused)
        if "client_protocol_version" in request.query_params and is_greeting(ask.sql):
            block = greeting_block(self.engine.display_name, self.engine.version, "UTC")
            return Response(block, headers=headers | {"X-ClickHouse-Format": "Native"}, media_type=content_type("Native"))
        reads = self._readers if ask.readonly else self._counting
        lane = self._control if statement.verb == "kill" else self._writer if writes else reads
        job = lane.submit(self.engine.run, ask, statement)
        answer = await self._wait(request, job, ask, cancel=not writes)
        if count == 0:  # only a comment, or bytes behind a NUL: chDB does nothing and says nothing, which must not look well
            raise StoreError(store_rules.SYNTAX_ERROR, "Empty query")
        headers["X-ClickHouse-Summary"] = answer.summary
        headers["X-ClickHouse-Timezone"] = ask.settings.get("session_timezone") or "UTC"
        fmt = statement.format or ask.format
        if answer.body or not writes:
            headers["X-ClickHouse-Format"] = fmt
        body, encoding = answer.body, ""
        if request.query_params.get("enable_http_compression") in ("1", "true"):
            body, encoding = await asyncio.to_thread(pack, body, request.headers.get("accept-encoding", ""))
        if encoding:
            headers["Content-Encoding"] = encoding
        return Response(body, headers=headers, media_type=content_type(fmt))

    async def _wait(self, request: Request, job: Future[Result], ask: Ask, cancel: bool) -> Result:
        """Wait for the engine; a read whose client has gone is cancelled, a write is finished in any case."""
        done = asyncio.wrap_future(job)
        done.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody may be left to ask for it
        try:
            await asyncio.wait({done}, timeout=PATIENCE)
            while not done.done():
                if cancel and await request.is_disconnected():
                    raise asyncio.CancelledError
                await asyncio.wait({done}, timeout=PATIENCE)
            return done.result()
        except asyncio.CancelledError:
            if cancel and not job.cancel():
                self._control.submit(self.engine.kill, ask.mark)
            raise StoreError(394, "Query was cancelled: the client has gone or the store is stopping") from None

    async def mend(self, mender: Mender) -> None:
        """Look after the folder, between two writes, until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                undone = await asyncio.wrap_future(self._writer.submit(mender.look))
            except (StoreError, OSError) as error:
                undone = [f"the folder cannot be looked after: {error}"]
            for line in undone:
                print(f"embedded store: {line}", flush=True)

    def close(self) -> None:
        """End what still runs, then the lanes, then the engine."""
        self._control.submit(self.engine.kill)
        for lane in (self._control, self._writer, self._counting, self._readers):
            lane.shutdown(wait=True, cancel_futures=True)
        self.engine.close()


async def _ok(request: Request) -> Response:
    return PlainTextResponse("Ok.\n")
