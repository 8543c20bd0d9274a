"""A worker's exit code: only a refusal ends the trying."""

from __future__ import annotations

from pathlib import Path

import pytest

from ioc.centre.fate import ended
from ioc.centre.worker import _note, main
from ioc.embedded.supervise import REFUSED
from ioc.errors import ForeignLog, ServiceAway, UsageError, WrongGeneration
from ioc.kafka import KafkaError
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import StoreError
from tests.centre import Centre
from tests.services import wait_until


def test_a_refusal_is_told_from_what_may_pass_by_itself() -> None:
    assert all(ended(error("")) in REFUSED for error in (ForeignLog, WrongGeneration, UsageError))
    assert {ended(error("")) for error in (ServiceAway, KafkaError, ConnectionError)} == {3}
    full_disk = StoreError("Cannot reserve 1.00 MiB, not enough space")
    assert not {ended(full_disk), ended(OSError(28, "")), ended(ValueError())} & set(REFUSED)


def test_a_worker_started_while_kafka_is_away_says_so_and_is_no_refusal(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, kafka_bootstrap="127.0.0.1:1", clickhouse_url="http://127.0.0.1:1")
    with pytest.raises(ServiceAway, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        main(settings)


def test_a_store_that_refuses_while_a_worker_starts_is_no_reason_to_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found by chaos: it ended with 1, as if it refused to count, and nobody would have started it again."""

    def full(*_: object) -> None:
        raise StoreError("memory limit exceeded")

    async def there(*_: object) -> None: ...

    monkeypatch.setattr("ioc.centre.worker.check_generations", full)
    monkeypatch.setattr("ioc.kafka.bounds", there)
    assert main(Settings(data_dir=tmp_path)) == 70
    assert "memory limit exceeded" in capsys.readouterr().err


def test_the_note_of_a_worker_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    write = Path.write_text

    def half(self: Path, text: str) -> int:
        written = write(self, text[:1])
        seen.append((tmp_path / "run" / "worker.ready").exists())
        return written if write(self, text) else 0

    monkeypatch.setattr(Path, "write_text", half)
    _note(Settings(data_dir=tmp_path), None)
    assert seen == [False]
    assert (tmp_path / "run" / "worker.ready").read_text().isdigit()


@pytest.mark.slow
def test_a_worker_ends_when_the_views_read_what_it_does_not_count_and_starts_when_they_do(tmp_path: Path) -> None:
    """Found by hand: after a rebuild beside a running centre every number stood still, and `ioc status` said all was well."""
    with Centre(tmp_path, partitions=1) as centre:
        stream = centre.catalog.streams[0]
        centre.start("worker")
        state.read_by_views(centre.store, stream, "0123456789abcdef")
        wait_until(lambda: centre.ended("worker"), "the worker ends")
        assert centre.exit_code("worker") == WrongGeneration.exit_code
        assert f"the declarations of {stream.name} changed" in centre.log("worker")
        state.read_by_views(centre.store, stream, centre.catalog.generations[stream.name])
        centre.start("worker")
