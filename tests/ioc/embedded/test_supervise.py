"""Children are started in order, restarted when they fall, given up when they refuse, and never outlive their parent."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ioc.embedded import children
from ioc.embedded.centre import alive
from ioc.embedded.children import LOG_BYTES, keep_small, spawn, stop, tail
from ioc.embedded.supervise import Child, Service, Stopping, Supervisor
from ioc.errors import IocError
from tests.services import ROOT, wait_until

SLEEPER = "import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)\nwhile True: signal.pause()"


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def child(name: str, code: str = SLEEPER, ready: Callable[[int], bool] = lambda _: True, **more: Any) -> Child:
    return Child(name, lambda: python(code), ready, **more)


class Watched:
    """A supervisor whose states and messages are kept."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.seen: list[tuple[str, str]] = []
        self.now: dict[str, Service] = {}
        self.supervisor = Supervisor(folder / "the logs", self.said.append, self._changed, first_pause=0.02, longest_pause=0.1)

    def _changed(self, services: list[Service]) -> None:
        for service in services:
            if self.now.get(service.name) != service:
                self.seen.append((service.name, service.state))
            self.now[service.name] = service

    def until(self, condition: Callable[[], bool]) -> None:
        """Supervise in this thread until the condition holds."""
        self.supervisor.run(lambda: wait_until(condition, f"seen {self.seen}, said {self.said}"))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.supervisor.close()


def test_children_start_in_order_each_after_the_one_before_is_ready(watched: Watched, tmp_path: Path) -> None:
    looks = iter([False, False, True])
    order: list[str] = []
    notes = {"before": lambda: order.append("before"), "after": lambda: order.append("after")}
    watched.supervisor.start(child("first", ready=lambda _: next(looks), **notes))
    watched.supervisor.start(child("second"))
    watched.supervisor.close()
    assert watched.seen == [
        ("first", "starting"),
        ("first", "ready"),
        ("second", "starting"),
        ("second", "ready"),
        ("second", "away"),
        ("first", "away"),
    ]
    assert order == ["before", "after"]
    assert watched.said == ["stopping second", "stopping first"]


def test_output_goes_to_a_log_of_its_own(watched: Watched, tmp_path: Path) -> None:
    watched.supervisor.start(child("talker", "import sys; print('out'); print('err', file=sys.stderr)", may_end=True))
    watched.until(lambda: watched.now["talker"].state == "ended")
    assert sorted((tmp_path / "the logs" / "talker.log").read_text().split()) == ["err", "out"]


def test_a_killed_child_is_started_again(watched: Watched) -> None:
    watched.supervisor.start(child("victim"))
    pid = watched.now["victim"].pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    watched.until(lambda: watched.now["victim"].state == "ready" and watched.now["victim"].pid != pid)
    assert watched.seen[-3:] == [("victim", "restarting"), ("victim", "starting"), ("victim", "ready")]
    assert watched.said == ["victim ended (exit code -9); starting it again in 0.02 s"]


def test_a_child_that_answers_no_more_is_not_ready_and_is_started_again(watched: Watched) -> None:
    hears = threading.Event()
    hears.set()
    watched.supervisor.listen, watched.supervisor.silence = 0.01, 0.3
    watched.supervisor.start(child("deaf", STUBBORN, answers=hears.is_set))
    watched.supervisor.start(child("dumb"))
    pid = watched.now["deaf"].pid
    hears.clear()
    watched.until(lambda: watched.now["deaf"].state == "silent")
    hears.set()
    watched.until(lambda: watched.now["deaf"].state == "ready")
    assert watched.now["deaf"].pid == pid, "it was only slow"
    hears.clear()
    watched.until(lambda: watched.now["deaf"].pid != pid and watched.now["deaf"].state == "silent")
    hears.set()
    watched.until(lambda: watched.now["deaf"].state == "ready")
    assert "deaf has not answered for 0 s: it is ended" in watched.said
    assert ("dumb", "silent") not in watched.seen


