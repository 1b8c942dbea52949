"""A blob that arrives in parts: the file that grows, and the hash of what is in it."""

from __future__ import annotations

import hashlib
import re
from typing import IO

import httpx

from llmwright.artifacts.artifact_errors import digest_mismatch, too_large

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,20})-[0-9]{1,20}/(?:[0-9]{1,20}|\*)")
_OF_BYTES = frozenset({200, 206, 416})
"""Statuses of a server that gives the blob, a part of it, or has no such part."""
_READ_BYTES = 16 * 1024**2


class PartialBlob:
    """The blob ``digest`` of ``size`` bytes in ``file``, which may hold its beginning. ``what`` names it in errors."""

    def __init__(self, digest: str, size: int, file: IO[bytes], what: str) -> None:
        self.digest = digest
        self.size = size
        self._file = file
        self._what = what
        self._hash = hashlib.sha256()
        self.done = 0
        self._take_what_is_there()

    @property
    def headers(self) -> dict[str, str]:
        """The headers that ask for what is missing."""
        wanted = {"Range": f"bytes={self.done}-"} if self.done else {}
        return {"Accept-Encoding": "identity", **wanted}

    @property
    def is_whole(self) -> bool:
        """Whether no byte is missing."""
        return self.done == self.size

    def restart(self) -> None:
        """Drop all bytes."""
        self._file.seek(0)
        self._file.truncate()
        self._hash, self.done = hashlib.sha256(), 0

    def meet(self, response: httpx.Response) -> None:
        """Make ready for the answer: where it is not the part that is missing, the bytes so far are dropped.

        A refusal says nothing about them: the next try, with a right or a token, goes on.
        """
        if response.status_code not in _OF_BYTES:
            return
        match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if self.done and (response.status_code != 206 or match is None or int(match[1]) != self.done):
            self.restart()

    def write(self, block: bytes) -> None:
        """Add ``block``. Raises ConfigError (TooLarge), and OSError where the disk is full."""
        if self.done + len(block) > self.size:
            raise too_large(f"blob {self.digest} of {self._what}", self.size)
        self._file.write(block)
        self._hash.update(block)
        self.done += len(block)

    def verify(self) -> None:
        """Raise ConfigError (DigestMismatch) where the bytes are not those that the manifest promised."""
        self._file.flush()
        actual = f"sha256:{self._hash.hexdigest()}"
        if actual != self.digest:
            raise digest_mismatch(f"a blob of {self._what}", self.digest, actual)

    def _take_what_is_there(self) -> None:
        self._file.seek(0)
        while block := self._file.read(_READ_BYTES):
            self._hash.update(block)
            self.done += len(block)
        if self.done > self.size:
            self.restart()
