"""ClickHouse's HTTP protocol for the embedded store: parameters, bodies, compression, errors, the first Native block. Pure."""

from __future__ import annotations

import base64
import binascii
import gzip
import hmac
import json
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

import lz4.frame

from ioc.embedded.store_rules import limited, refused_setting
from ioc.errors import IocError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Parameters of the transport; every other name is a setting, and the engine refuses those it does not know (Code 115).
TRANSPORT = {"query", "query_id", "database", "default_format", "user", "password", "quota_key", "role", "stacktrace"}
TRANSPORT |= {"session_id", "session_timeout", "session_check", "close_session", "buffer_size", "wait_end_of_query"}
TRANSPORT |= {"compress", "decompress", "enable_http_compression", "http_zlib_compression_level", "client_protocol_version"}
TRANSPORT |= {
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close",
}
LARGEST_BODY = 512 << 20  # bytes, packed and unpacked; a batch is a few MiB, and the body is held in memory once
READERS_BODY = 16 << 20  # bytes of a reader's: queries and bound parameters
READERS_SQL = 256 << 10  # bytes; a server's own max_query_size
WORTH_PACKING = 4 << 10  # bytes; below that a compressed answer only costs time
GREETING = "selectdisplayname(),version(),revision(),timezone()"  # the Grafana plugin's first statement, without blanks

_STATUS = {404: (46, 47, 50, 56, 60, 63, 68, 81, 115, 336), 413: (307,), 501: (48,), 408: (159,), 403: (291, 497, 516)}
_STATUS[400] = (6, 25, 26, 27, 33, 36, 38, 41, 53, 62, 72, 73, 117, 167, 168, 456)
STATUS = {code: status for status, codes in _STATUS.items() for code in codes}  # as HTTPHandler.cpp maps them; others are 500
_CODE = re.compile(r"Code: (\d+)\.")


class StoreError(IocError):
    """A request the store refuses or the engine could not run; `code` is ClickHouse's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def status(self) -> int:
        return STATUS.get(self.code, 500)

    @property
    def body(self) -> str:
        return f"Code: {self.code}. DB::Exception: {self}"

    @classmethod
    def of(cls, text: str) -> StoreError:
        """The engine's own message, without what chDB puts in front of it and without codes said twice."""
        found = list(_CODE.finditer(text))
        if not found:
            return cls(1002, text.strip())  # UNKNOWN_EXCEPTION
        last = next((m for m in reversed(found) if m.group(1) == found[0].group(1)), found[0])
        return cls(int(last.group(1)), text[last.end() :].strip().removeprefix("DB::Exception: "))


@dataclass(slots=True)
class Ask:
    """One request, read: what to run, where and how to answer. `readonly` is "", "1" (also no settings in the SQL) or "2".

    `reader`: it comes from a user who may read the board views only. `mark` is ours: by the query_id, which the client chooses,
    one reader could end another's query.
    """

    sql: bytes
    database: str
    format: str
    query_id: str
    readonly: str
    settings: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    reader: bool = False
    mark: str = field(default_factory=lambda: uuid4().hex)


