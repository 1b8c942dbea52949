"""An API server in memory: requests in, answers out, as a Kubernetes API server gives them.

It stands where urllib3's pool does, so that every client of a cluster talks to it unchanged: the operator's own, and
Karpenter's generated one. What an answer waits for (a watch without news) waits by the ``wait`` that it is given: in a
simulation on simulated time, in other tests on a thread.
"""

from __future__ import annotations

import copy
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from llmwright.testing.simulation.kinds import ALL, Kind
from llmwright.testing.simulation.storage import Change, Name, Object, Refused, Storage

Wait = Callable[[Callable[[], bool], float], bool]
"""``(condition, seconds)``: wait until the condition holds; False where the seconds were over before."""

Admit = Callable[[Kind, Object], Object]
"""Returns an object as it is stored, as a CRD's schema prunes it; raises Refused for one that it does not admit."""

WATCH_S = 300.0
"""How long a watch lives that names no ``timeoutSeconds``; a real server takes 5 to 10 minutes."""
BOOKMARK_S = 60.0

MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"


class ApiServer:
    """Answers the requests of clients about the objects in ``storage``.

    ``kinds`` are those that the cluster serves; kinds may come and go, as CRDs do.
    """

    def __init__(
        self,
        storage: Storage,
        wait: Wait,
        kinds: tuple[Kind, ...] = ALL,
        admit: Admit = lambda _, body: body,
    ) -> None:
        self.storage, self._wait, self._admit = storage, wait, admit
        self.kinds = {kind.path: kind for kind in kinds}
        self.watch_lag = 0
        """By how many versions watches lag behind: what a client sees may be that old."""

    def answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Return the answer to one request."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        try:
            return self._answer(method, parts.path, query, json.loads(body) if body else {}, headers)
        except Refused as refused:
            return refusal(refused.code, refused.reason, refused.message)

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: Object, headers: Mapping[str, str]
    ) -> Answer:
        target = self._target(path)
        if target is None:
            return self._discovery(path)
        kind, name, part = target
        manager = query.get("fieldManager", "unknown")
        if method == "GET" and "watch" in query:
            return Answer(200, stream=self._watch(kind, query, _wants_metadata(headers)))
        if method == "GET":
            whole = self.storage.get(kind, name) if name[1] else self._page(kind, name[0], query, headers)
            return Answer(200, whole)
        if method == "POST" and query.get("dryRun"):
            return Answer(201, self._admitted(kind, body, name[0]))
        if method == "POST":
            return Answer(201, self.storage.create(kind, self._admitted(kind, body, name[0]), manager))
        if method == "PUT":
            return Answer(200, self.storage.update(kind, name, self._admit(kind, body), manager, part=part))
        if method == "PATCH" and headers.get("Content-Type") == APPLY:
            return Answer(200, self.storage.apply(kind, name, self._admitted(kind, body, name[0]), manager))
        if method == "PATCH":
            patched = merge_patched(self.storage.get(kind, name), body)
            return Answer(200, self.storage.update(kind, name, self._admit(kind, patched), manager, part=part))
        if method == "DELETE":
            return Answer(200, self.storage.delete(kind, name, (body.get("preconditions") or {}).get("uid")))
        raise Refused(405, "MethodNotAllowed", f"{method} is not allowed")

    def _admitted(self, kind: Kind, body: Object, namespace: str) -> Object:
        return self._admit(kind, _in_namespace(kind, body, namespace))

    def _target(self, path: str) -> tuple[Kind, Name, str] | None:
        """Return kind, name and part of an object's path; the name is empty for all objects of a kind."""
        segments = [unquote(segment) for segment in path.strip("/").split("/")]
        start = 2 if segments[0] == "api" else 3
        prefix, rest = segments[:start], segments[start:]
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        if not rest:
            return None
        kind = self.kinds.get("/" + "/".join([*prefix, rest[0]]))
        if kind is None:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        return kind, (namespace, rest[1] if len(rest) > 1 else ""), rest[2] if len(rest) > 2 else ""

    def _discovery(self, path: str) -> Answer:
        served = [kind for kind in self.kinds.values() if kind.path.rpartition("/")[0] == path.rstrip("/")]
        if not served:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        resources = [{"name": kind.plural, "kind": kind.kind, "namespaced": kind.namespaced} for kind in served]
        return Answer(200, {"kind": "APIResourceList", "groupVersion": served[0].api_version, "resources": resources})

    def _page(self, kind: Kind, namespace: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Object:
        matching = [o for o in self.storage.all(kind) if _matches(o, namespace, query)]
        start, limit = int(query.get("continue") or 0), int(query.get("limit") or len(matching) or 1)
        items = matching[start : start + limit]
        metadata: Object = {"resourceVersion": str(self.storage.version)}
        if start + limit < len(matching):
            metadata["continue"] = str(start + limit)
        if _wants_metadata(headers):
            items = [_metadata_only(item) for item in items]
        return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": items}

    def _watch(self, kind: Kind, query: Mapping[str, str], metadata: bool) -> Iterator[Object]:
        seen = int(query.get("resourceVersion") or 0)
        left_s = float(query.get("timeoutSeconds") or WATCH_S)
        if seen < self.storage.compacted:
            yield self._expired(seen)
            return
        while left_s > 0:
            if seen < self.storage.forgotten.get(kind, 0):
                yield self._expired(seen)
                return
            for change in self._news(kind, seen):
                event = _event(kind, change, query)
                if event is not None:
                    yield {**event, "object": _metadata_only(event["object"]) if metadata else event["object"]}
                seen = change.version
            pause = min(left_s, BOOKMARK_S)
            if not self._wait(self._news_after(kind, seen), pause):
                left_s -= pause
                seen = max(seen, self._visible())
                mark = {"resourceVersion": str(seen), "creationTimestamp": None}
                bookmark = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": mark}
                yield {"type": "BOOKMARK", "object": bookmark}

    def _expired(self, seen: int) -> Object:
        message = f"too old resource version: {seen} ({self.storage.compacted})"
        return {"type": "ERROR", "object": _status(410, "Expired", message)}

    def _visible(self) -> int:
        return max(self.storage.version - self.watch_lag, 0)

    def _news(self, kind: Kind, seen: int) -> list[Change]:
        visible, history = self._visible(), self.storage.history.get(kind, [])
        start = bisect_right(history, seen, key=lambda change: change.version)
        return [change for change in history[start:] if change.version <= visible]

    def _news_after(self, kind: Kind, seen: int) -> Callable[[], bool]:
        """Return the condition that something is to be told, looked at anew only where something may have changed."""
        looked: tuple[int, int, int] | None = None
        news = False

        def condition() -> bool:
            nonlocal looked, news
            state = (self.storage.version, self.watch_lag, self.storage.compacted)
            if state != looked:
                looked, news = state, self._has_news(kind, seen)
            return news

        return condition

    def _has_news(self, kind: Kind, seen: int) -> bool:
        if seen < self.storage.forgotten.get(kind, 0):
            return True
        history = self.storage.history.get(kind)
        if not history or history[-1].version <= seen:
            return False
        return bool(self._news(kind, seen))


class Answer:
    """An answer as urllib3 gives it, as far as the clients read it."""

    def __init__(self, status: int, body: Object | None = None, stream: Iterator[Object] | None = None) -> None:
        self.status, self.reason = status, ""
        self.headers = {"Content-Type": "application/json"}
        # An object in the storage goes on changing; what a client got does not.
        self._body = b"" if body is None else json.dumps(body).encode()
        self._stream = stream

    @property
    def data(self) -> bytes:
        """The whole body."""
        return self.read()

    def read(self, _size: int = -1, **_: Any) -> bytes:
        """The whole body, or the next line of a watch; empty at its end."""
        if self._stream is None:
            return self._body
        return self.read1()

    def read1(self, _size: int = -1) -> bytes:
        """The next line of a watch; empty at its end."""
        event = next(self._stream or iter(()), None)
        return b"" if event is None else json.dumps(event).encode() + b"\n"

    def getheaders(self) -> Mapping[str, str]:
        """As older clients read them."""
        return self.headers

    def release_conn(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """End a watch."""
        self._stream = iter(()) if self._stream is not None else None


def refusal(code: int, reason: str, message: str, retry_after_s: int | None = None) -> Answer:
    """Return the answer that refuses a request."""
    answer = Answer(code, _status(code, reason, message))
    if retry_after_s is not None:
        answer.headers["Retry-After"] = str(retry_after_s)
    return answer


def merge_patched(target: Any, patch: Any) -> Any:
    """Return what the JSON merge patch (RFC 7386) makes of ``target``."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    patched = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            patched.pop(name, None)
        else:
            patched[name] = merge_patched(patched.get(name), value)
    return patched


def _in_namespace(kind: Kind, body: Object, namespace: str) -> Object:
    metadata = body.get("metadata") or {}
    if not metadata.get("name"):
        raise Refused(422, "Invalid", f"{kind.kind} is invalid: metadata.name: Required value")
    return {**body, "metadata": {**metadata, **({"namespace": namespace or "default"} if kind.namespaced else {})}}


def _matches(found: Object, namespace: str, query: Mapping[str, str]) -> bool:
    if namespace and found["metadata"].get("namespace") != namespace:
        return False
    labels = found["metadata"].get("labels") or {}
    wanted = [part for part in query.get("labelSelector", "").split(",") if part]
    if not all(_has_label(labels, part) for part in wanted):
        return False
    fields = dict(part.split("=", 1) for part in query.get("fieldSelector", "").split(",") if part)
    return all(str(_field(found, path)) == value for path, value in fields.items())


def _has_label(labels: Mapping[str, str], requirement: str) -> bool:
    name, equals, value = requirement.replace("==", "=").partition("=")
    return labels.get(name) == value if equals else name in labels


def _field(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = (found or {}).get(part)
    return found


def _event(kind: Kind, change: Change, query: Mapping[str, str]) -> Object | None:
    """Return the line for one change, as a selector makes an object come and go."""
    before = change.before is not None and _matches(change.before, "", query)
    after = change.after is not None and _matches(change.after, "", query)
    if not before and not after:
        return None
    kinds = {(False, True): "ADDED", (True, True): "MODIFIED", (True, False): "DELETED"}
    return {"type": kinds[before, after], "object": {**change.object, **_type_of(kind)}}


def _type_of(kind: Kind) -> Object:
    return {"kind": kind.kind, "apiVersion": kind.api_version}


def _metadata_only(found: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": found["metadata"]}


def _wants_metadata(headers: Mapping[str, str]) -> bool:
    return "PartialObjectMetadata" in headers.get("Accept", "")


def _status(code: int, reason: str, message: str) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
