"""The informers of one operator: begun together, waited for together, stopped together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.informer import Informer, Selection
from llmwright.targets.kubernetes.cluster.object_cache import Change


class InformerSet:
    """Some informers have to have listed their objects before the first pass; nothing waits for the others."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._needed: list[Informer] = []
        self._explaining: list[Informer] = []
        self._begun: list[Informer] = []
        self._lock = threading.Lock()

    def need(self, selection: Selection, changed: Change) -> Informer:
        """Return an informer that the first pass needs; begun with ``start``."""
        informer = Informer(self._api, selection, changed)
        self._needed.append(informer)
        return informer

    def explain(self, selection: Selection, changed: Change) -> Informer:
        """Return an informer whose objects only explain others; begun with ``start``, and waited for by nobody."""
        informer = Informer(self._api, selection, changed)
        self._explaining.append(informer)
        return informer

    def begin(self, selection: Selection, changed: Change, listed: Callable[[], None]) -> Informer:
        """Return an informer that begins now; ``listed`` is called as ``Informer`` says."""
        informer = Informer(self._api, selection, changed, listed)
        with self._lock:
            self._begun.append(informer)
        informer.start()
        return informer

    def start(self) -> None:
        """Begin to list and watch."""
        for informer in (*self._needed, *self._explaining):
            informer.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until all that is needed is listed; return False where that takes too long."""
        end = time.monotonic() + timeout_s
        return all(informer.wait(max(end - time.monotonic(), 0.0)) for informer in self._needed)

    @property
    def synced(self) -> bool:
        """Whether all that is needed is listed."""
        return all(informer.synced for informer in self._needed)

    @property
    def pending(self) -> str:
        """The kinds that are needed and have not been listed yet, and why."""
        return "; ".join(filter(None, (informer.pending for informer in self._needed)))

    def stop(self) -> None:
        """Take no further news."""
        with self._lock:
            begun = list(self._begun)
        for informer in (*self._needed, *self._explaining, *begun):
            informer.stop()