def test_pauses_between_restarts_double_up_to_the_longest(watched: Watched) -> None:
    watched.supervisor.start(child("faller", "raise SystemExit(7)", may_end=True))
    watched.until(lambda: len(watched.said) >= 5)
    assert [line.rpartition(" in ")[2] for line in watched.said[:5]] == ["0.02 s", "0.04 s", "0.08 s", "0.1 s", "0.1 s"]


def test_after_a_calm_run_the_pauses_begin_anew(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append, first_pause=0.01, calm=0)
    supervisor.start(child("faller", "raise SystemExit(7)"))
    supervisor.run(lambda: wait_until(lambda: len(said) >= 3, "three falls"))
    supervisor.close()
    assert {line.rpartition(" in ")[2] for line in said[:3]} == {"0.01 s"}


def test_a_child_that_refuses_is_given_up_with_its_last_words(watched: Watched, tmp_path: Path) -> None:
    refusal = "print('IOC_PARTITIONS must be at least 1'); raise SystemExit(2)"
    with pytest.raises(
        IocError, match=r"refuser refused to run \(exit code 2\); its log ends with:\n(IOC_PARTIT.*\n?)+$"
    ) as refused:
        watched.supervisor.start(child("refuser", refusal, ready=lambda _: False))
    assert watched.now["refuser"].state == "away"
    assert (tmp_path / "the logs" / "refuser.log").read_text().count("at least 1") == 4, "tried again three times"
    assert watched.said[-1] == str(refused.value)


def test_a_child_given_up_later_leaves_the_others_running(watched: Watched, tmp_path: Path) -> None:
    looks, seen = iter([True]), tmp_path / "seen ready"

    def ready(_: int) -> bool:
        seen.touch()
        return next(looks, False)

    refusal = f"import pathlib, time\nwhile not pathlib.Path({str(seen)!r}).exists(): time.sleep(0.01)\nraise SystemExit(1)"
    watched.supervisor.start(child("healthy"))
    watched.supervisor.start(child("refuser", refusal, ready=ready))
    watched.until(lambda: watched.now["refuser"].state == "away")
    assert watched.now["healthy"].state == "ready"


def test_a_child_too_slow_is_an_error_that_shows_its_log(watched: Watched) -> None:
    slow = child("slow", "print('loading', flush=True); import signal; signal.pause()", lambda _: False, patience=0.5, grace=0)
    with pytest.raises(IocError, match="slow was not ready within 0 s; its log ends with:\nloading"):
        watched.supervisor.start(slow)


def test_a_command_that_does_not_exist_is_an_error_at_the_start(watched: Watched) -> None:
    with pytest.raises(FileNotFoundError):
        watched.supervisor.start(Child("ghost", lambda: ["/no/such/program"], lambda _: True))


def test_what_the_work_between_two_children_raises_ends_the_start(watched: Watched) -> None:
    def fails() -> None:
        raise IocError("the store has another generation")

    with pytest.raises(IocError, match="another generation"):
        watched.supervisor.start(child("worker", before=fails))
    assert "worker" not in watched.now


def test_children_are_watched_while_long_work_is_done(watched: Watched) -> None:
    watched.supervisor.start(child("broker"))
    pid = watched.now["broker"].pid
    assert pid

    def long_work() -> None:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: watched.now["broker"].pid not in (pid, None), "a new broker")

    watched.supervisor.start(child("worker", before=long_work))
    assert watched.now["worker"].state == "ready"


@pytest.mark.parametrize("trouble", [{"code": "raise SystemExit(2)"}, {"patience": 0, "grace": 0}])
def test_an_optional_child_that_cannot_run_ends_and_the_others_go_on(watched: Watched, trouble: dict[str, Any]) -> None:
    watched.supervisor.start(child("worker"))
    watched.supervisor.start(
        child("extra", ready=lambda _: False, optional=True, after=lambda: pytest.fail("never ready"), **trouble)
    )
    assert (watched.now["worker"].state, watched.now["extra"].state) == ("ready", "ended")


