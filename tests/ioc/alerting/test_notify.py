"""Notify: in order, once, or again with the same key; a receiver that is away or refuses is told of, and holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from ioc.alerting import notify, webhook
from ioc.alerting.notify import NOTIFY, PUBLISH, Teller, Topic
from ioc.alerting.removed import ALERT
from ioc.alerting.webhook import Webhook, signature
from ioc.catalog import ALERTS, Catalog
from ioc.errors import ServiceAway
from ioc.kafka import TopicPartition, create_topics, read_at
from ioc.settings import Settings
from ioc.store import state
from ioc.store.clickhouse import Store
from tests.counting import real_store
from tests.logs import START
from tests.receiver import SECRET, Receiver, receiving
from tests.streams_queue import CATALOG, QUEUE

GENERATION = CATALOG.generations["queue"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "LONGEST", 0.1)


def judged(store: Store, steps: list[tuple[int, str, str, float]], until: int, generation: str = GENERATION) -> None:
    """Transitions (second, desk, to, value) and the position of the judge (second)."""
    rows = [
        (generation, "queue.waiting", [d], START + at * 1000, to, value, 20.0, 10.0, "", START + at * 1000)
        for at, d, to, value in steps
    ]
    store.insert("alerts", state.rows_table("alerts", rows))
    state.save_step(store, ALERT, generation, "queue", START + until * 1000)


def hook(receiver: Receiver) -> Webhook:
    return Webhook(Settings(webhook_url=receiver.url, webhook_secret=SECRET))


def tell(store: Store, way_out: notify.WayOut, stage: str = NOTIFY, catalog: Catalog = CATALOG) -> None:
    asyncio.run(Teller(catalog, store, stage, way_out).tell(lambda: True))


STEPS = [(5, "A", "firing", 30.0), (5, "B", "firing", 22.0), (9, "A", "resolved", 3.0)]
TOLD = [("A", "firing", 30.0), ("B", "firing", 22.0), ("A", "resolved", 3.0)]


def test_the_signature_is_that_of_the_standards_own_test_vector() -> None:
    made = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_transition_is_told_once_in_order_and_signed(store_url: str, receiver: Receiver) -> None:
    store = real_store(store_url, "notify_once", CATALOG)
    judged(store, STEPS, 10)
    tell(store, hook(receiver))
    tell(store, hook(receiver))
    judged(store, [(12, "B", "resolved", 4.0)], 13)
    tell(store, hook(receiver))
    assert receiver.told() == [*TOLD, ("B", "resolved", 4.0)]
    assert all(d.signed for d in receiver.deliveries)
    assert len({d.key for d in receiver.deliveries}) == 4
    assert receiver.deliveries[0].event["time"] == "2022-10-06T00:00:05Z"


def test_what_is_written_and_not_judged_to_its_end_is_not_told(store_url: str, receiver: Receiver) -> None:
    store = real_store(store_url, "notify_position", CATALOG)
    judged(store, STEPS, 5)
    tell(store, hook(receiver))
    assert receiver.told() == TOLD[:2]


@pytest.mark.parametrize("status", [500, 503, 301, 408, 409, 429])
def test_a_receiver_that_cannot_now_is_told_again_until_it_can(store_url: str, receiver: Receiver, status: int) -> None:
    store = real_store(store_url, f"notify_{status}", CATALOG)
    receiver.answer = lambda event, number: status if number < 2 else 204
    judged(store, STEPS, 10)
    tell(store, hook(receiver))
    assert receiver.told(status) == [TOLD[0]] * 2
    assert receiver.told() == TOLD
    assert len({d.key for d in receiver.deliveries[:3]}) == 1


def test_a_refusal_for_good_is_kept_and_passed(store_url: str, receiver: Receiver) -> None:
    store = real_store(store_url, "notify_refused", CATALOG)
    receiver.answer = lambda event, number: 400 if number == 0 else 204
    judged(store, STEPS, 10)
    tell(store, hook(receiver))
    assert receiver.told(400) + receiver.told() == TOLD
    kept = store.query("SELECT dims[1], transition, status FROM notifications FINAL ORDER BY at, dims").rows()
    assert kept == [("A", "firing", 400), ("B", "firing", 204), ("A", "resolved", 204)]


def test_a_crash_between_sending_and_recording_repeats_with_the_same_key(
    store_url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = real_store(store_url, "notify_crash", CATALOG)
    judged(store, STEPS, 10)

    def ends(*_: object) -> None:
        raise ServiceAway("it ends here")

    monkeypatch.setattr(state, "save_step", ends)
    with pytest.raises(ServiceAway):
        tell(store, hook(receiver))
    monkeypatch.undo()
    assert receiver.told() == TOLD[:2]
    tell(store, hook(receiver))
    assert receiver.told() == [*TOLD[:2], *TOLD]
    keys = [d.key for d in receiver.deliveries]
    assert keys[:2] == keys[2:4]
    assert [d.event for d in receiver.deliveries[:2]] == [d.event for d in receiver.deliveries[2:4]]


def test_who_no_longer_leads_stops_telling(store_url: str, receiver: Receiver) -> None:
    store = real_store(store_url, "notify_leads", CATALOG)
    receiver.answer = lambda event, number: 503
    judged(store, STEPS, 10)
    asyncio.run(Teller(CATALOG, store, NOTIFY, hook(receiver)).tell(lambda: len(receiver.deliveries) < 3))
    assert receiver.told(503) == [TOLD[0]] * 3
    assert state.steps(store, NOTIFY) == {}


def test_without_an_address_nobody_is_told_later_either(store_url: str, receiver: Receiver) -> None:
    store = real_store(store_url, "notify_none", CATALOG)
    judged(store, STEPS, 10)
    tell(store, Webhook(Settings()))
    tell(store, hook(receiver))
    assert receiver.deliveries == []


def test_going_back_to_a_declaration_of_before_is_no_news(store_url: str, receiver: Receiver) -> None:
    store = real_store(store_url, "notify_back", CATALOG)
    judged(store, STEPS, 10)
    tell(store, hook(receiver))
    judged(store, [(15, "D", "firing", 50.0)], 20, "another")
    tell(store, hook(receiver), catalog=Catalog((QUEUE,), {"queue": "another"}))
    judged(store, [(15, "D", "firing", 51.0)], 20)
    tell(store, hook(receiver))
    assert receiver.told() == [*TOLD, ("D", "firing", 50.0)]


@pytest.mark.parametrize("body", ["is cut off", "never comes"])
def test_a_receiver_that_took_it_is_not_told_again_whatever_becomes_of_its_words(
    store_url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", 0.5)
    receiver.body = body
    store = real_store(store_url, f"notify_{body.replace(' ', '_')}", CATALOG)
    judged(store, STEPS, 10)
    tell(store, hook(receiver))
    assert receiver.told() == TOLD


def test_what_was_counted_anew_is_no_news(store_url: str, receiver: Receiver) -> None:
    store = real_store(store_url, "notify_anew", CATALOG)
    judged(store, STEPS, 10)
    tell(store, hook(receiver))
    anew = Catalog((QUEUE,), {"queue": "another"})
    judged(store, [*STEPS, (8, "C", "firing", 40.0), (15, "D", "firing", 50.0)], 20, "another")
    tell(store, hook(receiver), catalog=anew)
    assert receiver.told() == [*TOLD, ("D", "firing", 50.0)]


def test_the_topic_gets_them_in_order_keyed_by_rule_and_group(store_url: str, broker: str) -> None:
    store, settings = real_store(store_url, "notify_topic", CATALOG), Settings(kafka_bootstrap=broker)
    asyncio.run(create_topics(settings, {ALERTS: 1}))
    judged(store, STEPS[:1], 10)
    tell(store, Topic(settings), PUBLISH)
    record = asyncio.run(read_at(settings, {TopicPartition(ALERTS, 0): 0}))[TopicPartition(ALERTS, 0)]
    assert record.key == b"queue.waiting\x1fA"
    assert b'"type":"vn.ioc.alert.changed.v1"' in record.value
    assert state.steps(store, PUBLISH) == {(GENERATION, "queue"): START + 10_000}


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_!!!", "whsec_c2hvcnQ="])
def test_a_webhook_without_a_proper_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError, match="openssl rand -base64 32"):
        Settings(webhook_url="http://127.0.0.1:1", webhook_secret=secret)
