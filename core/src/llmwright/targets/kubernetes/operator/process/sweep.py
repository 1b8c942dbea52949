"""Orphans: what was bought and no Workspace needs any more is logged, and given back where settings allow it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from llmwright.errors import LLMwrightError
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.values.nodes import NodeRequest, ProvisionerAction

Drivers = Callable[[], Iterable[tuple[str, Provisioner]]]

log = logging.getLogger(__name__)


class Sweep:
    """Asks every provisioner for its orphans, which are its own alone.

    Args:
        drivers: name and driver of each provisioner that can be used; called with every sweep.
        deletes: whether orphans are given back; else they are only logged.
    """

    def __init__(
        self,
        drivers: Drivers,
        snapshot: ClusterSnapshot,
        clock: Callable[[], datetime],
        *,
        deletes: bool,
    ) -> None:
        self._drivers, self._snapshot = drivers, snapshot
        self._clock, self._deletes = clock, deletes
        self._orphans: dict[str, frozenset[str]] = {}
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
                with driver_call("provisioner", name, "orphans"):
                    orphans = frozenset(driver.orphans())
                self._log(name, orphans)
                if orphans and self._deletes:
                    self._give_back(driver, orphans)
            except LLMwrightError as error:
                log.warning("orphans of %s: %s", name, error.message)
            except Exception:  # the code of a plugin may raise anything; the sweep of the others goes on
                log.exception("orphans of %s", name)

    def _run(self, interval_s: float) -> None:
        while not self._ending.wait(interval_s):
            self.once()

    def _log(self, name: str, orphans: frozenset[str]) -> None:
        for orphan in sorted(orphans - self._orphans.get(name, frozenset())):
            log.warning("orphan of %s: no Workspace needs %s any more", name, orphan)
        self._orphans[name] = orphans

    def _give_back(self, driver: Provisioner, orphans: frozenset[str]) -> None:
        """Do what a release would do for each Workspace, as far as it concerns an orphan."""
        listed = [self._snapshot.want(watch) for watch in driver.watches()]
        if not all(listed):
            return
        doomed = {orphan.rpartition("/")[2] for orphan in orphans}
        for owner in self._snapshot.owners():
            for action in self._release(driver, owner):
                if action.name in doomed:
                    driver.act(action)
                    log.warning("given back: %s, made for %s/%s", action.name, *owner)

    def _release(self, driver: Provisioner, owner: Key) -> tuple[ProvisionerAction, ...]:
        request = NodeRequest(namespace=owner[0], workspace=owner[1], count=0)
        return driver.decide(request, driver.observe(request, self._snapshot), self._clock()).actions