def test_shutdown_ends_a_start_that_waits(watched: Watched) -> None:
    def ready(_: int) -> bool:
        watched.supervisor.shutdown()
        return False

    with pytest.raises(Stopping):
        watched.supervisor.start(child("slow", ready=ready))


def test_shutdown_from_another_thread_ends_the_watch(watched: Watched) -> None:
    watched.supervisor.start(child("one"))
    timer = threading.Timer(0.01, watched.supervisor.shutdown)
    timer.start()
    watched.supervisor.watch()
    timer.join()


def test_a_deaf_child_is_killed_after_its_grace(tmp_path: Path) -> None:
    deaf = spawn(python(STUBBORN), os.environ, tmp_path / "deaf.log")
    wait_until(lambda: "deaf" in tail(tmp_path / "deaf.log"), "it is deaf")
    stop(deaf, 0.1)
    assert deaf.returncode == -signal.SIGKILL


def test_a_second_shutdown_does_not_wait_for_grace(watched: Watched, tmp_path: Path) -> None:
    watched.supervisor.start(child("deaf", STUBBORN, lambda _: "deaf" in tail(tmp_path / "the logs" / "deaf.log"), grace=3600))
    watched.supervisor.shutdown()
    watched.supervisor.shutdown()
    watched.supervisor.close()
    assert watched.now["deaf"].state == "away"


def test_what_a_child_started_is_stopped_with_it(tmp_path: Path) -> None:
    family = f"import subprocess as s, sys; print(s.Popen([sys.executable, '-S', '-c', '{SLEEPER}']).pid, flush=True); {SLEEPER}"
    parent = spawn(python(family), os.environ, tmp_path / "family.log")
    wait_until(lambda: tail(tmp_path / "family.log").strip().isdigit(), "it has a child")
    grandchild = int(tail(tmp_path / "family.log"))
    stop(parent, 5)
    wait_until(lambda: not alive(grandchild), "the grandchild is gone")


