"""The progress of a pod, which it tells itself: asked in the pool, and remembered for the passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from llmwright.api.status import Progress
from llmwright.lifecycle.observed import Role
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json
from llmwright.targets.download_event import download_of
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests.progress_port import PROGRESS_PORT
from llmwright.targets.kubernetes.operator.memory import NOTHING_TOLD, Memory, PodAsked, ToldProgress
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.backoff import Backoff

EVERY_S = 5.0
UNREACHED = Backoff(first_s=EVERY_S, most_s=60.0)
"""How long a pod is left alone that is not reached. A node or a network may be away for a moment; but a NetworkPolicy
may keep the operator out for good, and who waits for an answer waits in a pool that others need."""
STANDS_S = 2 * EVERY_S
"""How long after its time a download that was told still counts."""
ANSWER_S = 2.0
MOST_BYTES = 4096
TRANSFERS = frozenset({"download", "pull"})
"""The events of weights that come from the hub, and from an image."""

Object = Mapping[str, Any]
Ask = Callable[[str], bytes]


class PodProgress:
    """Asks a pod that tunes, or that fetches weights, every 5 s. What does not answer tells nothing, and stops nothing.

    A pod of which something is asked has told nothing at first: the answer comes after the pass, and calls for another.
    """

    def __init__(
        self,
        memory: Memory,
        tasks: Tasks,
        call: Callable[[Key, float], None],
        ask: Ask | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``call`` has a pass made over a Workspace after some seconds; ``ask`` reads what an address answers."""
        self._memory, self._tasks, self._call = memory, tasks, call
        self._ask, self._clock = ask or answer_of, clock

    def of(self, key: Key, role: Role, pods: Iterable[Object]) -> ToldProgress:
        """Return what the latest pod of a role that runs told last; nothing where none runs."""
        running = [pod for pod in pods if _runs(pod)]
        if not running:
            return NOTHING_TOLD
        record, now = self._memory.of(key), self._clock()
        pod = max(running, key=_age)
        known = record.asked.get(role)
        asked = known if known is not None and known.uid == pod["metadata"]["uid"] else None
        told = asked.told if asked is not None else NOTHING_TOLD
        if asked is not None and now > asked.due + STANDS_S:
            # Its container ended since then, and starts anew.
            told = ToldProgress(told.progress)
        if asked is None or now >= asked.due:
            # The record of now: what comes after the Workspace was forgotten goes nowhere.
            url, uid = f"http://{_host(pod['status']['podIP'])}:{PROGRESS_PORT}/progress", pod["metadata"]["uid"]

            def read() -> None:
                answered, unreached = self._read(url, told, asked.unreached if asked is not None else 0)
                due = self._clock() + (UNREACHED.pause_s(unreached) or EVERY_S)
                record.asked[role] = PodAsked(uid, answered, due, unreached)

            self._tasks.submit(("progress", key, role), read, partial(self._call, key))
        else:
            self._call(key, asked.due - now)
        return told

    def _read(self, url: str, before: ToldProgress, unreached: int) -> tuple[ToldProgress, int]:
        """Return what a pod tells, and how often in a row it was not reached by now."""
        try:
            event = read_json(self._ask(url))
        except TimeoutError:
            # It is there, and has no time: what it told stands.
            return before, 0
        except ConnectionError:
            return ToldProgress(before.progress), unreached + 1
        except (OSError, Unreadable):
            event = None
        return told_by(event, before), 0


def told_by(event: object, before: ToldProgress) -> ToldProgress:
    """Return what an answer tells; pure.

    Of a tuning the steps stand that were told before: it goes on, or starts again. A download is over once nobody tells
    of it.
    """
    try:
        if isinstance(event, dict) and event.get("event") in TRANSFERS:
            return ToldProgress(before.progress, download_of(event))
        if isinstance(event, dict):
            steps = {name: event[name] for name in Progress.model_fields if name in event}
            return ToldProgress(Progress.model_validate(steps))
    except (LookupError, TypeError, ValidationError):
        pass
    return ToldProgress(before.progress)


def answer_of(url: str) -> bytes:
    """Return at most 4 KiB of what a pod answers; no proxy is asked, and no redirect is followed.

    Raises:
        ConnectionError: the address is not reached.
        TimeoutError: who listens there does not answer in time.
        OSError: nobody listens there, or the answer is not 200.
    """
    import httpx

    try:
        with (
            httpx.Client(timeout=ANSWER_S, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise OSError(f"{url} answers {response.status_code}")
            body = b""
            for piece in response.iter_bytes(MOST_BYTES):
                body += piece
                if len(body) > MOST_BYTES:
                    raise OSError(f"{url} answers more than {MOST_BYTES} bytes")
            return body
    except httpx.ConnectTimeout as error:
        raise ConnectionError(str(error)) from error
    except httpx.TimeoutException as error:
        raise TimeoutError(str(error)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(str(error)) from error


def _age(pod: Object) -> tuple[str, str]:
    """Return what is greatest for the latest pod; of several that came at once always the same is asked."""
    return str(pod["metadata"].get("creationTimestamp", "")), str(pod["metadata"].get("name", ""))


def _runs(pod: Object) -> bool:
    return bool(pod["status"].get("podIP")) and pod["status"].get("phase") in ("Pending", "Running")


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
