"""The common part of pushes and pulls of images: digests, credentials, and the progress over several blobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NewType

from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.download import Progress
from llmwright.artifacts.image_manifest import Descriptor

ManifestDigest = NewType("ManifestDigest", str)
"""``sha256:`` and 64 hexadecimal digits: the permanent name of an image."""

Credentials = Credential | Sequence[Credential] | None
"""One credential, or several that are tried in order."""


def listed(credentials: Credentials) -> Sequence[Credential]:
    """Return all ``credentials``."""
    if isinstance(credentials, Credential):
        return (credentials,)
    return credentials or ()


class TotalProgress:
    """Turns the progress of one blob into the progress of all."""

    def __init__(self, blobs: Sequence[Descriptor], progress: Progress | None) -> None:
        self._total = sum(blob.size for blob in blobs)
        self._progress = progress
        self._done = 0

    def of_blob(self) -> Callable[[int], None]:
        """Return the progress of the next blob."""
        before = self._done

        def report(done: int) -> None:
            if self._progress is not None:
                self._progress(before + done, self._total)

        return report

    def finish(self, blob: Descriptor) -> None:
        """Count ``blob`` as done."""
        self._done += blob.size
