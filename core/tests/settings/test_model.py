"""Where the API server finds the webhook."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from llmwright.settings.model import Settings


def test_without_an_address_there_is_none() -> None:
    assert not Settings().webhook.enabled


@pytest.mark.parametrize(
    "webhook",
    [{"service": "models/operator"}, {"url": "https://operator.example:9443/"}, {"url": "https://[::1]:9443"}],
)
def test_an_address_turns_it_on(webhook: dict[str, Any]) -> None:
    found = Settings.model_validate({"webhook": webhook}).webhook
    assert (found.enabled, found.failure_policy) == (True, "Ignore")


@pytest.mark.parametrize(
    ("webhook", "message"),
    [
        ({"service": "operator"}, "NAMESPACE/NAME"),
        ({"url": "http://operator.example/"}, "https"),
        ({"url": "https://me@operator.example/"}, "https"),
        ({"url": "https://operator.example/", "service": "models/operator"}, "cannot both"),
        ({"failurePolicy": "Maybe"}, "Ignore"),
        ({"timeout": 31}, "30"),
        ({"validity": 1}, "4"),
    ],
)
def test_what_cannot_be_is_said(webhook: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate({"webhook": webhook})
