"""The bytes of one large file of a hub, into the blobs of the hub's cache, resumable and compared with its digest."""

from __future__ import annotations

import contextlib
import fcntl
import os

from llmwright.artifacts.addresses import SourceRules, parse_url
from llmwright.artifacts.artifact_errors import TransientAnswer
from llmwright.artifacts.partial_blob import PartialBlob
from llmwright.artifacts.snapshot_note import SnapshotFile, SnapshotNote
from llmwright.artifacts.wire import Wire, bearer, raise_if_transient, retry
from llmwright.catalogue.hub_refusals import refusal, unreachable
from llmwright.errors import ConfigError, TargetError

_PART = ".llmwright.incomplete"
"""The end of its name while it grows. Other programs take none that ends so for whole."""


def fetch_blob(note: SnapshotNote, model: str, file: SnapshotFile, url: str, token: str, rules: SourceRules) -> None:
    """Bring the file at ``url`` to ``blobs/`` of the model's folder, where the hub's library looks for it.

    ``token`` goes to the hub alone, not to where it redirects; ``rules`` hold for that.

    Raises ConfigError (SourceRefused, DigestMismatch, TooLarge, and the refusals of ``hub_refusals``) and TargetError
    (HubUnreachable, HubFailed, TooSlow); OSError.
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
        _fill(growing, url, token, rules, model, note.commit)
        try:
            growing.verify()
        except ConfigError:
            growing.restart()
            raise
        os.fsync(handle)
        # Content before name: the hub's library takes a blob that has its name for whole.
        part.replace(blob)


def _fill(blob: PartialBlob, url: str, token: str, rules: SourceRules, model: str, revision: str) -> None:
    location = parse_url(url)
    secrets = bearer(token, "HF_TOKEN") if token else {}

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
                stated = " ".join(response.headers.get(f"x-error-{part}", "") for part in ("code", "message"))
                raise refusal(model, revision, response.status_code, stated, token=bool(token))
            for block in response.iter_raw():
                blob.write(block)

    with Wire(rules.naming(location)) as wire:
        try:
            retry(attempt, location.masked)
        except TargetError as error:
            raise (unreachable(model) if error.reason == "Unreachable" else error) from error
