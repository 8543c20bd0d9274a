"""Rules: what the embedded store refuses, to readers and to everybody. Pure.

Nothing that comes over HTTP reads or writes outside the store's folder, whoever asks: functions, engines, formats and settings
that reach a file or another server are refused. A reader may read the board views (`v_...`) and a few tables of `system`, as on a
server, with settings out of a list: a list of what is allowed stays right when the next engine brings a new way out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ioc.embedded.store_sql import Statement

# What a real server answers with, by ClickHouse's own error codes.
SYNTAX_ERROR, NOT_IMPLEMENTED, READONLY, ACCESS_DENIED, UNKNOWN_FORMAT, UNKNOWN_SETTING = 62, 48, 164, 497, 73, 115
OUTSIDE, INFILE_NOT_ALLOWED, OUTFILE_NOT_ALLOWED = 291, 78, 249

# Table functions that stay inside the store. All others (file, url, s3, remote, mysql, executable, python, ...) are refused.
INSIDE = {"numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "generaterandom"}
INSIDE |= {"values", "view", "merge", "null", "format"}
# Scalar functions that leave the store although the engine's readonly=1 lets them pass (measured with 26.9).
OUTSIDE_SCALARS = frozenset({"file", "hascolumnintable", "evalmlmethod", "catboostevaluate"})
ENGINES = re.compile(
    r"\w*mergetree|memory|null|log|tinylog|stripelog|set|join|buffer|merge|view|materializedview|atomic|ordinary"
)
VERBS = frozenset(
    {"select", "with", "from", "show", "describe", "desc", "explain", "exists", "check", "insert", "delete", "update"}
)
VERBS |= {"create", "replace", "alter", "drop", "undrop", "truncate", "rename", "exchange", "attach", "detach", "optimize"}
VERBS |= {"kill", "system"}
ORDERS = ("FLUSH", "DROP", "START", "STOP", "SYNC")
"""What may be said behind SYSTEM. SHUTDOWN and KILL would end every process of the centre: the engine signals its whole group."""
CREATED = frozenset({"table", "view", "database"})
FORMATS = re.compile(
    r"native|null|(tabseparated|tsv|csv|rowbinary|customseparated|lineasstring|raw)\w*|\w*json\w*|\w*jsonl(ines)?|pretty\w*|vertical"
    r"|values|xml|markdown|md|arrow|arrowstream|parquet|orc|tskv|bsoneachrow|msgpack|hash|sqlinsert|odbcdriver2|prometheus|avro|npy",
    re.IGNORECASE,
)
"""Formats to answer in and to insert from: none that takes a schema, a template or a registry from outside."""
READER_SETTINGS = re.compile(
    "max_execution_time|max_result_(rows|bytes)|result_overflow_mode|timeout_overflow_mode|session_timezone|log_comment|limit|offset"
    "|final|join_use_nulls|date_time_(input|output)_format|date_time_overflow_behavior|cast_string_to_dynamic_use_inference"
    "|select_sequential_consistency|output_format_(json|csv|tsv|native|binary|arrow|parquet|pretty|values|markdown|decimal|bson)_[a-z0-9_]+"
    "|output_format_(always_write|write_statistics|trim_fixed|float)\\w*"
)
"""What a reader may set: its own time and the look of its answer, never its memory, threads or rights."""
OUTWARD = re.compile(
    r"path|schema(?!_inference)|(?<!pro)file(?!system)|template|url|registry|dialect|promql|disk|remote|cluster|credential|s3|azure|hdfs"
    r"|iceberg|delta_lake|distributed_cache|cache_name|ai_function|client_id|^((in|out)put_|framing_output_)?format$|storage_policy|^chdb"
)
"""Names of settings that nobody may set: they name a file, a server, or what is read from there."""
LIMITS = {"max_execution_time": (30, 60), "max_result_bytes": (256 << 20, 256 << 20)}
"""Of a reader: what holds unless it says otherwise, and the most it may say (seconds, bytes)."""
OWNERS_READ = "300"
"""Seconds a read of the centre's own may take: its client waits no longer."""
SYSTEM = re.compile(
    r"system\.(one|numbers|numbers_mt|zeros|zeros_mt|tables|databases|columns|functions|table_functions|formats|settings|time_zones"
    r"|data_type_families)|information_schema\.\w+",
    re.IGNORECASE,
)
"""What of `system` readers see: what tables, columns and functions there are; no queries of others, no logs."""
VIEW = re.compile(r"(\w+\.)?v_\w+")
_HEADS = re.compile(
    r"Select(WithUnion|IntersectExcept)?Query|Explain|DescribeQuery|Show(Tables|Columns|Indexes|Functions|Create\w+)|Exists\w+"
)
_IN = re.compile(r"Function (global)?(not)?(null)?in(ignoreset)?( |$)", re.IGNORECASE)

Refusal = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Outside:
    """What of all the engine knows reaches outside, in lower case. `scalars` must not be mentioned: `arrayMap(file, ...)`."""

    functions: frozenset[str]
    scalars: frozenset[str]
    engines: frozenset[str]
    settings: frozenset[str]
    formats: frozenset[str]

    @classmethod
    def of(
        cls,
        table_functions: Iterable[str],
        functions: Iterable[str],
        engines: Iterable[str],
        settings: Iterable[str],
        formats: Iterable[str],
    ) -> Outside:
        scalars = OUTSIDE_SCALARS | {name.lower() for name in functions if re.match("ai[A-Z]|AI[A-Z]", name)}
        return cls(
            frozenset({name.lower() for name in table_functions} - INSIDE | scalars | {"disk"}),
            frozenset(scalars),
            frozenset(name.lower() for name in engines if not ENGINES.fullmatch(name.lower())),
            frozenset(n for n in settings if OUTWARD.search(n)) - {"format"},  # a word of SQL, too
            frozenset(name.lower() for name in formats if not FORMATS.fullmatch(name)),
        )


