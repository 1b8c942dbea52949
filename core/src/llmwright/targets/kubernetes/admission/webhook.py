"""The running webhook: a server, its certificates, and the configuration that leads to it."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from llmwright.settings.model import Webhook as WebhookSettings
from llmwright.targets.kubernetes.admission.admission_review import BadReview, answer, read_review
from llmwright.targets.kubernetes.admission.certificate_rotation import Rotation
from llmwright.targets.kubernetes.admission.certificates import Certificate, issue, server_context
from llmwright.targets.kubernetes.admission.https_server import Answer, Server
from llmwright.targets.kubernetes.admission.validation import Judge, verdict_on
from llmwright.targets.kubernetes.admission.webhook_configuration import Registration, server_name
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import CONFLICT, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATIONS
from llmwright.targets.kubernetes.cluster.informer import Informer, Selection

OUTCOMES = ("allowed", "refused", "malformed", "error")
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
SPACING_S = 0.2

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Webhook:
    """Serves from ``start`` to ``stop``.

    Args:
        judge: called from several threads at once; an exception is a bug, and answered with 500.
        leads: whether this process may put the configuration in order.
    """

    def __init__(
        self, api: Api, settings: WebhookSettings, judge: Judge, leads: Callable[[], bool] = lambda: True
    ) -> None:
        self._settings, self._judge = settings, judge
        self._registration = Registration(api, settings, _now, leads)
        selection = Selection(
            resource=WEBHOOK_CONFIGURATIONS, fields=f"metadata.name={WEBHOOK_CONFIGURATION}", trim=lambda found: found
        )
        self._watch = Informer(api, selection, lambda *_: self._called.set())
        self._outcomes = Counter[str]()
        self._counting = threading.Lock()
        self._called, self._ending = threading.Event(), threading.Event()
        self._rotation: Rotation | None = None
        self._server: Server | None = None
        self._keeper = threading.Thread(target=self._keep, name="webhook certificate", daemon=True)

    def start(self, host: str) -> None:
        """Listen, and have it known.

        Raises:
            ConfigError: the port cannot be had.
        """
        validity = timedelta(seconds=self._settings.validity)
        self._rotation = Rotation(partial(issue, server_name(self._settings), validity), validity, _now())
        context = server_context(self._rotation.served)
        self._server = Server(host, self._settings.port, context, self.answer)
        self._server.start()
        self._watch.start()
        self._keeper.start()

    def stop(self) -> None:
        """Answer no more, and be trusted no more."""
        self._ending.set()
        self._called.set()
        self._watch.stop()
        if self._server is None or self._rotation is None:
            return
        self._server.stop()
        self._keeper.join(10.0)
        try:
            self._registration.withdraw([one.text for one in self._rotation.issued()])
        except ApiError as error:
            log.info("the webhook's certificate stays trusted until it expires: %s", error.message)

    def put_in_order(self) -> None:
        """Look at the configuration again: this process may lead now."""
        self._called.set()

    @property
    def ready(self) -> bool:
        """Whether API servers trust what is served. Before that no Service should lead here."""
        return self._rotation is not None and self._rotation.is_trusted(_now())

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many reviews ended how."""
        with self._counting:
            return {outcome: self._outcomes[outcome] for outcome in OUTCOMES}

    @property
    def expires(self) -> datetime | None:
        """When the certificate that is served does."""
        return self._rotation.served.expires if self._rotation is not None else None

    def answer(self, body: bytes) -> Answer:
        """The answer to one AdmissionReview; never raises."""
        try:
            review = read_review(body)
        except BadReview as error:
            self._count("malformed")
            return Answer(400, "text/plain; charset=utf-8", f"{error}\n".encode())
        try:
            verdict = verdict_on(review, self._judge)
            text = json.dumps(answer(review, verdict)).encode()
        except Exception:
            log.exception("%s: internal error in the webhook", review)
            self._count("error")
            return Answer(500, "text/plain; charset=utf-8", b"internal error: see the operator's log\n")
        if verdict.errors:
            log.info("refused: %s: %s", review, ", ".join(f"{one.path} {one.reason}" for one in verdict.errors))
        self._count("refused" if verdict.errors else "allowed")
        return Answer(200, "application/json", text)

    def _count(self, outcome: str) -> None:
        with self._counting:
            self._outcomes[outcome] += 1

    def _keep(self) -> None:
        """Put the configuration in order whenever it moves, and rotate the certificate when it is time."""
        pause = FIRST_PAUSE_S
        while not self._ending.is_set():
            self._called.clear()
            try:
                rest, pause = self._turn(), FIRST_PAUSE_S
            except ApiError as error:
                if error.code != CONFLICT:
                    log.warning("the webhook's certificate could not be made known: %s", error.message)
                rest = max(pause, error.retry_after_s or 0.0)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                self._ending.wait(rest)
                continue
            # Whoever deletes the configuration in a loop is answered at this pace.
            if not self._ending.wait(SPACING_S):
                self._called.wait(rest)

    def _turn(self) -> float:
        """Returns the seconds until the next."""
        assert self._rotation is not None
        before = self._rotation.served
        self._registration.trust([one.text for one in self._rotation.wanted(_now())])
        self._rotation.made_known(_now())
        if self._rotation.served is not before:
            self._serve(self._rotation.served)
        return self._rotation.rest_s(_now())

    def _serve(self, certificate: Certificate) -> None:
        assert self._server is not None
        self._server.context = server_context(certificate)
        log.info("the webhook serves with a certificate that expires at %s", certificate.expires.isoformat())
