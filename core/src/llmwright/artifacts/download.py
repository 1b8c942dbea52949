"""Fetch one file: by http or https under the address rules, or from this machine where the caller allows it.

A file gets its name only when it is complete: bytes go to a temporary file beside it, which is renamed last.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import httpx

from llmwright.artifacts.addresses import Location, SourceRules, check_url, parse_url, refused, url_kind
from llmwright.artifacts.answer_body import blocks, content_codings
from llmwright.artifacts.artifact_errors import (
    TransientAnswer,
    digest_mismatch,
    disk_errors,
    no_disk_space,
    too_large,
)
from llmwright.artifacts.connections import Resolver, system_resolver
from llmwright.artifacts.filenames import file_name, free_name
from llmwright.artifacts.hub_urls import web_url
from llmwright.artifacts.pace import PATIENCE_SECONDS
from llmwright.artifacts.scratch import scratch_file
from llmwright.artifacts.wire import Wire, bearer, raise_if_transient, retry, whole_number
from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, is_directory, is_file, user_path

Progress = Callable[[int, int | None], None]
"""Called with the bytes done so far and the bytes in all, None while unknown."""

LARGEST_FILE_BYTES = 500 * 1024**3

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,20})-[0-9]{1,20}/([0-9]{1,20}|\*)")


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A complete file: its path, its size in bytes, and the sha256 of its content in lower-case hex."""

    path: Path
    bytes: int
    sha256: str


def fetch(
    url: str,
    destination_dir: Path,
    *,
    sources: SourceRules,
    local: bool = False,
    progress: Progress | None = None,
    max_bytes: int = LARGEST_FILE_BYTES,
    sha256: str | None = None,
    taken: Collection[str] = (),
) -> DownloadedFile:
    """Download ``url`` as ``download`` does; with ``local``, also copy ``file:`` URLs and plain paths."""
    if local and url_kind(url) == "local":
        return copy_local(url, destination_dir, max_bytes=max_bytes, sha256=sha256, taken=taken)
    return download(
        url,
        destination_dir,
        sources=sources,
        progress=progress,
        max_bytes=max_bytes,
        sha256=sha256,
        taken=taken,
    )


