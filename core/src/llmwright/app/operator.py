"""The operator process: this environment's plugins and settings, a cluster, a Lease and signals."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING

from llmwright.app.checker import Checker, CheckMode
from llmwright.app.cluster_planner import ClusterPlanner
from llmwright.targets.kubernetes.cluster.leader_election import NAME, LeaderElection
from llmwright.targets.kubernetes.operator.process.endpoints import serve, yes_or_no
from llmwright.targets.kubernetes.operator.process.metrics import Metrics
from llmwright.targets.kubernetes.operator.process.operator import Operator

if TYPE_CHECKING:
    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.app.session import Session
    from llmwright.artifacts.image_presence import Presence
    from llmwright.errors import Problem
    from llmwright.plugins.drivers import Provisioner
    from llmwright.targets.kubernetes.admission.webhook import Webhook
    from llmwright.targets.kubernetes.cluster.api_client import Api

LOST_LEASE = 1

log = logging.getLogger(__name__)


class OperatorProcess:
    """One operator process."""

    def __init__(self, session: Session, api: Api) -> None:
        self._session, self._api = session, api
        planner = ClusterPlanner(session)
        planner.rehearse()
        self._hooks = session.registry.hooks()
        names = session.registry.names("provisioner")
        self._operator = Operator(
            api,
            session.settings,
            planner,
            self._provisioner,
            self._hooks,
            self._status_changed,
            names,
            partial(_find_image, session),
        )
        self._metrics = Metrics(self._operator)
        self._webhook = self._make_webhook() if session.settings.webhook.enabled else None
        self._ending = threading.Event()
        self._code = 0
        self._leading = False

    def serve(self, host: str, metrics_port: int, health_port: int) -> None:
        """Answer for metrics, health and the webhook; port 0 leaves out metrics or health."""
        if self._webhook is not None:
            self._webhook.start(host)
        if metrics_port:
            serve(host, metrics_port, {"/metrics": lambda: (200, self._metrics.text())})
        if health_port:
            healthy = yes_or_no(lambda: not self._ending.is_set())
            serve(host, health_port, {"/healthz": healthy, "/readyz": yes_or_no(lambda: self._ready)})

    def run(self, lease_namespace: str | None) -> int:
        """Work until SIGTERM or SIGINT, or until the Lease is lost; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._ending.set())
        election = self._election(lease_namespace) if lease_namespace else None
        if election is None or self._wait_for(election):
            self._leading = True
            if self._webhook is not None:
                self._webhook.put_in_order()
            self._operator.start()
            self._ending.wait()
            # Before the Lease is given back: the next leader must not meet passes of this one.
            self._operator.stop()
        if election is not None:
            election.stop()
        if self._webhook is not None:
            self._webhook.stop()
        return self._code

    @property
    def _ready(self) -> bool:
        """Whether a Service may lead here; a process that waits for the Lease is ready, and answers reviews."""
        trusted = self._webhook is None or self._webhook.ready
        return trusted and (self._operator.ready if self._leading else not self._ending.is_set())

    def _make_webhook(self) -> Webhook:
        from llmwright.targets.kubernetes.admission.webhook import Webhook
        from llmwright.targets.kubernetes.admission.webhook_metrics import WebhookMetrics

        checker = Checker(self._session, CheckMode.webhook())

        def judge(workspace: Workspace, old: Workspace | None) -> tuple[Problem, ...]:
            return checker.check(workspace, old=old)

        webhook = Webhook(self._api, self._session.settings.webhook, judge, lambda: self._leading)
        self._metrics.add(WebhookMetrics(webhook))
        return webhook

    def _election(self, namespace: str) -> LeaderElection:
        return LeaderElection(self._api, namespace, NAME, f"{socket.gethostname()}_{os.getpid()}")

    def _wait_for(self, election: LeaderElection) -> bool:
        """True once this process leads; False where it is asked to end before."""
        led = threading.Event()
        threading.Thread(target=lambda: led.set() if election.acquire() else None, daemon=True).start()
        while not led.wait(0.2):
            if self._ending.is_set():
                return False
        threading.Thread(target=election.keep, args=(self._lost,), name="lease", daemon=True).start()
        return True

    def _lost(self) -> None:
        log.error("the lease was lost: another may lead now")
        self._code = LOST_LEASE
        self._ending.set()

    def _provisioner(self, name: str) -> Provisioner:
        return self._session.drivers.provisioner(name, self._api)

    def _status_changed(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        self._metrics.status_written(workspace, old, new)
        self._hooks.notify("status_changed", workspace=workspace, old=old, new=new)


def _find_image(session: Session, image: str) -> tuple[Presence, str]:
    # Late: the client of registries is slow to import.
    from llmwright.artifacts.addresses import SourceRules
    from llmwright.artifacts.credentials import find_credentials
    from llmwright.artifacts.image_presence import find_presence

    sources = SourceRules(session.settings.sources.allow)
    logins = find_credentials(image.partition("@")[0], session.settings.docker_config)
    return find_presence(image, logins, sources=sources)