def only_reads(headers: Mapping[str, str], given: Mapping[str, str], token: str, prefix: bool = False) -> bool:
    """Whether the request comes from a reader: below /readonly (`prefix`), or by a user other than `default`, of any password.

    Basic auth, X-ClickHouse-User or the parameter `user`, as on a server. With a `token`, `default` must give it for password.
    """
    names = {headers.get("x-clickhouse-user", ""), given.get("user", "")}
    secrets = [headers.get("x-clickhouse-key", ""), given.get("password", "")]
    kind, _, secret = headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            name, _, password = base64.b64decode(secret, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise StoreError(516, "Authorization is no valid Basic: base64 of user:password is") from None
        names.add(name)
        secrets.append(password)
    if prefix or names - {"", "default"}:
        return True
    if token and not any(hmac.compare_digest(found.encode(), token.encode()) for found in secrets):
        raise StoreError(516, "default: Authentication failed: password is incorrect (`ioc up` keeps it in its data folder)")
    return False


def settings_and_params(given: Mapping[str, str], forced: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Split the request's parameters into engine settings and bound parameters (`param_x` becomes x)."""
    for name in ("compress", "decompress"):
        if given.get(name, "0") not in ("0", "false", ""):
            raise StoreError(
                48,
                f"{name}=1 (ClickHouse's own blocks) is not known here: set {name}=0 (JDBC: ?compress=0), or use Accept-Encoding",
            )
    params = {name[6:]: value for name, value in given.items() if name.startswith("param_")}
    settings = {name: value for name, value in given.items() if name not in TRANSPORT and not name.startswith("param_")}
    if odd := next((name for name in params if not re.fullmatch(r"[A-Za-z0-9_]+", name)), None):
        raise StoreError(36, f"Bound parameters have names of letters, digits and _, not {odd!r}")
    for name in settings:
        if refused := refused_setting(name, forced):
            raise StoreError(*refused)
    return limited(settings) if forced else settings, params


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """The request's body, decompressed as its Content-Encoding says (one lz4 frame, zstd frame, gzip member or deflate stream).

    At most `limit` bytes are ever unpacked, whatever the body claims.
    """
    kind = encoding.strip().lower()
    try:
        match kind:
            case "" | "identity":
                return body
            case "lz4":
                lz4_frame = lz4.frame.LZ4FrameDecompressor()
                found, whole = bytes(lz4_frame.decompress(body, limit + 1)), lz4_frame.eof
            case "zstd":
                zstd_frame = zstd.ZstdDecompressor()
                found, whole = bytes(zstd_frame.decompress(body, limit + 1)), zstd_frame.eof
            case "gzip" | "deflate":
                stream = zlib.decompressobj(wbits=31 if kind == "gzip" else 15)
                found, whole = stream.decompress(body, limit + 1), stream.eof
            case _:
                raise StoreError(48, f"Content-Encoding {encoding!r} is not known; known are lz4, zstd, gzip, deflate")
    except (RuntimeError, ValueError, OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        raise StoreError(117, f"The body is no valid {encoding}: {error}") from error
    if len(found) > limit:
        raise too_large(limit)
    if not whole:
        raise StoreError(117, f"The body is no valid {encoding}: it ends too early")
    return found


def too_large(limit: int) -> StoreError:
    """The refusal of a body."""
    return StoreError(307, f"The body is larger than {limit >> 20} MiB")


def pack(body: bytes, accepted: str) -> tuple[bytes, str]:
    """The answer's body and its Content-Encoding; lz4 first, because on loopback time is dearer than bytes."""
    offered = {name.split(";")[0].strip() for name in accepted.lower().split(",")}
    if len(body) < WORTH_PACKING:
        return body, ""
    if "lz4" in offered:
        return bytes(lz4.frame.compress(body)), "lz4"
    if "zstd" in offered:
        return bytes(zstd.compress(body, level=1)), "zstd"
    if "gzip" in offered:
        return gzip.compress(body, compresslevel=1), "gzip"
    return body, ""


def form_fields(body: bytes, content_type: str) -> dict[str, bytes]:
    """Fields of a multipart form: clickhouse_connect sends the query and large bound parameters so. Files are refused."""
    found = re.search(r'boundary="?([^";]+)', content_type)
    if found is None:
        raise StoreError(117, "a multipart body needs its boundary in Content-Type")
    fields: dict[str, bytes] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + found.group(1).encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="([^"]*)"', head)
        if name is None or b"filename=" in head:
            raise StoreError(48, "external data is not supported by the embedded store: bind an Array parameter instead")
        fields[name.group(1).decode("latin-1")] = value
    return fields


def summary(read_rows: int, read_bytes: int, rows: int, size: int, result_rows: int, result_bytes: int, elapsed_s: float) -> str:
    """The X-ClickHouse-Summary header: numbers as strings, as the server writes them."""
    values = {"read_rows": read_rows, "read_bytes": read_bytes, "written_rows": rows, "written_bytes": size}
    values |= {"total_rows_to_read": read_rows, "result_rows": result_rows, "result_bytes": result_bytes}
    return json.dumps({name: str(value) for name, value in (values | {"elapsed_ns": int(elapsed_s * 1e9)}).items()})


def content_type(fmt: str) -> str:
    """Content-Type of an answer in a ClickHouse format."""
    if fmt.startswith("JSON"):
        return "application/x-ndjson; charset=UTF-8" if "EachRow" in fmt else "application/json; charset=UTF-8"
    if fmt.startswith(("TabSeparated", "TSV")):
        return "text/tab-separated-values; charset=UTF-8"
    return "text/csv; charset=UTF-8" if fmt.startswith("CSV") else "application/octet-stream"


def is_greeting(sql: bytes) -> bool:
    """Whether this is the statement with which Grafana's plugin opens a connection."""
    return len(sql) < 200 and "".join(sql.decode("utf-8", "replace").lower().split()).rstrip(";") == GREETING


def greeting_block(display_name: str, version: str, timezone: str) -> bytes:
    """The one Native block of revision 54460 that Grafana's plugin decodes first; revision 0 in it makes all later ones plain.

    BlockInfo (varint 1, byte 0, varint 2, int32 -1, varint 0), 4 columns, 1 row, then name, type, one zero byte and data each.
    """

    def text(value: str) -> bytes:
        raw = value.encode()[:127]  # below 128 a varint is one byte, and no name is longer
        return bytes([len(raw)]) + raw

    columns = (("displayName()", "String", text(display_name)), ("version()", "String", text(version)))
    columns += (("revision()", "UInt32", bytes(4)), ("timezone()", "String", text(timezone)))  # type: ignore[assignment]
    body = b"".join(text(name) + text(kind) + b"\0" + data for name, kind, data in columns)
    return b"\x01\x00\x02\xff\xff\xff\xff\x00" + b"\x04\x01" + body
