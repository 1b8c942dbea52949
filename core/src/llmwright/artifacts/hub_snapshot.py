"""The files of a model of the hub, brought into the hub's own cache by its own library, ``huggingface_hub``.

What the user's other programs brought there is used. A model that lies there whole is found without a request. The
library lists, refuses and lays out; the bytes of large files come by ``hub_blob``, which goes on where a killed process
ended (the library, as of 2.4, begins anew). Every file that came is compared with its digest.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.artifact_errors import digest_mismatch, disk_errors, no_disk_space
from llmwright.artifacts.download import Progress
from llmwright.artifacts.hub_blob import HubAccess, fetch_blob
from llmwright.artifacts.hub_errors import hub_errors, is_offline
from llmwright.artifacts.snapshot_note import SnapshotFile, SnapshotNote
from llmwright.artifacts.snapshot_progress import reported
from llmwright.artifacts.transfer_events import TransferEvents
from llmwright.artifacts.wire import bearer
from llmwright.catalogue.hub_refusals import not_downloaded
from llmwright.catalogue.model_description import cached_snapshot
from llmwright.catalogue.weight_files import SAFE, loaded_names, no_safetensors, other_weights
from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.plugins.progress_server import ProgressServer, downloads_told

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ANYWHERE = SourceRules(("0.0.0.0/0", "::/0"))
_TEMPLATES = "additional_chat_templates"
_WORKERS = 4
_READ_BYTES = 4 * 1024**2

_log = logging.getLogger("llmwright.artifacts")


def fetch_snapshot(
    name: str,
    revision: str,
    *,
    sources: SourceRules | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
    files: str = "",
) -> Path:
    """Return the directory of the model ``name`` (``ORG/NAME``) at ``revision``, whose files are all there then.

    The token is what ``huggingface_hub`` finds: ``HF_TOKEN``, else a login. ``HF_ENDPOINT``, ``HF_HUB_OFFLINE`` and
    the proxy variables hold. The hub may be anywhere; ``sources`` holds for where it leads to. ``cache`` is the hub's
    cache, the user's own where None; ``progress`` counts bytes, those that are there already included. ``files`` is the
    pattern of the weights, by default those that a loader reads.

    Raises ConfigError (TokenMissing, TokenInvalid, TokenUnusable, LicenceNotAccepted, ModelNotFound, RevisionNotFound,
    DigestMismatch, NotDownloaded, UnsafeWeights, NotInstalled) and TargetError (HubUnreachable, HubFailed,
    NoDiskSpace). No message holds the token.
    """
    usual = _library_cache()
    folder = (cache or usual) / f"models--{name.replace('/', '--')}"
    known = SnapshotNote.read(folder, revision, files)
    there = known if known is not None and known.whole else None
    if there is not None and (there.commit == revision or is_offline()):
        return there.directory
    if is_offline():
        return _offline(name, revision)
    token = _token()
    try:
        about = _listed(name, revision, token)
    except LLMwrightError as error:
        if there is None or error.reason not in ("HubUnreachable", "HubFailed"):
            raise
        _log.warning("%s; what was fetched before is used (%s)", error.message, there.commit)
        return there.directory
    chosen = _chosen(about.siblings or (), name, files)
    note = SnapshotNote.begin(folder, revision, about.sha or revision, chosen, files)
    if note.whole:
        return note.directory
    _check_space(note)
    with reported(note, progress):
        _fetch_all(note, name, cache, token, sources or SourceRules())
    return note.directory


def fetch_before_loading(
    model: str, revision: str | None, cache: str | None = None, server: ProgressServer | None = None
) -> Path | None:
    """Bring the model that a workload's process is about to load, where ``model`` is one of the hub and no directory.

    Return its directory, None where nothing was to be brought.

    What the engine's own library would do later, with the causes of a refusal told apart. It may go anywhere, as that.
    How far it is can be asked on the port that the environment names: of ``server``, where this process has one. Raises
    what ``fetch_snapshot`` raises.
    """
    if is_offline() or Path(model).exists() or not _REPOSITORY.fullmatch(model):
        return None
    to = Path(cache) if cache else None
    with downloads_told(server) as tell:
        events = TransferEvents("download", tell) if tell is not None else None
        return fetch_snapshot(model, revision or "main", sources=_ANYWHERE, cache=to, progress=events)


def _library_cache() -> Path:
    """Return the cache of the user's own programs. Raises ConfigError (NotInstalled) without the hub's library."""
    # The library's bars would fill the log, line after line.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        from huggingface_hub import constants
    except ModuleNotFoundError as error:
        text = "models of the hub are fetched by huggingface_hub, which is not installed"
        raise ConfigError(text, hint="pip install huggingface_hub", reason="NotInstalled") from error
    return Path(constants.HF_HUB_CACHE)


def _token() -> str:
    """Return the user's token, empty for none. Raises ConfigError (TokenUnusable) for one that no header can hold."""
    import huggingface_hub

    token = huggingface_hub.get_token() or ""
    if token:
        bearer(token, "HF_TOKEN")
    return token


