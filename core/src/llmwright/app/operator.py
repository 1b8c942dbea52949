"""What a running operator is put together from: this environment's plugins and settings, a cluster, signals."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from llmwright.errors import LLMwrightError
from llmwright.targets.kubernetes.cluster.leader_election import LeaderElection
from llmwright.targets.kubernetes.operator.process.endpoints import serve, yes_or_no
from llmwright.targets.kubernetes.operator.process.metrics import Metrics
from llmwright.targets.kubernetes.operator.process.operator import Operator

if TYPE_CHECKING:
    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.app.preparation import ConfigFiles
    from llmwright.app.session import Session
    from llmwright.plugins.drivers import Provisioner, Runtime
    from llmwright.targets.kubernetes.admission.webhook import Webhook
    from llmwright.targets.kubernetes.cluster.api_client import Api
    from llmwright.values.instance_type import InstanceType
    from llmwright.values.plan import Plan

LEASE = "llmwright-operator"
LOST_LEASE = 1

log = logging.getLogger(__name__)


class EnvironmentPlanner:
    """Admission and planning as the command line does them, for Workspaces that a cluster holds."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._preparation = session.preparation("kubernetes", buying=True)

    def admit(self, workspace: Workspace, files: ConfigFiles) -> None:
        """As ``Preparation.admit``."""
        self._preparation.admit(workspace, files)

    def rehearse(self) -> None:
        """Plan a Workspace that nobody made, so that the first does not wait for modules and catalogue to load."""
        from llmwright.api.workspace import Workspace

        presets, machines = self._session.catalogue.presets(), self._session.catalogue.instance_types()
        if not presets or not machines:
            return
        made = {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "rehearsal", "namespace": "default"},
            "resource": {"instanceType": machines[0].name, "labelSelector": {"matchLabels": {"apps": "rehearsal"}}},
            "inference": {"preset": {"name": presets[0].name}},
        }
        with suppress(LLMwrightError):
            self.admit(Workspace.model_validate(made), {})
            self.plan(Workspace.model_validate(made), {}, None, None)

    def plan(self, workspace: Workspace, files: ConfigFiles, nodes: int | None, machine: InstanceType | None) -> Plan:
        """As ``Preparation.plan``, and of templates; a model that a hub described is known from then on."""
        if workspace.template is not None:
            from llmwright.plan.template import template_plan

            catalogue, settings = self._session.catalogue, self._session.settings
            return template_plan(workspace, catalogue=catalogue, settings=settings, config_files=files, nodes=nodes)
        if self.asks_others(workspace) and workspace.preset is not None:
            described = self._session.preset(workspace.preset.name)
            self._session.catalogue = self._session.catalogue.with_presets(described)
        return self._preparation.plan(workspace, files, nodes, machine)

    def provisioner_of(self, workspace: Workspace) -> str:
        """The name of whoever brings its nodes."""
        from llmwright.plan.node_requests import choose_provisioner

        return choose_provisioner(workspace, self._session.settings, "kubernetes").name

    def asks_others(self, workspace: Workspace) -> bool:
        """Whether its model is in no pack, so that the hub describes it."""
        spec = workspace.preset
        return spec is not None and bool(spec.name) and self._session.catalogue.find_preset(spec.name) is None

    def runtime(self, name: str) -> Runtime:
        """The runtime of that name, with its settings."""
        return cast("Runtime", self._session.driver("runtime", name))

    def usd_per_hour(self, instance_type: str, nodes: int) -> float | None:
        """By the catalogue; None where it knows no price."""
        found = self._session.catalogue.find_instance_type(instance_type, self._session.settings.cloud)
        return found.price.usd_per_hour * nodes if found is not None and found.price else None


class Operating:
    """One operator process."""

    def __init__(self, session: Session, api: Api) -> None:
        self._session, self._api = session, api
        planner = EnvironmentPlanner(session)
        planner.rehearse()
        self._hooks = session.registry.hooks()
        find = partial(provisioner_with, session, api)
        names = session.registry.names("provisioner")
        self._operator = Operator(api, session.settings, planner, find, self._hooks, self._told, names)
        self._metrics = Metrics(self._operator)
        self._webhook = self._checking() if session.settings.webhook.enabled else None
        self._ending = threading.Event()
        self._code = 0
        self._leading = False

    def answer(self, host: str, metrics_port: int, health_port: int) -> None:
        """Serve metrics, health and the webhook; port 0 leaves either of the first two out."""
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
        election = self._elected(lease_namespace) if lease_namespace else None
        if election is None or self._wait_for(election):
            self._leading = True
            if self._webhook is not None:
                self._webhook.put_in_order()
            self._operator.start()
            self._ending.wait()
            self._operator.stop()
        if election is not None:
            election.stop()
        if self._webhook is not None:
            self._webhook.stop()
        return self._code

    @property
    def _ready(self) -> bool:
        """Whether a Service may lead here: one that waits for the Lease is as it should be, and answers reviews."""
        checking = self._webhook is None or self._webhook.ready
        return checking and (self._operator.ready if self._leading else not self._ending.is_set())

    def _checking(self) -> Webhook:
        from llmwright.app.preparation import Preparation
        from llmwright.targets.kubernetes.admission.webhook import Webhook
        from llmwright.targets.kubernetes.admission.webhook_metrics import WebhookMetrics

        judge = Preparation(self._session, "kubernetes", buying=True, alone=True).judge
        webhook = Webhook(self._api, self._session.settings.webhook, judge, lambda: self._leading)
        self._metrics.add(WebhookMetrics(webhook))
        return webhook

    def _elected(self, namespace: str) -> LeaderElection:
        return LeaderElection(self._api, namespace, LEASE, f"{socket.gethostname()}_{os.getpid()}")

    def _wait_for(self, election: LeaderElection) -> bool:
        """True once we lead; False where we are told to end before."""
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

    def _told(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        self._metrics.told(workspace, old, new)
        self._hooks.notify("status_changed", workspace=workspace, old=old, new=new)


def provisioner_with(session: Session, api: Api, name: str) -> Provisioner:
    """The provisioner of that name, with its settings and the cluster.

    Raises:
        PluginError: it is missing, doubled or broken.
        ConfigError: its settings are not what it takes.
    """
    return cast("Provisioner", session.driver("provisioner", name, cluster=api))
