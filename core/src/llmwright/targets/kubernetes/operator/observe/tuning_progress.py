"""The progress of a tuning, which its pod tells: asked in the pool, and remembered for the passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from llmwright.api.status import Progress
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests.pods import PROGRESS_PORT
from llmwright.targets.kubernetes.operator.memory import Memory, ToldProgress
from llmwright.targets.kubernetes.operator.tasks import Tasks

EVERY_S = 5.0
ANSWER_S = 2.0
MOST_BYTES = 4096

Object = Mapping[str, Any]
Ask = Callable[[str], bytes]


class TuningProgress:
    """Asks each pod that tunes every 5 s. What does not answer has no progress, and stops nothing."""

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

    def of(self, key: Key, pods: Iterable[Object]) -> Progress | None:
        """Return what the running pod told last; None without one."""
        running = [pod for pod in pods if _runs(pod)]
        if not running:
            return None
        record, now = self._memory.of(key), self._clock()
        pod = max(running, key=lambda each: str(each["metadata"].get("creationTimestamp", "")))
        told = record.progress if record.progress and record.progress.uid == pod["metadata"]["uid"] else None
        if told is None or now >= told.at + EVERY_S:
            # The record of now: what comes after the Workspace was forgotten goes nowhere.
            url = f"http://{_host(pod['status']['podIP'])}:{PROGRESS_PORT}/progress"
            uid, before = pod["metadata"]["uid"], told.progress if told else None

            def read() -> None:
                record.progress = ToldProgress(uid, self._read(url) or before, self._clock())

            self._tasks.submit(("progress", key), read, partial(self._again, key))
        else:
            self._call(key, told.at + EVERY_S - now)
        return told.progress if told else None

    def _read(self, url: str) -> Progress | None:
        try:
            event = read_json(self._ask(url))
            return Progress.model_validate({name: event[name] for name in Progress.model_fields if name in event})
        except (OSError, Unreadable, TypeError, ValueError, ValidationError):
            return None

    def _again(self, key: Key, pause_s: float) -> None:
        self._call(key, pause_s)


def answer_of(url: str) -> bytes:
    """Return at most 4 KiB of what a pod answers; no proxy is asked, and no redirect is followed.

    Raises:
        OSError: it does not answer, or not with 200.
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
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(str(error)) from error


def _runs(pod: Object) -> bool:
    return bool(pod["status"].get("podIP")) and pod["status"].get("phase") in ("Pending", "Running")


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
