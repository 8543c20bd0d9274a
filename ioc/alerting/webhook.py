"""Webhook: a transition of an alert as a CloudEvent, and its signed delivery over HTTP.

Signed as Standard Webhooks 1.0.0 say, so that receivers verify it with any of their libraries.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from dataclasses import dataclass

import orjson
import urllib3

from ioc.alerting.judge import REASONS
from ioc.errors import ServiceAway
from ioc.settings import Settings
from ioc.times import iso
from ioc.vocabulary import ALL, Dims, Indicator

EVENT_TYPE = "vn.ioc.alert.changed.v1"
TIMEOUT = 10.0
"""Seconds a webhook has for its answer."""
KEPT = 200
"""Bytes of an answer that are read."""
LATER = frozenset({408, 409, 429})
"""Refusals that mean: not now. Any other 4xx is a refusal for good."""


@dataclass(frozen=True)
class Told:
    """A transition that is to be told; `at` in ms."""

    rule: str
    dims: Dims
    at: int
    transition: str
    value: float
    threshold: float
    clear: float
    reason: str = ""
    """Why it is over though no value says so (a key of `judge.REASONS`); `value` is the one it fired at then."""
    indicator: Indicator | None = None
    """What the rule is of; None: it is declared no more."""
    dimensions: Dims = ()
    """Names of the dimensions."""

    @property
    def idempotency_key(self) -> str:
        """The same for a transition however often it is told: a hash of rule, dimensions, step and transition."""
        return hashlib.sha256(orjson.dumps([self.rule, self.dims, self.at, self.transition])).hexdigest()

    @property
    def key(self) -> bytes:
        """The record's key: the transitions of one group stay in order."""
        return "\x1f".join((self.rule, *self.dims)).encode()

    def event(self) -> bytes:
        """The CloudEvent; the same bytes each time."""
        of = self.indicator
        titles = {"title": of.vi, "title_en": of.en, "unit": of.unit} if of else {}
        reasons = dict(zip(("reason", "reason_en"), REASONS[self.reason], strict=True)) if self.reason else {}
        dims = {name: value for name, value in zip(self.dimensions, self.dims, strict=True) if value != ALL}
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": self.idempotency_key,
                "source": "/ioc/alerts",
                "type": EVENT_TYPE,
                "time": iso(self.at),
                "subject": " ".join((self.rule, *dims.values())),
                "datacontenttype": "application/json",
                "data": {
                    "rule": self.rule,
                    **titles,
                    "dims": dims,
                    "transition": self.transition,
                    "value": self.value,
                    "threshold": self.threshold,
                    "clear": self.clear,
                    **reasons,
                },
            }
        )


@dataclass(frozen=True)
class Reply:
    """What a receiver said for good: an HTTP status and the beginning of its words."""

    status: int
    text: str


class Webhook:
    """The webhook of the settings, signed as Standard Webhooks say. Without an address nobody is told."""

    def __init__(self, settings: Settings) -> None:
        self._url, self._secret = settings.webhook_url, settings.webhook_secret.get_secret_value()
        self._http = urllib3.PoolManager(timeout=TIMEOUT, retries=False)

    async def tell(self, told: Told) -> Reply | None:
        """Returns the answer, be it a refusal for good (4xx)."""
        return await asyncio.to_thread(self._post, told) if self._url else None

    def _post(self, told: Told) -> Reply:
        body, key, now = told.event(), told.idempotency_key, int(time.time())
        headers = {
            "Content-Type": "application/cloudevents+json",
            "Idempotency-Key": key,
            "webhook-id": key,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._secret, key, now, body),
        }
        try:
            answer = self._http.request("POST", self._url, body=body, headers=headers, redirect=False, preload_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ServiceAway(f"the webhook does not answer ({error})") from error
        text = _beginning(answer)
        if answer.status // 100 == 2 or (answer.status // 100 == 4 and answer.status not in LATER):
            return Reply(answer.status, text)
        raise ServiceAway(f"the webhook answers {answer.status} ({text})")


def _beginning(answer: urllib3.BaseHTTPResponse) -> str:
    """What one read brings of the body: the status has decided already, so a body that is cut off or slow holds up nothing."""
    try:
        return answer.read1(KEPT).decode(errors="replace")
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return f"({type(error).__name__})"
    finally:
        answer.close()


def signature(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of "id.timestamp.body" in base64; the secret is `whsec_` and the key in base64.

    Source: Standard Webhooks 1.0.0, "Signature scheme", symmetric.
    """
    signed = b".".join((identity.encode(), str(timestamp).encode(), body))
    made = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(made.digest()).decode()}"
