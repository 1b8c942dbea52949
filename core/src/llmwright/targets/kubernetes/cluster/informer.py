"""Informers: each lists one kind once, and then watches it for as long as the process lives."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llmwright.targets.kubernetes.cluster.api_client import Api, Object
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, GONE, NOT_FOUND, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.targets.kubernetes.cluster.object_cache import Change, Key, ObjectCache, version_of
from llmwright.values.backoff import Backoff

PAGE = "500"
BACKOFF = Backoff(first_s=0.2, most_s=30.0)
ABSENT_PAUSE_S = 15.0
"""How often to ask for a kind that the cluster does not serve: no watch reports when it comes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects of a kind a cache holds.

    Attributes:
        labels: a label selector; empty selects all.
        fields: a field selector; empty selects all.
        trim: makes the projection of an object that the cache keeps.
        owner: returns the key of the object's owner.
        metadata_only: whether the API server sends only the metadata.
    """

    resource: Resource
    labels: str = ""
    fields: str = ""
    trim: Callable[[Object], Object]
    owner: Callable[[Object], Key | None] = lambda _: None
    metadata_only: bool = False


class Informer:
    """Feeds a cache from a list and a watch.

    A watch that breaks resumes at the last resource version. All is listed again only if the API server no longer
    knows that version.
    """

    def __init__(
        self, api: Api, selection: Selection, changed: Change, kind_changed: Callable[[], None] = lambda: None
    ) -> None:
        """Make an informer; ``start`` starts it.

        Args:
            changed: called for each object that changes.
            kind_changed: called after the first list, when the cluster begins or ceases to serve the kind, and when we
                lose or get the right to read it.
        """
        self._api, self._selection, self._kind_changed = api, selection, kind_changed
        self.store = ObjectCache(selection.trim, changed, selection.owner)
        self._synced = threading.Event()
        self._stopped = threading.Event()
        self._served = True
        self._refused = ""
        self._last_error = "no answer yet"
        self._version = ""
        self._failures = 0

    @property
    def served(self) -> bool:
        """Whether the cluster serves the kind, by the last answer."""
        return self._served

    @property
    def refused(self) -> str:
        """Why we may not read the kind, by the last answer; empty if we may."""
        return self._refused

    @property
    def synced(self) -> bool:
        """Whether all objects have been listed once, or the cluster does not serve the kind."""
        return self._synced.is_set()

    @property
    def pending(self) -> str:
        """The kind and the last error while it is not ``synced``; empty afterwards."""
        return "" if self.synced else f"{self._selection.resource}: {self._last_error}"

    def start(self) -> None:
        """Start the informer's thread."""
        threading.Thread(target=self._run, name=f"watch {self._selection.resource}", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until ``synced``; return False on timeout."""
        return self._synced.wait(timeout_s)

    def stop(self) -> None:
        """Stop at the next event or answer."""
        self._stopped.set()

    def look(self, labels: Mapping[str, str]) -> None:
        """Read the objects with ``labels`` past the cache, and store what it does not know yet.

        Raises:
            ApiError: they could not be listed.
        """
        query = {"labelSelector": ",".join(f"{name}={value}" for name, value in labels.items())}
        try:
            page = self._api.page(self._selection.resource, query, metadata_only=self._selection.metadata_only)
        except ApiError as error:
            if error.code == NOT_FOUND:
                return
            raise
        for item in page.get("items") or []:
            self.store.put(_with_kind(item, page))

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._list()
                self._watch()
            except ApiError as error:
                self._stopped.wait(self._pause_after(error))
            except Exception:
                log.exception("the watch of %s broke; all is listed again", self._selection.resource)
                self._version = ""
                self._stopped.wait(BACKOFF.most_s)

    def _list(self) -> None:
        items: list[Object] = []
        query = self._query({"limit": PAGE})
        while True:
            page = self._api.page(self._selection.resource, query, metadata_only=self._selection.metadata_only)
            items += [_with_kind(item, page) for item in page.get("items") or []]
            more = page["metadata"].get("continue")
            if not more:
                break
            query["continue"] = more
        version = str(page["metadata"].get("resourceVersion", ""))
        self.store.replace(items, int(version) if version.isdigit() else 0)
        # Only after the whole list is stored: a list that fails half way is begun anew, and not watched from.
        self._version = version
        self._answered(served=True)

    def _watch(self) -> None:
        query = self._query({"resourceVersion": self._version})
        only, before = self._selection.metadata_only, self._version
        for event in self._api.watch(self._selection.resource, query, metadata_only=only):
            self._apply(event["type"], event["object"])
            self._failures = 0
            if self._stopped.is_set():
                return
        # A server that ends each watch at once would otherwise be asked without a pause.
        if self._version == before:
            self._stopped.wait(BACKOFF.first_s)

    def _apply(self, kind: str, manifest: Object) -> None:
        if kind == "ERROR":
            code, message = int(manifest.get("code") or 0), str(manifest.get("message", ""))
            raise ApiError(message, code=code, reason=str(manifest.get("reason", "WatchFailed")))
        self._version = str(manifest["metadata"]["resourceVersion"])
        if kind == "DELETED":
            self.store.remove(manifest)
        elif kind in ("ADDED", "MODIFIED"):
            self.store.put(manifest)
        self.store.followed(version_of(manifest))

    def _pause_after(self, error: ApiError) -> float:
        """Note a failure, and return the seconds to wait before the next request."""
        if error.code == GONE:
            self._version = ""
            return 0.0
        if error.code == NOT_FOUND:
            self._absent()
            return ABSENT_PAUSE_S
        log.info("%s", error.message)
        self._last_error = error.message
        self._note_refusal(error)
        if error.retry_after_s is not None:
            return error.retry_after_s
        self._failures += 1
        return BACKOFF.pause_s(self._failures, jitter=random.random())  # noqa: S311

    def _note_refusal(self, error: ApiError) -> None:
        """Report a missing right, once."""
        if error.code == FORBIDDEN and not self._refused:
            self._refused = error.message
            self._kind_changed()

    def _absent(self) -> None:
        self._version = ""
        self.store.clear()
        self._answered(served=False)

    def _answered(self, *, served: bool) -> None:
        changed = not self._synced.is_set() or served != self._served or bool(self._refused)
        self._served, self._refused = served, ""
        # Before the call: whoever is called may ask whether the kind is synced.
        self._synced.set()
        if changed:
            self._kind_changed()

    def _query(self, more: Mapping[str, str]) -> dict[str, str]:
        selectors = {"labelSelector": self._selection.labels, "fieldSelector": self._selection.fields}
        return {**{name: text for name, text in selectors.items() if text}, **more}


def _with_kind(manifest: Object, page: Object) -> Object:
    """Return ``manifest`` with apiVersion and kind, which items of a list of a built-in kind lack."""
    kind = str(page.get("kind", "")).removesuffix("List")
    return {"apiVersion": page.get("apiVersion"), "kind": kind, **manifest}
