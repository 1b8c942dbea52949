"""The running operator: informers, workers and pools around one reconciler."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from prometheus_client import CollectorRegistry

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.policy import Policy
from llmwright.plugins.driver_calls import must_pass
from llmwright.plugins.drivers import Provisioner
from llmwright.plugins.hooks import Hooks
from llmwright.settings.model import Settings
from llmwright.targets.clouds import CloudSnapshots
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import CONTROLLER_REVISIONS
from llmwright.targets.kubernetes.cluster.listing import living
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.cluster.workqueue import Line, Workqueue
from llmwright.targets.kubernetes.manifests.volumes import mounts_an_image
from llmwright.targets.kubernetes.operator.apply.api_discovery import Discovery
from llmwright.targets.kubernetes.operator.apply.applier import Applier
from llmwright.targets.kubernetes.operator.apply.desired import Renderer
from llmwright.targets.kubernetes.operator.apply.object_writer import ObjectWriter
from llmwright.targets.kubernetes.operator.apply.pod_check import PodCheck
from llmwright.targets.kubernetes.operator.apply.preconditions import Preconditions
from llmwright.targets.kubernetes.operator.apply.revisions import Revisions
from llmwright.targets.kubernetes.operator.cache.cluster_cache import ClusterCache
from llmwright.targets.kubernetes.operator.cache.config_files import ConfigFiles
from llmwright.targets.kubernetes.operator.cache.namespaces import Namespaces
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.targets.kubernetes.operator.observe.observer import Observer
from llmwright.targets.kubernetes.operator.observe.pod_progress import PodProgress
from llmwright.targets.kubernetes.operator.observe.registry_images import FindPresence, RegistryImages
from llmwright.targets.kubernetes.operator.pass_log import pass_over
from llmwright.targets.kubernetes.operator.plans.budget import Budget, recorded_costs
from llmwright.targets.kubernetes.operator.plans.plans import Planner, Plans
from llmwright.targets.kubernetes.operator.process.controller_metrics import AGAIN, SUCCESS, PassMetrics, QueueMetrics
from llmwright.targets.kubernetes.operator.process.sweep import Sweep, in_use
from llmwright.targets.kubernetes.operator.provision.provisioner_drivers import ProvisionerDrivers
from llmwright.targets.kubernetes.operator.provision.provisioning import Provisioning
from llmwright.targets.kubernetes.operator.reconciler import Reconciler
from llmwright.targets.kubernetes.operator.report.debounce import Debounce
from llmwright.targets.kubernetes.operator.report.event_recorder import EventRecorder
from llmwright.targets.kubernetes.operator.report.reporter import Notify, Reporter
from llmwright.targets.kubernetes.operator.report.status_patch import StatusWriter
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.nodes import LivingWorkspace

WORKERS = 6
"""As many as keep an API server on two cores busy: with more, requests only wait for each other there, above all for
the one lock under which it gives a Service its address (``MetaAllocator`` of Kubernetes 1.34)."""
TASKS = 8
LOOK_S, TELL_S = 0.5, 30.0
"""How often to look whether all is listed, and to tell that it is not, in seconds."""

log = logging.getLogger(__name__)


class Operator:
    """Carries out every Workspace of one cluster until it is stopped.

    Args:
        find: the provisioner of a name, with the cluster in its context; raises PluginError.
        hooks: those that look at objects before they are applied.
        provisioners: the names of all that are installed.
        find_image: tells whether a registry has an image; without it none is asked.
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
        find_image: FindPresence | None = None,
    ) -> None:
        self._settings, self._notify = settings, notify
        self._policy = Policy(on_success=settings.on_success, preflight=settings.preflight)
        self.queue, self._tasks, self._memory = Workqueue(), Tasks(TASKS), Memory()
        self._cache = ClusterCache(api, self.queue, self._memory)
        self.workspaces = self._cache.workspaces
        self.drivers = ProvisionerDrivers(find)
        call, snapshot = self._cache.enqueue.call, self._cache.snapshot
        clouds = CloudSnapshots(call)
        self._provisioning = Provisioning(
            self.drivers, snapshot, clouds, self._memory, self._tasks, call, self._policy.backoff
        )
        self._installed = tuple(provisioners)
        self.sweep = Sweep(self._swept, snapshot, clouds, self._tenants, deletes=settings.orphans.delete)
        self._event_recorder = EventRecorder(api, self.queue.wait_calm)
        self._observers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="observer")
        self._images = RegistryImages(find_image, settings, self._tasks, call)
        self._namespaces = Namespaces(self._cache.informers, settings.namespace_selector, self._take_up)
        self._reconciler = self._make_reconciler(api, planner, hooks)
        self._workers: list[threading.Thread] = []
        self._ending = threading.Event()
        self.metrics = CollectorRegistry()
        self.metrics.register(QueueMetrics(self.queue))
        self._passes = PassMetrics(self.metrics, WORKERS)

    def start(self) -> None:
        """Begin to watch, also what the default provisioner will want, and to work once all is listed."""
        self._cache.informers.start()
        if self._settings.provisioner is not None:
            self._provisioning.expect(self._settings.provisioner)
        self._workers = [
            threading.Thread(target=self._work, name=f"worker {number}", daemon=True) for number in range(WORKERS)
        ]
        for worker in self._workers:
            worker.start()
        if self._settings.orphans.interval:
            self.sweep.start(self._settings.orphans.interval)

    @property
    def ready(self) -> bool:
        """Whether all is listed and work goes on."""
        return self._cache.informers.synced and any(worker.is_alive() for worker in self._workers)

    @property
    def pending(self) -> str:
        """The kinds that have not been listed yet, and why; empty once all are."""
        return self._cache.informers.pending

    def stop(self) -> None:
        """Let passes that have begun end, and begin no more."""
        self._ending.set()
        # The queue first: a worker that waits for a name would wait on. Events and observers last: passes feed them.
        self.queue.close()
        self.sweep.stop()
        self._cache.informers.stop()
        for worker in self._workers:
            worker.join(10.0)
        self._tasks.stop()
        self._event_recorder.stop()
        self._observers.shutdown(wait=True, cancel_futures=True)

    def _make_reconciler(self, api: Api, planner: Planner, hooks: Hooks) -> Reconciler:
        cache, children, memory = self._cache, self._cache.children, self._memory
        discovery = Discovery(api, self._tasks, cache.enqueue.call)
        preconditions = Preconditions(discovery, children, memory)
        crowded = partial(self.queue.holds, Line.NEW, Line.MOVED)
        status_writer = StatusWriter(api, self.workspaces, Debounce(memory, crowded), memory)
        progress = PodProgress(memory, self._tasks, cache.enqueue.call)
        mounts = partial(mounts_an_image, settings=self._settings)
        return Reconciler(
            workspaces=self.workspaces,
            memory=memory,
            plans=self._make_plans(api, planner),
            observer=Observer(children, cache.snapshot, self._provisioning, self._images.trouble, progress, mounts),
            policy=self._policy,
            renderer=Renderer(self._settings, hooks, children, self._provisioning.placement),
            preconditions=preconditions,
            pod_check=PodCheck(api, memory, self._tasks, cache.enqueue.call, mounts, enabled=self._settings.pod_check),
            provisioning=self._provisioning,
            revisions=Revisions(api, children.of(CONTROLLER_REVISIONS)),
            applier=Applier(ObjectWriter(api, children, discovery, memory, cache.enqueue.call), preconditions),
            status_writer=status_writer,
            reporter=Reporter(status_writer, self._event_recorder, self._tell_observers),
            clock=_now,
        )

    def _tenants(self) -> tuple[LivingWorkspace, ...]:
        return living(self.workspaces.all())

    def _swept(self) -> Iterator[tuple[str, Provisioner]]:
        """Yield the provisioners whose orphans are looked for."""
        return self.drivers.usable(in_use(self._installed, self._settings, self._tenants(), self.drivers.loaded))

    def _make_plans(self, api: Api, planner: Planner) -> Plans:
        cache, memory = self._cache, self._memory

        def recorded(namespace: str) -> dict[Key, float | None]:
            return recorded_costs(self.workspaces.all(), namespace, planner)

        budget = Budget(memory, self._settings.limits_of, recorded)
        configs = ConfigFiles(api, cache.informers, cache.enqueue, cache.index, memory, self._tasks)
        return Plans(planner, memory, budget, configs, self._tasks, cache.snapshot.nodes, cache.enqueue.call)

    def _work(self) -> None:
        if not self._wait_until_listed():
            return
        while (key := self.queue.take()) is not None:
            try:
                if self._namespaces.has(key[0]):
                    with pass_over(key), self._passes.measured(key[0]) as results:
                        self._pass(key, results)
            finally:
                self.queue.done(key)

    def _wait_until_listed(self) -> bool:
        """Wait until no pass would take what it does not know for missing; return False where it is to end before."""
        told = time.monotonic()
        while not self._cache.informers.wait(LOOK_S):
            if self._ending.is_set():
                return False
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                log.warning("the cluster has not been listed yet: %s", self._cache.informers.pending)
        return True

    def _pass(self, key: Key, results: list[str]) -> None:
        """Make one pass; what becomes of it goes into ``results``, nothing where it fails."""
        try:
            again_in = self._reconciler.reconcile(key)
        except ApiError as error:
            pause = self.queue.retry(key, error.retry_after_s or 0.0)
            log.info("%s/%s: %s; again in %.1f s", *key, error.message, pause)
            return
        except BaseException as error:
            if must_pass(error):
                raise
            log.exception("%s/%s: internal error", *key)
            self._report_error(key, error)
            self.queue.retry(key, 1.0)
            return
        self.queue.succeeded(key)
        results.append(SUCCESS if again_in is None else AGAIN)
        if again_in is not None:
            self.queue.add_after(key, again_in)

    def _report_error(self, key: Key, error: BaseException) -> None:
        try:
            self._reconciler.report_error(key, error)
        except Exception:
            log.exception("%s/%s: the internal error could not be reported in the status", *key)

    def _take_up(self, namespace: str) -> None:
        """Have passes made over all Workspaces of a namespace that is carried out from now on."""
        for live in self.workspaces.all():
            if live["metadata"]["namespace"] == namespace:
                self.queue.add((namespace, live["metadata"]["name"]))

    def _tell_observers(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        # A pass that outlasts ``stop`` has nobody to tell, and that is no error of its Workspace.
        with contextlib.suppress(RuntimeError):
            self._observers.submit(self._notify, workspace, old, new)


def _now() -> datetime:
    return datetime.now(UTC)
