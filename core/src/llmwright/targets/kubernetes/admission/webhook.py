"""The running webhook: its server, its certificates, and the configuration by which API servers find it."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from llmwright.settings.model import Webhook as WebhookSettings
from llmwright.targets.kubernetes.admission.admission_review import InvalidReview, read_request, review_response
from llmwright.targets.kubernetes.admission.certificate_rotation import CertificateRotation
from llmwright.targets.kubernetes.admission.certificates import Certificate, issue, server_context
from llmwright.targets.kubernetes.admission.https_server import Answer, HttpsServer
from llmwright.targets.kubernetes.admission.validation import WorkspaceCheck, validate
from llmwright.targets.kubernetes.admission.webhook_configuration import WebhookRegistration, server_name
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import CONFLICT, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATIONS
from llmwright.targets.kubernetes.cluster.informer import Informer, Selection
from llmwright.values.backoff import Backoff

OUTCOMES = ("allowed", "refused", "malformed", "error")
BACKOFF = Backoff(first_s=0.5, most_s=30.0)
SPACING_S = 0.2
"""The least time between two writes of the configuration. A program that deletes it in a loop is answered no faster."""

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Webhook:
    """Serves from ``start`` to ``stop``.

    Args:
        check: called from several threads at once. An exception from it is a bug, and answered with 500.
        leads: whether this process may write all fields of the configuration.
    """

    def __init__(
        self, api: Api, settings: WebhookSettings, check: WorkspaceCheck, leads: Callable[[], bool] = lambda: True
    ) -> None:
        self._settings, self._check = settings, check
        self._registration = WebhookRegistration(api, settings, _now, leads)
        selection = Selection(
            resource=WEBHOOK_CONFIGURATIONS, fields=f"metadata.name={WEBHOOK_CONFIGURATION}", trim=lambda whole: whole
        )
        self._watch = Informer(api, selection, lambda *_: self._wake.set())
        self._outcomes = Counter[str]()
        self._counting = threading.Lock()
        self._wake, self._ending = threading.Event(), threading.Event()
        self._rotation: CertificateRotation | None = None
        self._loaded: Certificate | None = None
        self._server: HttpsServer | None = None
        self._keeper = threading.Thread(target=self._keep_trusted, name="webhook certificate", daemon=True)

    def start(self, host: str) -> None:
        """Listen, and write the configuration.

        Raises:
            ConfigError: the port is taken.
        """
        validity = timedelta(seconds=self._settings.validity)
        self._rotation = CertificateRotation(partial(issue, server_name(self._settings), validity), validity, _now())
        self._loaded = self._rotation.served
        self._server = HttpsServer(host, self._settings.port, server_context(self._loaded), self.answer)
        # Listen before API servers are sent here: with the policy ``Fail`` they would refuse every Workspace till then.
        self._server.start()
        self._watch.start()
        self._keeper.start()

    def stop(self) -> None:
        """Stop serving, and remove our certificates from the configuration."""
        self._ending.set()
        self._wake.set()
        self._watch.stop()
        if self._server is None or self._rotation is None:
            return
        self._server.stop()
        # The keeper ends first: it would otherwise publish again what is withdrawn here.
        self._keeper.join(10.0)
        try:
            self._registration.withdraw([certificate.text for certificate in self._rotation.issued()])
        except ApiError as error:
            log.info("the webhook's certificate stays trusted until it expires: %s", error.message)

    def put_in_order(self) -> None:
        """Write the configuration again, as this process may lead now."""
        self._wake.set()

    @property
    def ready(self) -> bool:
        """Whether API servers trust the served certificate. Before that, no Service should send them here."""
        return self._rotation is not None and self._rotation.is_trusted(_now())

    @property
    def outcomes(self) -> Mapping[str, int]:
        """The number of reviews by outcome."""
        with self._counting:
            return {outcome: self._outcomes[outcome] for outcome in OUTCOMES}

    @property
    def expires(self) -> datetime | None:
        """When the served certificate expires; None before ``start``."""
        return self._rotation.served.expires if self._rotation is not None else None

    def answer(self, body: bytes) -> Answer:
        """Return the answer to one AdmissionReview; never raises."""
        try:
            request = read_request(body)
        except InvalidReview as error:
            self._count("malformed")
            return Answer(400, "text/plain; charset=utf-8", f"{error}\n".encode())
        try:
            result = validate(request, self._check)
            text = json.dumps(review_response(request, result.errors, result.warnings)).encode()
        except Exception:
            log.exception("%s: internal error in the webhook", request)
            self._count("error")
            return Answer(500, "text/plain; charset=utf-8", b"internal error: see the operator's log\n")
        if result.errors:
            reasons = ", ".join(f"{error.path} {error.reason}" for error in result.errors)
            log.info("refused: %s: %s", request, reasons)
        self._count("refused" if result.errors else "allowed")
        return Answer(200, "application/json", text)

    def _count(self, outcome: str) -> None:
        with self._counting:
            self._outcomes[outcome] += 1

    def _keep_trusted(self) -> None:
        """Write the configuration whenever it changes, and rotate the certificate in time."""
        failures = 0
        while not self._ending.is_set():
            # Cleared before the read: a change that comes during the step is then seen by the next step.
            self._wake.clear()
            try:
                pause = self._step()
            except ApiError as error:
                if error.code != CONFLICT:
                    log.warning("the webhook's certificate could not be made known: %s", error.message)
                failures += 1
                self._ending.wait(max(BACKOFF.pause_s(failures), error.retry_after_s or 0.0))
            except Exception:
                # Whatever it is: without this thread nobody serves a new certificate before this one expires.
                log.exception("the webhook's certificate could not be kept up; it is tried again")
                failures += 1
                self._ending.wait(BACKOFF.pause_s(failures))
            else:
                failures = 0
                if not self._ending.wait(SPACING_S):
                    self._wake.wait(pause)

    def _step(self) -> float:
        """Publish certificates and serve the one whose time has come; return the seconds until the next step."""
        assert self._rotation is not None
        self._registration.trust([certificate.text for certificate in self._rotation.to_publish(_now())])
        # Only after the write: the time that API servers need begins when they can read the new bundle.
        self._rotation.published(_now())
        if self._rotation.served is not self._loaded:
            self._serve(self._rotation.served)
        return self._rotation.pause_s(_now())

    def _serve(self, certificate: Certificate) -> None:
        assert self._server is not None
        self._server.context = server_context(certificate)
        self._loaded = certificate
        log.info("the webhook serves with a certificate that expires at %s", certificate.expires.isoformat())
