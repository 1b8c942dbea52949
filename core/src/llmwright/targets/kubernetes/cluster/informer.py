"""One kind, listed once and then watched for as long as the process lives."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llmwright.targets.kubernetes.cluster.api_client import Api, Object
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, GONE, NOT_FOUND, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.targets.kubernetes.cluster.object_cache import Change, Key, ObjectCache

PAGE = "500"
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
ABSENT_PAUSE_S = 15.0
"""How often to ask for a kind that the cluster does not serve: no watch tells of it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects of a kind are wanted, what of them is kept, and to whom each belongs."""

    resource: Resource
    labels: str = ""
    fields: str = ""
    trim: Callable[[Object], Object]
    owner: Callable[[Object], Key | None] = lambda _: None
    metadata_only: bool = False


class Informer:
    """Feeds a store from a list and a watch.

    A watch that breaks goes on from the last version seen; only where the server has forgotten that version is
    everything listed again.
    """

    def __init__(
        self, api: Api, selection: Selection, changed: Change, told: Callable[[], None] = lambda: None
    ) -> None:
        """``told`` is called once all is listed, and whenever the kind comes or goes as a whole."""
        self._api, self._selection, self._told = api, selection, told
        self.store = ObjectCache(selection.trim, changed, selection.owner)
        self._synced = threading.Event()
        self._stopped = threading.Event()
        self._served = True
        self._refused = ""
        self._trouble = "no answer yet"
        self._version = ""
        self._pause_s = FIRST_PAUSE_S

    @property
    def served(self) -> bool:
        """Whether the cluster serves the kind, as of the last answer."""
        return self._served

    @property
    def refused(self) -> str:
        """Why the API server does not let us see the kind, as of the last answer; empty where it does."""
        return self._refused

    @property
    def synced(self) -> bool:
        """Whether all objects have been listed once, or the kind was found missing."""
        return self._synced.is_set()

    @property
    def pending(self) -> str:
        """What was never listed, and why as of the last answer; empty where all has been."""
        return "" if self.synced else f"{self._selection.resource}: {self._trouble}"

    def start(self) -> None:
        """Begin, in a thread of its own."""
        threading.Thread(target=self._run, name=f"watch {self._selection.resource}", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until ``synced``."""
        return self._synced.wait(timeout_s)

    def stop(self) -> None:
        """End with the next event or answer."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._list()
                self._follow()
            except ApiError as error:
                self._stopped.wait(self._after(error))
            except Exception:
                log.exception("the watch of %s broke; all is listed again", self._selection.resource)
                self._version = ""
                self._stopped.wait(LONGEST_PAUSE_S)

    def _list(self) -> None:
        found: list[Object] = []
        query = self._query({"limit": PAGE})
        while True:
            page = self._api.page(self._selection.resource, query, metadata_only=self._selection.metadata_only)
            found += [_typed(one, page) for one in page.get("items") or []]
            more = page["metadata"].get("continue")
            if not more:
                break
            query["continue"] = more
        version = str(page["metadata"].get("resourceVersion", ""))
        self.store.replace(found, int(version) if version.isdigit() else 0)
        self._version = version
        self._turn(served=True)

    def _follow(self) -> None:
        query = self._query({"resourceVersion": self._version})
        only, before = self._selection.metadata_only, self._version
        for event in self._api.watch(self._selection.resource, query, metadata_only=only):
            self._take(event["type"], event["object"])
            self._pause_s = FIRST_PAUSE_S
            if self._stopped.is_set():
                return
        if self._version == before:
            self._stopped.wait(FIRST_PAUSE_S)

    def _take(self, kind: str, found: Object) -> None:
        if kind == "ERROR":
            code, message = int(found.get("code") or 0), str(found.get("message", ""))
            raise ApiError(message, code=code, reason=str(found.get("reason", "WatchFailed")))
        self._version = str(found["metadata"]["resourceVersion"])
        if kind == "DELETED":
            self.store.remove(found)
        elif kind in ("ADDED", "MODIFIED"):
            self.store.put(found)

    def _after(self, error: ApiError) -> float:
        """Seconds to rest after a failure."""
        if error.code == GONE:
            self._version = ""
            return 0.0
        if error.code == NOT_FOUND:
            self._absent()
            return ABSENT_PAUSE_S
        log.info("%s", error.message)
        self._trouble = error.message
        self._note(error)
        if error.retry_after_s is not None:
            return error.retry_after_s
        pause = self._pause_s
        self._pause_s = min(2 * pause, LONGEST_PAUSE_S)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311

    def _note(self, error: ApiError) -> None:
        """Tell once where it is a right that is missing."""
        if error.code == FORBIDDEN and not self._refused:
            self._refused = error.message
            self._told()

    def _absent(self) -> None:
        self._version = ""
        self.store.clear()
        self._turn(served=False)

    def _turn(self, *, served: bool) -> None:
        news = not self._synced.is_set() or served != self._served or bool(self._refused)
        self._served, self._refused = served, ""
        self._synced.set()
        if news:
            self._told()

    def _query(self, more: Mapping[str, str]) -> dict[str, str]:
        selectors = {"labelSelector": self._selection.labels, "fieldSelector": self._selection.fields}
        return {**{name: text for name, text in selectors.items() if text}, **more}


def _typed(found: Object, page: Object) -> Object:
    """``found`` with its kind, which a list says only of itself where the kind is built in."""
    return {"apiVersion": page.get("apiVersion"), "kind": str(page.get("kind", "")).removesuffix("List"), **found}