def download(
    url: str,
    destination_dir: Path,
    *,
    sources: SourceRules,
    progress: Progress | None = None,
    max_bytes: int = LARGEST_FILE_BYTES,
    sha256: str | None = None,
    taken: Collection[str] = (),
    resolve: Resolver = system_resolver,
    read_seconds: float = 60.0,
    patience_s: float = PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> DownloadedFile:
    """Fetch one http, https or ``hf://`` file into ``destination_dir`` (made if missing).

    The name is the URL's last part (``filenames``); a name in ``taken`` gets a number, any other file is replaced.
    Three attempts. Each goes on where the last ended, if the server can do that (a validator and byte ranges).
    ``HF_TOKEN`` goes with ``hf://`` URLs, to the hub alone.

    Raises ConfigError: ``SourceRefused`` by the address rules, ``NotFound`` and ``AccessDenied`` by the server,
    ``EmptyFile``, ``TooLarge``, ``UnknownCoding``, ``DigestMismatch``; TargetError: ``Unreachable`` after the last
    attempt, ``TooSlow`` below the least speed (``pace``), ``NoDiskSpace``.
    """
    location, secrets = _source(url, sources)
    with (
        Wire(sources, resolve=resolve, read_seconds=read_seconds, patience_s=patience_s) as wire,
        _partial_file(destination_dir, max_bytes, progress) as part,
    ):
        name = retry(lambda: _attempt(wire, location, part, secrets), location.masked, sleep=sleep)
        return _finish(part, destination_dir / free_name(name, taken), sha256, location.masked)


def copy_local(
    source: str,
    destination_dir: Path,
    *,
    max_bytes: int = LARGEST_FILE_BYTES,
    sha256: str | None = None,
    taken: Collection[str] = (),
) -> DownloadedFile:
    """Copy a file of this machine, named by a path or ``file:`` URL. Only for callers that let users read local files.

    Raises ConfigError where it is no readable file; otherwise as ``download``.
    """
    path = local_path(source)
    if not is_file(path):
        what = "is a directory" if is_directory(path) else "is not there"
        raise ConfigError(f"{path} {what}; a file is needed", reason="NotFound")
    with disk_errors(path), path.open("rb") as file, _partial_file(destination_dir, max_bytes, None) as part:
        part.expect(path.stat().st_size, str(path))
        while block := file.read(1 << 20):
            part.write(block)
        return _finish(part, destination_dir / free_name(path.name, taken), sha256, str(path))


def local_path(source: str) -> Path:
    """Return the path of a plain path or of a ``file:`` URL of this machine, ``~`` expanded. Raises ConfigError."""
    if not source.lower().startswith("file:"):
        return _path(source, source)
    parts = urlsplit(source)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ConfigError(f"{source!r} names no file of this machine", hint="write file:///absolute/path")
    return _path(unquote(parts.path), source)


def _path(text: str, source: str) -> Path:
    try:
        return user_path(text)
    except Unreadable as error:
        raise ConfigError(f"{source!r} {error}", hint="give the path of a file", reason="NotFound") from error


def _source(url: str, rules: SourceRules) -> tuple[Location, dict[str, str]]:
    """Return the location of ``url``, and the headers that only this location may get."""
    problem = check_url(url, rules)
    if problem:
        raise refused(problem)
    if url_kind(url) != "hf":
        return parse_url(url), {}
    try:
        location = parse_url(web_url(url))
    except ValueError as unusable:
        raise ConfigError(f"HF_ENDPOINT: {unusable}") from None
    token = os.environ.get("HF_TOKEN", "")
    return location, bearer(token, "HF_TOKEN") if token else {}


class _Partial:
    """The temporary file of one download, with the facts that a later attempt needs to go on."""

    def __init__(self, file: IO[bytes], path: Path, max_bytes: int, progress: Progress | None) -> None:
        self.path = path
        self.size = 0
        self.total: int | None = None
        self.validator = ""
        self._file = file
        self._hash = hashlib.sha256()
        self._max_bytes = max_bytes
        self._progress = progress

    def restart(self) -> None:
        """Drop the bytes so far, and begin again."""
        self._file.seek(0)
        self._file.truncate()
        self._hash, self.size, self.total, self.validator = hashlib.sha256(), 0, None, ""

    def expect(self, total: int | None, what: str) -> None:
        """Note the total size. Raises where it is above the limit or the free disk space."""
        self.total = total
        if total is None:
            return
        if total > self._max_bytes:
            raise too_large(what, self._max_bytes)
        free = shutil.disk_usage(self.path.parent).free
        if total - self.size > free:
            raise no_disk_space(self.path.parent, total - self.size, free)

    @property
    def max_bytes(self) -> int:
        """The most bytes that it may hold."""
        return self._max_bytes

    def write(self, block: bytes) -> None:
        """Add ``block``."""
        if self.size + len(block) > self._max_bytes:
            raise too_large("what is sent", self._max_bytes)
        with disk_errors(self.path.parent):
            self._file.write(block)
        self._hash.update(block)
        self.size += len(block)
        if self._progress is not None:
            self._progress(self.size, self.total)

    def move(self, destination: Path) -> DownloadedFile:
        """Give the file its name."""
        with disk_errors(destination.parent):
            # Content before name: after a power failure, a renamed file without fsync may be empty.
            self._file.flush()
            os.fsync(self._file.fileno())
            self.path.chmod(0o644)
            self.path.replace(destination)
        return DownloadedFile(destination, self.size, self._hash.hexdigest())

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


@contextlib.contextmanager
def _partial_file(directory: Path, max_bytes: int, progress: Progress | None) -> Iterator[_Partial]:
    with contextlib.ExitStack() as held:
        with disk_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
            file, path = held.enter_context(scratch_file(directory, ".download-"))
        yield _Partial(file, path, max_bytes, progress)


def _finish(part: _Partial, destination: Path, sha256: str | None, what: str) -> DownloadedFile:
    # Every check comes before the rename: a later process takes a file with this name as good.
    if part.size == 0:
        raise ConfigError(f"{what} is empty", reason="EmptyFile")
    if sha256 and sha256.lower().removeprefix("sha256:") != part.sha256:
        raise digest_mismatch(what, sha256, part.sha256)
    if destination.is_dir():
        raise ConfigError(f"{destination} is a directory, so no file of that name can be put there")
    return part.move(destination)


def _attempt(wire: Wire, location: Location, part: _Partial, secrets: Mapping[str, str]) -> str:
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "llmwright"}
    if part.size and part.validator:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": part.validator}
    with wire.get(location, headers, secrets) as response:
        _check_status(response, location.masked, part)
        packed = bool(content_codings(response))
        if not _goes_on(response, part, asked="Range" in headers and not packed):
            part.restart()
            part.expect(None if packed else whole_number(response.headers.get("content-length", "")), location.masked)
            part.validator = "" if packed else _validator(response)
        for block in blocks(response, part.max_bytes, location.masked):
            part.write(block)
        if part.total is not None and part.size != part.total:
            raise TransientAnswer(f"{part.size:,} of {part.total:,} bytes came")
        return file_name(location.target.partition("?")[0], response.headers.get("content-disposition", ""))


def _check_status(response: httpx.Response, shown: str, part: _Partial) -> None:
    raise_if_transient(response)
    status = response.status_code
    if status == 416:
        part.restart()
        raise TransientAnswer("the server cannot go on where the last attempt ended")
    if status in (401, 403, 407):
        hint = "give it credentials that may read the file, or a signed URL"
        raise ConfigError(f"{shown}: access denied ({status})", hint=hint, reason="AccessDenied")
    if status not in (200, 206):
        raise ConfigError(f"{shown}: the server answered {status}", hint="check the URL", reason="NotFound")


def _goes_on(response: httpx.Response, part: _Partial, *, asked: bool) -> bool:
    """Whether the answer continues the partial file. Raises TransientAnswer for another part than was ``asked`` for."""
    if response.status_code != 206:
        return False
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if not asked or match is None or int(match[1]) != part.size or match[2] not in ("*", str(part.total or match[2])):
        part.restart()
        raise TransientAnswer("the server sent another part of the file than was asked for")
    return True


def _validator(response: httpx.Response) -> str:
    """Return the validator of the file (RFC 9110, 13.1.5): a strong ETag, else the date of the last change."""
    tag = str(response.headers.get("etag", ""))
    return tag if tag.startswith('"') else str(response.headers.get("last-modified", ""))
