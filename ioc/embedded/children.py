"""Children: processes that end with their parent, write into a log, and can be stopped for sure."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
LOG_BYTES = 10_000_000


def spawn(command: list[str], env: Mapping[str, str], log: Path) -> Popen[bytes]:
    """Start a child in a session of its own, its output appended to the log; the kernel kills it when this thread ends.

    The kernel looks at the *thread*, not the process: call it from one that lives as long as the child shall.
    """
    parent = os.getpid()

    def follow_the_parent() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    log.parent.mkdir(parents=True, exist_ok=True)
    keep_small(log)
    with log.open("ab") as out:
        return Popen(
            command,
            env=dict(env),
            stdin=DEVNULL,
            stdout=out,
            stderr=STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal reaches the parent alone, which stops its children in order
            preexec_fn=follow_the_parent,
        )


def stop(child: Popen[bytes], seconds: float, hurry: Callable[[], bool] = lambda: False) -> None:
    """SIGTERM, then after `seconds` (at once in a `hurry`) SIGKILL, for the child and whatever it left in its group."""
    end = time.monotonic() + seconds
    child.terminate()  # does nothing to one that has ended
    while child.poll() is None and time.monotonic() < end and not hurry():
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def keep_small(log: Path) -> None:
    """Set what a log holds beside as `.1` once it is big, also while it is written: who appends goes on at its beginning.

    What comes between copy and cut is lost. On a disk too full for the copy there is none: space is worth more than old lines.
    """
    if not log.exists() or log.stat().st_size <= LOG_BYTES:
        return
    older = log.with_name(log.name + ".1")
    try:
        shutil.copyfile(log, older)
    except OSError:
        older.unlink(missing_ok=True)
    os.truncate(log, 0)


def tail(log: Path, lines: int = 10) -> str:
    """The log's last lines."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    return "(no log)"
