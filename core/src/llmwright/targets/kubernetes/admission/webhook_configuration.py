"""The ValidatingWebhookConfiguration: where the API server asks, and whose certificates it trusts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from llmwright.api.crd import GROUP
from llmwright.api.versions import API_VERSIONS
from llmwright.settings.model import Webhook as WebhookSettings
from llmwright.targets.kubernetes.admission.certificates import still_valid
from llmwright.targets.kubernetes.admission.validation import JUDGED
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATION as NAME
from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATIONS
from llmwright.targets.kubernetes.operator.apply.drift import covers

Object = Mapping[str, Any]

WEBHOOK = "check.workspaces.kaito.sh"


def server_name(settings: WebhookSettings) -> str:
    """The name that the API server expects in the certificate."""
    if settings.url:
        return urlsplit(settings.url).hostname or ""
    namespace, _, name = (settings.service or "").partition("/")
    return f"{name}.{namespace}.svc"


def configuration(settings: WebhookSettings, bundle: Iterable[bytes]) -> dict[str, Any]:
    """The whole object, trusting the certificates of ``bundle``."""
    webhook = {
        "name": WEBHOOK,
        "clientConfig": {**_address(settings), "caBundle": base64.b64encode(b"".join(bundle)).decode()},
        "rules": [
            {
                "apiGroups": [GROUP],
                "apiVersions": [version.partition("/")[2] for version in API_VERSIONS],
                "operations": sorted(JUDGED),
                "resources": ["workspaces"],
                "scope": "Namespaced",
            }
        ],
        # With ``Fail`` and no operator left, whoever deletes must still be able to take the finalizer off.
        "matchConditions": [{"name": "is-to-stay", "expression": "!has(object.metadata.deletionTimestamp)"}],
        "matchPolicy": "Equivalent",
        "failurePolicy": settings.failure_policy,
        "sideEffects": "None",
        "timeoutSeconds": settings.timeout,
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": WEBHOOK_CONFIGURATIONS.api_version,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [webhook],
    }


def _address(settings: WebhookSettings) -> Object:
    if settings.url:
        return {"url": settings.url}
    namespace, _, name = (settings.service or "").partition("/")
    return {"service": {"namespace": namespace, "name": name, "path": "/", "port": settings.service_port}}


def trusted_by(found: Object) -> bytes:
    """The PEM bundle of the first webhook of our name; empty where there is none."""
    try:
        return base64.b64decode((_ours(found).get("clientConfig") or {}).get("caBundle") or "")
    except binascii.Error:
        return b""


def _ours(found: Object) -> Object:
    return next((one for one in found.get("webhooks") or [] if one.get("name") == WEBHOOK), {})


class Registration:
    """Keeps the one object as it should be, together with the other replicas.

    Each adds its own certificates and leaves those of others. All else is put in order by the one that leads, so that
    two versions beside each other do not take turns. Selectors that an administrator adds stay.
    """

    def __init__(
        self, api: Api, settings: WebhookSettings, clock: Callable[[], datetime], leads: Callable[[], bool]
    ) -> None:
        self._api, self._settings, self._clock, self._leads = api, settings, clock, leads

    def trust(self, certificates: Iterable[bytes]) -> None:
        """Have these trusted.

        Raises:
            ApiError: the server refused; a conflict with another's write is one.
        """
        found = self._api.find(WEBHOOK_CONFIGURATIONS, None, NAME)
        kept = still_valid(trusted_by(found or {}), self._clock())
        self._write(found, tuple(dict.fromkeys((*kept, *certificates))))

    def withdraw(self, certificates: Iterable[bytes]) -> None:
        """Have these trusted no more, unless nobody else serves.

        Raises:
            ApiError: the server refused.
        """
        found = self._api.find(WEBHOOK_CONFIGURATIONS, None, NAME)
        ours = frozenset(certificates)
        left = tuple(one for one in still_valid(trusted_by(found or {}), self._clock()) if one not in ours)
        if found is not None and left:
            self._write(found, left)

    def _write(self, found: dict[str, Any] | None, bundle: tuple[bytes, ...]) -> None:
        wanted = configuration(self._settings, bundle)
        if found is None:
            self._api.create(WEBHOOK_CONFIGURATIONS, wanted)
            return
        (ours,) = wanted["webhooks"]
        before = _ours(found)
        if before and not self._leads():
            theirs = before.get("clientConfig") or {}
            ours = {"clientConfig": {**theirs, "caBundle": ours["clientConfig"]["caBundle"]}}
        after = [{**before, **ours}]
        if not (len(found.get("webhooks") or []) == 1 and covers(found["webhooks"], after)):
            self._api.replace(WEBHOOK_CONFIGURATIONS, {**found, "webhooks": after})