def test_no_child_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = f"""
from contextlib import suppress
from pathlib import Path
from ioc.embedded.supervise import Child, Supervisor
import sys
supervisor = Supervisor(Path({str(tmp_path)!r}), print, lambda services: print(*(s.pid for s in services), flush=True))
for name in ("one", "two"):
    supervisor.start(Child(name, lambda: [sys.executable, "-S", "-c", {STUBBORN!r}], lambda _: True))
print("complete", flush=True)
supervisor.watch()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    lines = list(iter(lambda: process.stdout.readline().strip(), "complete"))  # type: ignore[union-attr]
    pids = [int(pid) for pid in lines[-1].split()]
    assert len(pids) == 2
    assert all(map(alive, pids))
    process.kill()
    process.communicate()
    wait_until(lambda: not any(map(alive, pids)), "the children are gone", 5)


def test_a_log_stays_small_while_it_is_written(watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_BYTES", 10_000)
    watched.supervisor.listen = 0.01
    talks = "import time\nfor n in range(10**9): print(n, '.' * 100, flush=True); time.sleep(0.0005)"
    watched.supervisor.start(child("talker", talks))
    log, older, sizes = tmp_path / "the logs" / "talker.log", tmp_path / "the logs" / "talker.log.1", []

    def often() -> bool:
        sizes.append(log.stat().st_size)
        with suppress(OSError, ValueError, IndexError):  # copied just now, or not yet
            return int(older.read_text().splitlines()[-1].split()[0]) > 1000
        return False

    watched.until(often)
    assert max(sizes) < 100_000
    assert [state for _, state in watched.seen] == ["starting", "ready"]


def test_on_a_full_disk_a_big_log_is_cut_without_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(children.shutil, "copyfile", full)
    log = tmp_path / "x.log"
    with log.open("wb") as file:
        file.truncate(LOG_BYTES + 1)
    keep_small(log)
    assert log.stat().st_size == 0
    assert list(tmp_path.iterdir()) == [log]


def test_who_refused_and_why_is_told_with_its_state(watched: Watched, tmp_path: Path) -> None:
    looks, seen = iter([True]), tmp_path / "seen ready"

    def ready(_: int) -> bool:
        seen.touch()
        return next(looks, False)

    refusal = (
        f"import pathlib, time\nwhile not pathlib.Path({str(seen)!r}).exists(): time.sleep(0.01)\n"
        "print('ioc worker: ioc.events.dossier has 6 partitions'); print('goodbye'); raise SystemExit(1)"
    )
    watched.supervisor.start(child("worker", refusal, ready=ready))
    watched.until(lambda: watched.now["worker"].state == "away")
    assert watched.now["worker"].why == "refused to run (exit code 1): ioc worker: ioc.events.dossier has 6 partitions"


def test_a_child_whose_service_is_away_is_tried_until_it_is_there_and_then_nothing_is_left_to_tell(
    watched: Watched, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    away = (
        f"import pathlib, signal\nif pathlib.Path({str(there)!r}).exists(): signal.pause()\n"
        "print('ioc: Kafka is away')\nraise SystemExit(3)"
    )
    thread = threading.Thread(target=lambda: (wait_until(lambda: len(watched.said) > 6, "seven falls"), there.touch()))
    thread.start()
    watched.supervisor.start(child("worker", away, ready=lambda _: there.exists()))
    thread.join()
    assert [s for _, s in watched.seen].count("restarting") > 6
    watched.until(lambda: watched.now["worker"].state == "ready")
    assert watched.now["worker"].why == ""


@pytest.mark.parametrize("foreign", [True, False])
def test_an_exit_code_of_a_foreign_program_that_has_served_is_no_refusal(watched: Watched, tmp_path: Path, foreign: bool) -> None:
    falls = (
        f"import pathlib, time\nwhile not pathlib.Path({str(tmp_path / 'go')!r}).exists(): time.sleep(0.01)\nraise SystemExit(1)"
    )
    watched.supervisor.start(child("broker", falls, foreign=foreign))
    (tmp_path / "go").touch()
    watched.until(lambda: len(watched.said) > 5 or watched.now["broker"].state == "away")
    assert (watched.now["broker"].state == "away") is not foreign


def test_a_child_that_cannot_even_be_started_is_tried_until_it_can(watched: Watched) -> None:
    commands = iter([python(SLEEPER), *[["/no/such/program"]] * 6])
    watched.supervisor.start(Child("unlucky", lambda: next(commands, python(SLEEPER)), lambda _: True))
    before = watched.now["unlucky"].pid
    assert before
    os.kill(before, signal.SIGKILL)
    watched.until(lambda: watched.now["unlucky"].state == "ready" and watched.now["unlucky"].pid != before)
    assert sum("could not be started: " in line for line in watched.said) == 6


def test_a_state_that_cannot_be_written_ends_nothing_and_is_written_once_it_can(tmp_path: Path) -> None:
    full, said, told = [True], [], []

    def changed(services: list[Service]) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        told.append([service.state for service in services])

    supervisor = Supervisor(tmp_path, said.append, changed, first_pause=0.01)
    supervisor.start(child("one"))
    supervisor.start(child("two"))
    assert [line for line in said if "No space left" in line] == said, "told once"
    full[0] = False
    supervisor.run(lambda: wait_until(lambda: told, "it is told"))
    assert told[0] == ["ready", "ready"]
    assert said[1:] == ["the state of the services is written again"]
    supervisor.close()


def test_a_log_that_takes_nothing_more_ends_nothing(tmp_path: Path) -> None:
    def full(_: str) -> None:
        raise OSError(28, "No space left on device")

    fallen, again = tmp_path / "fallen", tmp_path / "again"
    code = f"import os, time\nif not os.path.exists({str(fallen)!r}):\n    open({str(fallen)!r}, 'w')\n    raise SystemExit(7)\n"
    supervisor = Supervisor(tmp_path, full, first_pause=0.01)
    supervisor.start(child("faller", f"{code}open({str(again)!r}, 'w')\ntime.sleep(600)", lambda _: again.exists()))
    supervisor.close()
