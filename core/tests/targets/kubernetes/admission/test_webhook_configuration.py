"""The configuration of the webhook, which all replicas of the operator share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from llmwright.settings.model import Webhook as WebhookSettings
from llmwright.targets.kubernetes.admission import webhook_configuration
from llmwright.targets.kubernetes.admission.webhook_configuration import WITHDRAWALS, WebhookRegistration, trusted_by
from llmwright.targets.kubernetes.cluster.api_errors import ApiError

OURS, THEIRS = b"ours\n", b"theirs\n"
SETTINGS = WebhookSettings(url="https://127.0.0.1:9443/")


class Contested:
    """An API server at which another replica writes just before each of the first ``conflicts`` writes."""

    def __init__(self, conflicts: int, code: int = 409) -> None:
        self.conflicts, self.code = conflicts, code
        self.live = webhook_configuration.configuration(SETTINGS, (OURS, THEIRS))

    def find(self, *_: object) -> dict[str, Any]:
        return self.live

    def replace(self, _: object, wanted: dict[str, Any]) -> None:
        if self.conflicts:
            self.conflicts -= 1
            raise ApiError("the object has been modified", code=self.code, reason="Conflict")
        self.live = wanted


@pytest.fixture(autouse=True)
def plain_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_configuration, "still_valid", lambda bundle, now: bundle.splitlines(keepends=True))


def registration(api: Any) -> WebhookRegistration:
    return WebhookRegistration(api, SETTINGS, lambda: datetime(2026, 1, 1, tzinfo=UTC), lambda: False)


def test_certificates_are_withdrawn_though_another_replica_takes_the_lead_at_that_moment() -> None:
    api = Contested(conflicts=2)
    registration(api).withdraw([OURS])
    assert trusted_by(api.live) == THEIRS


@pytest.mark.parametrize(("conflicts", "code"), [(WITHDRAWALS, 409), (1, 403)])
def test_a_refusal_that_stays_is_an_error(conflicts: int, code: int) -> None:
    with pytest.raises(ApiError):
        registration(Contested(conflicts, code)).withdraw([OURS])
