"""The bytes of one large file of a hub, into the blobs of the hub's cache, resumable and compared with its digest."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event

from llmwright.artifacts.addresses import SourceRules, parse_url
from llmwright.artifacts.artifact_errors import TransientAnswer
from llmwright.artifacts.partial_blob import PartialBlob
from llmwright.artifacts.snapshot_note import SnapshotFile, SnapshotNote
from llmwright.artifacts.wire import Wire, bearer, raise_if_transient, retry
from llmwright.catalogue.hub_refusals import refusal, unreachable
from llmwright.errors import ConfigError, LLMwrightError, TargetError

_PART = ".llmwright.incomplete"
"""The end of its name while it grows. Other programs take none that ends so for whole."""


@dataclass(frozen=True, slots=True)
class HubAccess:
    """How large files of ``model`` are fetched.

    ``token`` goes to the hub alone, not to where it redirects; ``rules`` hold for that. Once ``ended`` is set, no file
    is fetched on.
    """

    model: str
    token: str
    rules: SourceRules
    ended: Event


class FetchEnded(Exception):
    """Another file could not be had, so that this one is not wanted any more."""


def fetch_blob(note: SnapshotNote, file: SnapshotFile, url: str, access: HubAccess) -> None:
    """Bring the file at ``url`` to ``blobs/`` of the model's folder, where the hub's library looks for it.

    Raises ConfigError (SourceRefused, DigestMismatch, TooLarge, and the refusals of ``hub_refusals``) and TargetError
    (HubUnreachable, HubFailed, TooSlow); OSError; FetchEnded.
    """
    blob = note.folder / "blobs" / file.digest.removeprefix("sha256:")
    if blob.is_file():
        return
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{blob.name}{_PART}")
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "r+b") as opened:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(opened, fcntl.LOCK_EX)
        if blob.is_file():  # another process had it meanwhile
            return
        growing = PartialBlob(file.digest, file.size, opened, f"{file.name} of the hub")
        _fill(growing, url, access, note.commit)
        try:
            growing.verify()
        except ConfigError:
            growing.restart()
            raise
        os.fsync(handle)
        # Content before name: the hub's library takes a blob that has its name for whole.
        part.replace(blob)


def _fill(blob: PartialBlob, url: str, access: HubAccess, revision: str) -> None:
    location = parse_url(url)
    secrets = bearer(access.token, "HF_TOKEN") if access.token else {}

    def attempt() -> None:
        if blob.is_whole:
            return
        headers = {"User-Agent": "llmwright", **blob.headers}
        with wire.get(location, headers, secrets) as response:
            raise_if_transient(response)
            blob.meet(response)
            if response.status_code == 416:
                raise TransientAnswer("the server has no such part of the file")
            if response.status_code not in (200, 206):
                if parse_url(str(response.request.url)).origin != location.origin:
                    raise _refusal_of_store(response.status_code, access.model)
                raise _refusal(response.status_code, response.headers, access, revision)
            for block in response.iter_raw():
                if access.ended.is_set():
                    raise FetchEnded
                blob.write(block)

    with Wire(access.rules.naming(location)) as wire:
        try:
            retry(attempt, location.masked)
        except TargetError as error:
            raise (unreachable(access.model) if error.reason == "Unreachable" else error) from error


def _refusal(status: int, headers: Mapping[str, str], access: HubAccess, revision: str) -> LLMwrightError:
    stated = " ".join(headers.get(f"x-error-{part}", "") for part in ("code", "message"))
    return refusal(access.model, revision, status, stated, token=bool(access.token))


def _refusal_of_store(status: int, model: str) -> TargetError:
    """Return the error for the store to which the hub leads: it knows neither users nor licences."""
    text = f"the store of the hub's large files answered {status} for {model}"
    return TargetError(text, hint="try again later, and check what a proxy answers", reason="HubFailed")
