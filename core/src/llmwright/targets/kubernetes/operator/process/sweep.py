"""Orphans: what was bought and no Workspace needs any more is logged, and given back where settings allow it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from llmwright.errors import LLMwrightError, NotYet
from llmwright.plugins.answers import checked
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Provisioner
from llmwright.settings.model import Settings
from llmwright.targets.clouds import CloudSnapshots, has_cloud
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.values.nodes import LivingWorkspace, Orphan

Drivers = Callable[[], Iterable[tuple[str, Provisioner]]]

log = logging.getLogger(__name__)


def in_use(
    installed: Iterable[str], settings: Settings, tenants: Iterable[LivingWorkspace], loaded: Iterable[str]
) -> tuple[str, ...]:
    """Return the provisioners that may have made something here; pure.

    They are those that the settings name or configure, that a Workspace was planned with, and that are ``loaded``. The
    operator may have no rights for the others. Where the settings name none, they are all that are ``installed``.
    """
    names = tuple(installed)
    if settings.provisioner is None:
        return names
    chosen = settings.named_provisioners | {*loaded, *(tenant.provisioner for tenant in tenants)}
    return tuple(name for name in names if name in chosen)


class Sweep:
    """Asks provisioners for their orphans, which are their own alone.

    Args:
        drivers: name and driver of each provisioner to ask; called with every sweep.
        living: all Workspaces that are there now.
        deletes: whether orphans that two sweeps in a row name are given back; else they are only logged.
    """

    def __init__(
        self,
        drivers: Drivers,
        snapshot: ClusterSnapshot,
        clouds: CloudSnapshots,
        living: Callable[[], Sequence[LivingWorkspace]],
        *,
        deletes: bool,
    ) -> None:
        self._drivers, self._snapshot, self._clouds = drivers, snapshot, clouds
        self._living, self._deletes = living, deletes
        self._orphans: dict[str, frozenset[str]] = {}
        self._told: dict[str, str] = {}
        self._ending = threading.Event()

    @property
    def orphans(self) -> Mapping[str, frozenset[str]]:
        """Orphans by provisioner, as of the last sweep."""
        return dict(self._orphans)

    def start(self, interval_s: float) -> None:
        """Sweep every ``interval_s`` seconds, the first time after as many."""
        threading.Thread(target=self._run, args=(interval_s,), name="sweep", daemon=True).start()

    def stop(self) -> None:
        """Begin no other sweep."""
        self._ending.set()

    def once(self) -> None:
        """Sweep once; of a provisioner that cannot be asked, the orphans found before are kept."""
        for name, driver in self._drivers():
            try:
                self._sweep(name, driver)
            except NotYet:
                continue
            except LLMwrightError as error:
                self._tell(name, error.message)
            else:
                self._told.pop(name, None)

    def _tell(self, name: str, message: str) -> None:
        """Log why a provisioner cannot be asked, once for as long as it stays the same."""
        if self._told.get(name) != message:
            self._told[name] = message
            log.warning("orphans of %s: %s", name, message)

    def _run(self, interval_s: float) -> None:
        while not self._ending.wait(interval_s):
            try:
                self.once()
            except Exception:
                log.exception("orphans could not be looked for; again in %g s", interval_s)

    def _sweep(self, name: str, driver: Provisioner) -> None:
        snapshot = self._read(name, driver)
        # After the snapshot: of a machine that is bought in between, nobody would know whose it is.
        living = self._living()
        with driver_call("provisioner", name, "orphans"):
            found: Iterable[Orphan] = checked("provisioner", "orphans", driver.orphans(living, snapshot))
        orphans = {orphan.name: orphan for orphan in found}
        before = self._orphans.get(name, frozenset())
        for orphan in sorted(orphans.keys() - before):
            log.warning("orphan of %s: no Workspace needs %s any more", name, orphan)
        self._orphans[name] = frozenset(orphans)
        if self._deletes:
            # Those that the last sweep named too: caches that lag may show a machine before they show its Workspace.
            for orphan in sorted(orphans.keys() & before):
                self._give_back(name, driver, orphans[orphan])

    def _read(self, name: str, driver: Provisioner) -> Any:
        """Return what ``observe`` would be given.

        Raises:
            NotYet: its kinds have not been listed yet.
            LLMwrightError: its cloud does not answer.
        """
        if has_cloud(driver):
            cloud = self._clouds.fresh(name, driver)
            if cloud.error is not None:
                raise cloud.error
            return self._snapshot if cloud.content is None else cloud.content
        with driver_call("provisioner", name, "watches"):
            watches = driver.watches()
        listed = [self._snapshot.want(watch) for watch in watches]
        if not all(listed):
            raise NotYet(f"what {name} watches has not been listed")
        return self._snapshot

    @staticmethod
    def _give_back(name: str, driver: Provisioner, orphan: Orphan) -> None:
        for action in orphan.actions:
            with driver_call("provisioner", name, "act"):
                driver.act(action)
        if orphan.actions:
            log.warning("orphan of %s: %s is given back", name, orphan.name)
