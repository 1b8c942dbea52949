"""The running operator: informers, workers and pools around one reconciler."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.policy import Policy
from llmwright.plugins.drivers import Provisioner
from llmwright.plugins.hooks import Hooks
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.cluster.workqueue import Workqueue
from llmwright.targets.kubernetes.operator.cache.config_files import ConfigFiles
from llmwright.targets.kubernetes.operator.cache.informers import Caches
from llmwright.targets.kubernetes.operator.plans.budget import Ledger
from llmwright.targets.kubernetes.operator.plans.plans import Planner, Plans
from llmwright.targets.kubernetes.operator.plans.spending import recorded_costs
from llmwright.targets.kubernetes.operator.process.sweep import Sweep
from llmwright.targets.kubernetes.operator.provision.provisioning import Provisioning
from llmwright.targets.kubernetes.operator.reconciler import Parts, Reconciler
from llmwright.targets.kubernetes.operator.report.event_recorder import Teller
from llmwright.targets.kubernetes.operator.tasks import Tasks

WORKERS = 6
"""As many as keep an API server on two cores busy: with more, requests only wait for each other there, above all for
the one lock under which it gives a Service its address (``MetaAllocator`` of Kubernetes 1.34)."""
TASKS = 8
Notify = Callable[[Workspace, WorkspaceStatus | None, WorkspaceStatus], None]

log = logging.getLogger(__name__)


class Operator:
    """Carries out every Workspace of one cluster until it is stopped.

    Args:
        find: the provisioner of a name, with the cluster in its context; raises PluginError.
        hooks: those that look at objects before they are applied.
        provisioners: the names of all that are installed, whose orphans are looked for.
        notify: tells the observers of a status that was written; called one at a time, away from the workers.
    """

    def __init__(
        self,
        api: Api,
        settings: Settings,
        planner: Planner,
        find: Callable[[str], Provisioner],
        hooks: Hooks,
        notify: Notify,
        provisioners: Iterable[str] = (),
    ) -> None:
        self.queue = Workqueue()
        self.caches = Caches(api, self.queue)
        self._tasks = Tasks(TASKS)
        self._observers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="observer")
        configs = ConfigFiles(api, self.caches, self._tasks)
        ledger = Ledger(
            settings.limits_of, lambda namespace: recorded_costs(self.caches.workspaces.all(), namespace, planner)
        )
        self.plans = Plans(planner, configs, ledger, self._tasks, self.caches.nodes, self._later)
        policy = Policy(on_success=settings.on_success, preflight=settings.preflight)
        self.provisioning = Provisioning(find, self.caches, self._tasks, self._later, policy.backoff.pause_s)
        usable = partial(self.provisioning.usable, tuple(provisioners))
        self._sweeping, self._default = settings.orphans, settings.provisioner
        self.sweep = Sweep(usable, self.caches, lambda: datetime.now(UTC), deletes=self._sweeping.delete)
        self._notify = notify
        self._teller = Teller(api, self.queue.wait_calm)
        self._reconciler = Reconciler(
            Parts(
                api=api,
                caches=self.caches,
                settings=settings,
                policy=policy,
                plans=self.plans,
                provisioning=self.provisioning,
                tasks=self._tasks,
                notify=self._told,
                tell=self._teller.tell,
                hooks=hooks,
                clock=lambda: datetime.now(UTC),
                queue=self.queue,
            )
        )
        self._workers: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to watch, also what the default provisioner will want, and to work once all is listed."""
        self.caches.start()
        if self._default is not None:
            self.provisioning.expect(self._default)
        self._workers = [
            threading.Thread(target=self._work, name=f"worker {number}", daemon=True) for number in range(WORKERS)
        ]
        for worker in self._workers:
            worker.start()
        if self._sweeping.interval:
            self.sweep.start(self._sweeping.interval)

    @property
    def ready(self) -> bool:
        """Whether all is listed and work goes on."""
        return self.caches.synced and any(worker.is_alive() for worker in self._workers)

    def stop(self) -> None:
        """Let passes that have begun end, and begin no more."""
        self.queue.close()
        self.sweep.stop()
        self.caches.stop()
        for worker in self._workers:
            worker.join(10.0)
        self._tasks.stop()
        self._teller.stop()
        self._observers.shutdown(wait=True, cancel_futures=True)

    def _work(self) -> None:
        while not self.caches.wait(60.0):
            log.warning("the cluster has not been listed yet: %s", self.caches.pending)
        while (key := self.queue.take()) is not None:
            try:
                self._pass(key)
            finally:
                self.queue.done(key)

    def _pass(self, key: Key) -> None:
        try:
            again = self._reconciler.reconcile(key)
        except ApiError as error:
            pause = self.queue.retry(key, error.retry_after_s or 0.0)
            log.info("%s/%s: %s; again in %.1f s", *key, error.message, pause)
            return
        except Exception as error:
            log.exception("%s/%s: internal error", *key)
            self._confess(key, error)
            self.queue.retry(key, 1.0)
            return
        self.queue.succeeded(key)
        if again is not None:
            self.queue.add_after(key, again)

    def _confess(self, key: Key, error: Exception) -> None:
        try:
            self._reconciler.confess(key, error)
        except Exception:
            log.exception("%s/%s: it cannot even be said", *key)

    def _later(self, key: Key, seconds: float) -> None:
        if seconds:
            self.queue.add_after(key, seconds)
        else:
            self.caches.call(key)

    def _told(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        self._observers.submit(self._notify, workspace, old, new)
