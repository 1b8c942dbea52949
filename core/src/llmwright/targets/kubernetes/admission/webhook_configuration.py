"""The ValidatingWebhookConfiguration: the webhook's address, and the certificates that the API server trusts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from llmwright.api.crd import GROUP
from llmwright.api.versions import API_VERSIONS
from llmwright.settings.model import Webhook as WebhookSettings
from llmwright.targets.kubernetes.admission.certificates import still_valid
from llmwright.targets.kubernetes.admission.validation import CHECKED_OPERATIONS
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATION as NAME
from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATIONS
from llmwright.targets.kubernetes.operator.apply.drift import covers

WITHDRAWALS = 5
"""How often the certificates are withdrawn at most, where other replicas write at the same time."""

Object = Mapping[str, Any]

WEBHOOK = "check.workspaces.kaito.sh"


def server_name(settings: WebhookSettings) -> str:
    """Return the name that the API server expects in the certificate."""
    if settings.url:
        return urlsplit(settings.url).hostname or ""
    namespace, _, name = (settings.service or "").partition("/")
    return f"{name}.{namespace}.svc"


def configuration(settings: WebhookSettings, bundle: Iterable[bytes]) -> dict[str, Any]:
    """Return the whole object, with the certificates of ``bundle`` as trusted."""
    webhook = {
        "name": WEBHOOK,
        "clientConfig": {**_address(settings), "caBundle": base64.b64encode(b"".join(bundle)).decode()},
        "rules": [
            {
                "apiGroups": [GROUP],
                "apiVersions": [version.partition("/")[2] for version in API_VERSIONS],
                "operations": sorted(CHECKED_OPERATIONS),
                "resources": ["workspaces"],
                "scope": "Namespaced",
            }
        ],
        # With the policy ``Fail`` and no operator running, a user must still be able to remove the finalizer of a
        # Workspace that is being deleted.
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


def trusted_by(live: Object) -> bytes:
    """Return the PEM bundle of the first webhook of our name; empty where there is none."""
    try:
        return base64.b64decode((_our_webhook(live).get("clientConfig") or {}).get("caBundle") or "")
    except binascii.Error:
        return b""


def _our_webhook(live: Object) -> Object:
    return next((webhook for webhook in live.get("webhooks") or [] if webhook.get("name") == WEBHOOK), {})


class WebhookRegistration:
    """Writes the ValidatingWebhookConfiguration, which all replicas of the operator share.

    Each replica adds its own certificates and keeps those of the others. Only the leader writes the other fields:
    otherwise two replicas of different versions would overwrite each other's fields without end. Selectors that an
    administrator adds stay.
    """

    def __init__(
        self, api: Api, settings: WebhookSettings, clock: Callable[[], datetime], leads: Callable[[], bool]
    ) -> None:
        self._api, self._settings, self._clock, self._leads = api, settings, clock, leads

    def trust(self, certificates: Iterable[bytes]) -> None:
        """Add certificates to those that the API server trusts.

        Raises:
            ApiError: the server refused; also if another replica wrote at the same time (a conflict).
        """
        live = self._api.find(WEBHOOK_CONFIGURATIONS, None, NAME)
        kept = still_valid(trusted_by(live or {}), self._clock())
        self._write(live, tuple(dict.fromkeys((*kept, *certificates))))

    def withdraw(self, certificates: Iterable[bytes]) -> None:
        """Remove certificates from those that the API server trusts, unless no others are left.

        A replica that takes over the lead writes at that very moment, so a conflict is tried again.

        Raises:
            ApiError: the server refused.
        """
        ours = frozenset(certificates)
        for tries_left in reversed(range(WITHDRAWALS)):
            try:
                self._withdraw(ours)
            except ApiError as error:
                if error.code != HTTPStatus.CONFLICT or not tries_left:
                    raise
            else:
                return

    def _withdraw(self, ours: frozenset[bytes]) -> None:
        live = self._api.find(WEBHOOK_CONFIGURATIONS, None, NAME)
        trusted = still_valid(trusted_by(live or {}), self._clock())
        left = tuple(certificate for certificate in trusted if certificate not in ours)
        if live is not None and left:
            self._write(live, left)

    def _write(self, live: dict[str, Any] | None, bundle: tuple[bytes, ...]) -> None:
        wanted = configuration(self._settings, bundle)
        if live is None:
            self._api.create(WEBHOOK_CONFIGURATIONS, wanted)
            return
        (ours,) = wanted["webhooks"]
        before = _our_webhook(live)
        if before and not self._leads():
            theirs = before.get("clientConfig") or {}
            ours = {"clientConfig": {**theirs, "caBundle": ours["clientConfig"]["caBundle"]}}
        after = [{**before, **ours}]
        if not (len(live.get("webhooks") or []) == 1 and covers(live["webhooks"], after)):
            self._api.replace(WEBHOOK_CONFIGURATIONS, {**live, "webhooks": after})