def refused_setting(name: str, reader: bool) -> Refusal | None:
    """Why a request may not bring this setting, or None. Whether the engine knows it is the engine's to say."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return UNKNOWN_SETTING, f"Unknown setting '{name}'"
    if reader and not READER_SETTINGS.fullmatch(name):
        return READONLY, f"Cannot modify '{name}' setting in readonly mode"
    if not READER_SETTINGS.fullmatch(name) and OUTWARD.search(name):
        return OUTSIDE, f"the setting '{name}' could reach outside the store, which is not allowed over HTTP"
    return None


def limited(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings of a reader with its limits in them. What is no number stays: the engine refuses it."""
    found = dict(settings)
    for name, (usual, most) in LIMITS.items():
        given = found.get(name, str(usual))
        try:
            number = float(given)
        except ValueError:
            continue
        found[name] = given if 0 < number <= most else str(most)
    return found


def refusal(statement: Statement, count: int, writes: bool, readonly: bool, reader: bool, outside: Outside) -> Refusal | None:
    """Why the store does not run this statement: (ClickHouse error code, message), or None when it does."""
    verb, names, calls = statement.verb, statement.names, statement.calls
    if count > 1:
        return SYNTAX_ERROR, "Multi-statements are not allowed: send one statement a request"
    if "into outfile" in names:
        return OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed: the answer comes over HTTP, write it where you asked"
    if "from infile" in names:
        return INFILE_NOT_ALLOWED, "FROM INFILE is not allowed: send the data as the body of INSERT ... FORMAT ..."
    if "parallel with" in names:
        return NOT_IMPLEMENTED, "PARALLEL WITH is not supported by the embedded store: send one statement a request"
    if verb in ("use", "set"):
        return NOT_IMPLEMENTED, f"No session is kept, {verb.upper()} would be lost: pass database= and settings with each request"
    if verb == "insert" and "input" in calls:
        return NOT_IMPLEMENTED, "INSERT ... SELECT FROM input() is not supported by the embedded store: its data would be lost"
    if verb == "create" and statement.temporary:
        return NOT_IMPLEMENTED, "No session is kept, a temporary table would be lost: use WITH, or an ordinary table"
    if readonly and writes:
        return READONLY, "Cannot execute query in readonly mode: this path only reads"
    return _reaches_out(statement, count, reader, outside) or (_reads_a_path(statement) if readonly else None)


def _reaches_out(statement: Statement, count: int, reader: bool, outside: Outside) -> Refusal | None:
    """The rules that hold for everybody."""
    verb, names, calls = statement.verb, statement.names, statement.calls
    functions = outside.functions | {"merge"} if reader else outside.functions
    if reached := sorted(calls & functions | names & outside.scalars):
        return OUTSIDE, f"{reached[0]}() reaches outside the store, which is not allowed over HTTP (a column: t.{reached[0]})"
    if reached := sorted(statement.engines & outside.engines):
        return OUTSIDE, f"the engine {reached[0]} reaches outside the store, which is not allowed over HTTP"
    if reached := sorted(statement.formats & outside.formats):
        return (
            UNKNOWN_FORMAT,
            f"the format {reached[0]} is not known to the embedded store: it takes a schema or a file from outside",
        )
    if ("settings" in names or "setting" in names) and (reached := sorted(names & outside.settings)):
        return OUTSIDE, f"the setting '{reached[0]}' could reach outside the store, which is not allowed over HTTP"
    if "\\" in statement.odd_name:
        return OUTSIDE, f"the name {statement.odd_name!r} could hide another: write it without escapes"
    if count and verb and verb not in VERBS:
        return NOT_IMPLEMENTED, f"{verb.upper()} is not supported by the embedded store"
    if verb == "system" and names.isdisjoint(f"system {word.lower()}" for word in ORDERS):
        return NOT_IMPLEMENTED, f"SYSTEM is for {', '.join(ORDERS)} here; `ioc down` stops the centre"
    if verb in ("create", "attach", "replace") and statement.created not in CREATED:
        return NOT_IMPLEMENTED, f"{verb.upper()} {statement.created.upper()} is not supported by the embedded store"
    if verb == "attach" and "from" in names:
        return OUTSIDE, "ATTACH ... FROM reads another folder, which is not allowed over HTTP"
    return None


def _reads_a_path(statement: Statement) -> Refusal | None:
    if statement.odd_name:
        return OUTSIDE, f"the name {statement.odd_name!r} could be a file's path, which readonly mode does not allow"
    return None


def tables(tree: str) -> Iterator[str]:
    """Names of tables in what EXPLAIN AST says, as it writes them: behind FROM and JOIN, and on the right of IN.

    With an alias a name has two readings, `t (alias x)`: both are given. Raises ValueError for another kind of statement.
    """
    lines = tree.split("\n")  # not splitlines: a text may hold other ends of lines
    if not lines or not _HEADS.match(lines[0]):
        raise ValueError(f"{lines[0].split(' ')[0] if lines else 'nothing'} is no reading")
    inside: list[int] = []  # depths at which the arguments of an IN stand
    for line in lines:
        text = line.lstrip(" ")
        depth = len(line) - len(text)
        inside = [at for at in inside if depth >= at - 1]
        kind, _, name = text.partition(" ")
        if _IN.match(text):
            inside.append(depth + 2)
        elif kind == "TableIdentifier" or (kind == "Identifier" and depth in inside):
            yield name
            if " (alias " in name:
                yield name[: name.rindex(" (alias ")]
