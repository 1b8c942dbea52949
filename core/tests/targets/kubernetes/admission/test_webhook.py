"""The running webhook keeps its certificate up, whatever goes wrong."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from tests.support.waiting import wait_until

from llmwright.settings.model import Webhook as WebhookSettings
from llmwright.targets.kubernetes.admission import webhook as webhook_module
from llmwright.targets.kubernetes.admission.certificates import server_context
from llmwright.targets.kubernetes.admission.webhook import Webhook
from llmwright.targets.kubernetes.admission.webhook_configuration import trusted_by
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.testing.cluster.programs import free_port
from llmwright.values.backoff import Backoff

HOST = "127.0.0.1"


@dataclass
class Configurations:
    """An API server that holds the one configuration, after ``faults`` of requests for it."""

    faults: list[Exception] = field(default_factory=list)
    live: Any = None

    def find(self, *_: Any) -> Any:
        if self.faults:
            raise self.faults.pop()
        return self.live

    def create(self, _: Any, wanted: Any) -> None:
        self.live = wanted

    replace = create

    def page(self, *_: Any, **__: Any) -> Any:
        return {"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []}

    def watch(self, *_: Any, **__: Any) -> Iterator[Any]:
        return iter(())

    def trusts(self, number: int) -> bool:
        return self.live is not None and trusted_by(self.live).count(b"BEGIN CERTIFICATE") == number


@dataclass
class Calendar:
    """The date, which moves when told."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    calendar = Calendar(datetime.now(UTC))
    monkeypatch.setattr(webhook_module, "_now", calendar)
    monkeypatch.setattr(webhook_module, "BACKOFF", Backoff(0.01, 0.01))
    monkeypatch.setattr(webhook_module, "SPACING_S", 0.01)
    return calendar


@pytest.fixture
def started(calendar: Calendar) -> Iterator[Callable[[Configurations], tuple[Webhook, int]]]:
    running: list[Webhook] = []

    def start(api: Configurations) -> tuple[Webhook, int]:
        port = free_port()
        webhook = Webhook(cast(Api, api), WebhookSettings(url=f"https://{HOST}:{port}", port=port), lambda *_: ())
        webhook.start(HOST)
        running.append(webhook)
        return webhook, port

    yield start
    for webhook in running:
        webhook.stop()


def test_an_error_that_nobody_foresaw_is_logged_and_the_certificate_is_published_all_the_same(
    started: Callable[[Configurations], tuple[Webhook, int]], caplog: pytest.LogCaptureFixture
) -> None:
    api = Configurations(faults=[TypeError("an odd answer")])
    with caplog.at_level(logging.ERROR):
        started(api)
        wait_until(lambda: api.trusts(1), "the certificate is published")
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "certificate could not be kept up" in line.getMessage()
    assert "an odd answer" in caplog.text


def test_a_certificate_that_could_not_be_loaded_is_served_with_the_next_step(
    started: Callable[[Configurations], tuple[Webhook, int]], calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else API servers would refuse the old one once it is over."""
    api = Configurations()
    webhook, port = started(api)
    wait_until(lambda: api.trusts(1), "the certificate is published")
    first = ssl.get_server_certificate((HOST, port))
    failures = [OSError(24, "Too many open files")]

    def fail_once(certificate: Any) -> ssl.SSLContext:
        if failures:
            raise failures.pop()
        return server_context(certificate)

    monkeypatch.setattr(webhook_module, "server_context", fail_once)
    calendar.now += timedelta(hours=13)
    webhook.put_in_order()
    wait_until(lambda: api.trusts(2), "its successor is published")

    def is_replaced() -> bool:
        calendar.now += timedelta(minutes=1)
        webhook.put_in_order()
        return ssl.get_server_certificate((HOST, port)) != first

    wait_until(is_replaced, "its successor is served")
    assert not failures
