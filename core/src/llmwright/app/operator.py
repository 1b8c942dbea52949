"""The operator process: this environment's plugins and settings, a cluster, a Lease and signals."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from llmwright.app.checker import Checker, CheckMode
from llmwright.app.cluster_planner import ClusterPlanner
from llmwright.app.images.presence import find_image
from llmwright.app.operator_settings import start_line
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.leader_election import GIVE_UP_S, LEASE_S, NAME, LeaderElection
from llmwright.targets.kubernetes.operator.process.controller_metrics import ProcessMetrics
from llmwright.targets.kubernetes.operator.process.endpoints import serve, unless
from llmwright.targets.kubernetes.operator.process.metrics import Metrics
from llmwright.targets.kubernetes.operator.process.obstacle_watch import ObstacleWatch
from llmwright.targets.kubernetes.operator.process.obstacles import Obstacles
from llmwright.targets.kubernetes.operator.process.operator import Operator

if TYPE_CHECKING:
    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.app.session import Session
    from llmwright.errors import Problem
    from llmwright.plugins.drivers import Provisioner
    from llmwright.targets.kubernetes.admission.webhook import Webhook
    from llmwright.targets.kubernetes.cluster.api_client import Api

STOPPED = 1
"""The exit code of an operator that lost its Lease, or that another now stands in the way of."""
LOOK_S = 5.0
"""How often to look for obstacles before the first pass, in seconds."""
GRACE_S, LISTED_GRACE_S = 4.0, 20.0
"""How long an end may take, in seconds; the longer one where passes and Events may be under way."""
LOST_GRACE_S = LEASE_S - GIVE_UP_S - 1.0
"""How long it may take where the Lease was lost: passes end before another process may lead."""

log = logging.getLogger(__name__)


class OperatorProcess:
    """One operator process."""

    def __init__(self, session: Session, api: Api) -> None:
        self._session, self._api = session, api
        self._ending = threading.Event()
        self._code = 0
        self._leading = False
        self._obstacle = "it starts"
        self._obstacles = Obstacles(api, session.settings.namespace_selector)
        # First of all: as process 1 of a container, a program without a handler does not hear SIGTERM.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end())
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
            partial(find_image, session),
        )
        self._metrics = Metrics(self._operator)
        self._metrics.add(self._operator.metrics)
        reach = api.reach
        self._metrics.add(ProcessMetrics(lambda: reach.requests, reach.host, NAME, lambda: self._leading))
        self._webhook = self._make_webhook() if session.settings.webhook.enabled else None

    def serve(self, host: str, metrics_port: int, health_port: int) -> None:
        """Answer for metrics, health and the webhook; port 0 leaves out metrics or health."""
        if self._webhook is not None:
            self._webhook.start(host)
        if metrics_port:
            serve(host, metrics_port, {"/metrics": lambda: (200, self._metrics.text())})
        if health_port:
            healthy = unless(lambda: "it ends" if self._ending.is_set() else "")
            serve(host, health_port, {"/healthz": healthy, "/readyz": unless(self._why_not_ready)})
        addresses = [
            f"{what} {host}:{port}" for what, port in (("metrics", metrics_port), ("health", health_port)) if port
        ]
        log.info("%s; %s", start_line(self._session), ", ".join(addresses) or "no address")

    def run(self, lease_namespace: str | None) -> int:
        """Work until SIGTERM or SIGINT, or until the Lease is lost; returns the exit code."""
        if not self._wait_for_way():
            return self._code
        election = self._election(lease_namespace) if lease_namespace else None
        if election is None or self._wait_for(election):
            self._leading = True
            if self._webhook is not None:
                self._webhook.put_in_order()
            self._operator.start()
            watch = ObstacleWatch(self._obstacles.first, self._ending, self._stop)
            threading.Thread(target=watch.run, name="obstacles", daemon=True).start()
            self._ending.wait()
            # Before the Lease is given back: the next leader must not meet passes of this one.
            self._operator.stop()
        if election is not None:
            election.stop()
        if self._webhook is not None:
            self._webhook.stop()
        return self._code

    def _end(self) -> None:
        """Begin to end. An API server that does not answer must not hold that up: after a while it is over anyway."""
        if not self._ending.is_set():
            self._end_within(LISTED_GRACE_S if self._leading and self._operator.ready else GRACE_S)

    def _end_within(self, grace_s: float) -> None:
        self._ending.set()
        threading.Thread(target=self._give_up_after, args=(grace_s,), name="end", daemon=True).start()

    def _give_up_after(self, seconds: float) -> None:
        time.sleep(seconds)
        log.warning("requests are still under way after %.0f s: they are left to end as they may", seconds)
        logging.shutdown()
        os._exit(self._code)

    def _wait_for_way(self) -> bool:
        """Return True once nothing stands in the way of passes; False where this process is asked to end before."""
        told = ""
        while self._obstacle:
            self._obstacle = self._look()
            if self._obstacle and self._obstacle != told:
                log.error("no Workspace is carried out: %s", self._obstacle)
                told = self._obstacle
            if self._obstacle and self._ending.wait(LOOK_S):
                return False
        if told:
            log.info("what stood in the way is gone: Workspaces are carried out")
        return not self._ending.is_set()

    def _look(self) -> str:
        try:
            return self._obstacles.first()
        except ApiError as error:
            return f"the API server does not answer as it should, and is asked again: {error.message}"

    def _stop(self) -> None:
        """End because another stands in the way."""
        self._code = STOPPED
        self._end()

    def _why_not_ready(self) -> str:
        """Return why no Service may lead here; a process that waits for the Lease is ready, and answers reviews."""
        if self._ending.is_set():
            return "it ends"
        if self._obstacle:
            return self._obstacle
        if self._webhook is not None and not self._webhook.ready:
            return "API servers do not trust the webhook's certificate yet"
        if self._leading and not self._operator.ready:
            return f"the cluster has not been listed yet: {self._operator.pending}"
        return ""

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
        self._code = STOPPED
        self._end_within(LOST_GRACE_S)

    def _provisioner(self, name: str) -> Provisioner:
        return self._session.drivers.provisioner(name, self._api)

    def _status_changed(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        self._metrics.status_written(workspace, old, new)
        self._hooks.notify("status_changed", workspace=workspace, old=old, new=new)
