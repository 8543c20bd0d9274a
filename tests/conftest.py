"""What all tests share: one broker and one store a session, and how hard hypothesis tries.

Tests are independent: whoever uses `broker` or `store_url` brings topics and a database that no other test names.
`IOC_TEST_DATA` is the folder of the real logs (`tests.data`), IOC_TEST_SCHEDULES how many schedules are played
(`tests.ioc.counting.test_schedules`), HYPOTHESIS_PROFILE one of ci, dev, thorough, IOC_TEST_EXAMPLES how many examples
the last one tries, IOC_TEST_FUZZ_SECONDS and IOC_TEST_STORM_SECONDS how long the fuzzers and the storm last,
IOC_TEST_YEAR and IOC_TEST_YEARS the folders of the stores of a year and of three (`tests.ioc.bench.test_years`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.services import running_broker, running_store

# how fast a machine that others use makes examples says nothing of the engine: no deadline, and no limit for their making
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", PATIENT, derandomize=True, max_examples=30, print_blob=True)
settings.register_profile("dev", PATIENT, max_examples=30)
settings.register_profile("thorough", PATIENT, max_examples=int(os.environ.get("IOC_TEST_EXAMPLES") or 150))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

# what a developer has set for a centre of his own must not reach the tests
for name in [n for n in os.environ if n.startswith("IOC_") and not n.startswith("IOC_TEST_")]:
    del os.environ[name]
os.environ["IOC_GRAFANA_PORT"] = "0"  # nor a Grafana that happens to be installed


def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: many tests wait for a process of their own."""
    return (os.cpu_count() or 1) + 1


LONGEST = (
    "years", "replay", "seasons", "chaos", "faults", "store_trouble", "cli_centre", "schedules", "paced_whole", "paced", "wall",
    "truncated", "event_time", "roll", "pipeline", "docs_commands", "store_mend", "stack", "grafana_client", "supervise",
    "alert_faults", "importer", "cli", "mapping", "fast_lane", "province", "purity", "imported", "window_truth", "demo", "kpis",
    "maps", "rebuild",
)  # fmt: skip
"""The files that take longest, the longest first: begun last, one of them would keep a core waiting for it."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; within a file the order stays."""
    places = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a real broker that serves the whole session."""
    with running_broker(tmp_path_factory.mktemp("session") / "broker") as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an embedded store that serves the whole session."""
    with running_store(tmp_path_factory.mktemp("session") / "store") as url:
        yield url


@pytest.fixture(autouse=True)
def databases_go_back() -> Iterator[None]:
    """A database that a test took may be another test's after it (`tests.counting.real_store`)."""
    from tests.counting import given_back  # here: what a developer has set is gone by now

    with given_back():
        yield