def _listed(name: str, revision: str, token: str) -> Any:
    """Return what the hub says about the model and its files."""
    import huggingface_hub

    with hub_errors(name, revision, token=bool(token)):
        return huggingface_hub.HfApi(endpoint=_endpoint()).model_info(name, revision=revision, files_metadata=True)


def _offline(name: str, revision: str) -> Path:
    """Return what the cache has of a model that another program brought there."""
    there = cached_snapshot(name, revision, os.environ)
    if there is None:
        raise not_downloaded(name, revision)
    return there


def _endpoint() -> str | None:
    """Return the hub's address where it is another than the library's own, as the environment has it now."""
    return os.environ.get("HF_ENDPOINT") or None


def _fetch_all(note: SnapshotNote, name: str, cache: Path | None, token: str, rules: SourceRules) -> None:
    import huggingface_hub

    access = HubAccess(name, token, rules, Event())

    def link(file: SnapshotFile) -> None:
        """Have the library put the file at its place, and fetch it where its bytes are not there yet."""
        with disk_errors(note.folder), hub_errors(name, note.commit, token=bool(token)):
            huggingface_hub.hf_hub_download(
                name, file.name, revision=note.commit, cache_dir=cache, endpoint=_endpoint()
            )

    def fetch(file: SnapshotFile) -> None:
        if file.is_large and not note.is_there(file):
            url = huggingface_hub.hf_hub_url(name, file.name, revision=note.commit, endpoint=_endpoint())
            with disk_errors(note.folder), hub_errors(name, note.commit, token=bool(token)):
                fetch_blob(note, file, url, access)
            link(file)
            note.verified(file)
            return
        link(file)
        _verify(note, file)

    # The small files first and alone: where there is no right to the model, one refusal says so at once.
    small, *large = sorted(note.missing_or_unverified(), key=lambda file: file.size)
    fetch(small)
    with ThreadPoolExecutor(_WORKERS) as pool:
        tasks = [pool.submit(fetch, file) for file in large]
        try:
            for task in as_completed(tasks):
                task.result()
        except BaseException:
            # Before the pool is left, which waits: else a refusal, or Ctrl-C, shows after the gigabytes under way.
            access.ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _verify(note: SnapshotNote, file: SnapshotFile) -> None:
    """Raise ConfigError (DigestMismatch) where the file is not what the hub lists, and remove it from the cache."""
    path = note.directory / file.name
    with disk_errors(path):
        actual = _digest(path, file)
    if file.digest and actual != file.digest:
        with disk_errors(path):
            blob = path.resolve()
            path.unlink(missing_ok=True)
            # The blob too: the library takes one that is there for whole, and would link it again.
            if blob.parent.name == "blobs":
                blob.unlink(missing_ok=True)
        raise digest_mismatch(f"{file.name} from the hub", file.digest, actual)
    note.verified(file)


def _digest(path: Path, file: SnapshotFile) -> str:
    """Return the digest in the form of the hub's: sha256 of large files, and of others that of a blob of git."""
    large = file.is_large
    hashed = hashlib.sha256() if large else hashlib.sha1(usedforsecurity=False)
    if not large:
        hashed.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as opened:
        while block := opened.read(_READ_BYTES):
            hashed.update(block)
    return f"{'sha256' if large else 'sha1'}:{hashed.hexdigest()}"


def _check_space(note: SnapshotNote) -> None:
    needed, free = note.missing_bytes(), shutil.disk_usage(note.folder).free
    if needed > free:
        raise no_disk_space(note.folder, needed, free)


def _chosen(siblings: Sequence[Any], name: str, files: str) -> list[SnapshotFile]:
    """Return the files that a loader reads, with the sizes and digests that the hub lists."""
    listed = {str(each.rfilename): each for each in siblings}
    top = {path for path in listed if "/" not in path and not path.startswith(".")}
    loaded = {path for path in top if fnmatch(path, files)} if files else set(loaded_names(top))
    others = set(other_weights(top))
    if not loaded:
        raise no_safetensors(name, list(listed))
    wanted = [path for path in top if path not in others and (not path.endswith(SAFE) or path in loaded)]
    wanted += [path for path in listed if PurePosixPath(path).parts[:-1] == (_TEMPLATES,)]
    return [_file(path, listed[path]) for path in sorted(wanted)]


def _file(path: str, about: Any) -> SnapshotFile:
    large = getattr(about, "lfs", None)
    sha256 = _field(large, "sha256")
    if sha256 and not _SHA256.fullmatch(str(sha256)):
        # It names a file in the cache.
        text = f"what the hub says about {path[:200]!r} cannot be used: its sha256 is {str(sha256)[:80]!r}"
        raise TargetError(text, hint="check HF_ENDPOINT", reason="HubFailed")
    git = getattr(about, "blob_id", None)
    digest = f"sha256:{sha256}" if sha256 else f"sha1:{git}" if git else ""
    return SnapshotFile(path, int(_field(large, "size") or about.size or 0), digest)


def _field(large: Any, key: str) -> Any:
    """Return a field of what the library has for a large file: an object, in some releases a mapping."""
    return large.get(key) if isinstance(large, Mapping) else getattr(large, key, None)
