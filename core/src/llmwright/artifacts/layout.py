"""An OCI image layout: a directory with ``oci-layout``, ``index.json`` and ``blobs/sha256/`` (image-layout 1.0.0).

A reader at any moment, also after a crash at any line, finds the old image or the new image complete. Therefore the
order of writes is: blobs first, then the index by a rename, and last the removal of blobs that no index names.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from llmwright.artifacts.artifact_errors import bad_image, digest_mismatch, disk_errors
from llmwright.artifacts.image_manifest import (
    MANIFESTS,
    MOST_MANIFEST_BYTES,
    OCI_INDEX,
    Descriptor,
    Image,
    as_json,
    read_descriptor,
    read_image,
    read_object,
    sha256,
)
from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, read_bytes

REF_NAME = "org.opencontainers.image.ref.name"

_MARK = {"imageLayoutVersion": "1.0.0"}


class ByteSink(Protocol):
    """A target for bytes, such as a file."""

    def write(self, block: bytes, /) -> int:
        """Write ``block``."""

    def flush(self) -> object:
        """Write out the buffered bytes."""


class HashingWriter:
    """Writes bytes to ``file``, and keeps their digest and number."""

    def __init__(self, file: ByteSink) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, block: bytes) -> int:
        """Write ``block`` to the file."""
        self._hash.update(block)
        self.size += len(block)
        return self._file.write(block)

    def flush(self) -> None:
        """Flush the file."""
        self._file.flush()

    @property
    def digest(self) -> str:
        """The digest of all bytes so far, with its ``sha256:``."""
        return f"sha256:{self._hash.hexdigest()}"


def blob_path(layout_dir: Path, digest: str) -> Path:
    """Return the path of the blob with ``digest``, which must have been checked."""
    return layout_dir / "blobs" / "sha256" / digest.removeprefix("sha256:")


@contextlib.contextmanager
def new_blob(layout_dir: Path) -> Iterator[HashingWriter]:
    """Yield a writer. Its bytes become a blob, named by their digest, when the ``with`` ends without an error."""
    folder = layout_dir / "blobs" / "sha256"
    with disk_errors(layout_dir):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".writing-", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                writer = HashingWriter(file)
                yield writer
                # On the disk before it has its name: a blob that exists is never cut short.
                file.flush()
                os.fsync(handle)
            Path(name).chmod(0o644)
            Path(name).replace(blob_path(layout_dir, writer.digest))
        finally:
            Path(name).unlink(missing_ok=True)


def add_blob(layout_dir: Path, content: bytes, media_type: str) -> Descriptor:
    """Store ``content`` and return its descriptor."""
    with new_blob(layout_dir) as blob:
        blob.write(content)
    return Descriptor(media_type, blob.digest, blob.size)


def set_image(layout_dir: Path, manifest: Descriptor, image: Image) -> None:
    """Make ``manifest`` the only image of the layout, and delete blobs that it does not name."""
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [manifest.as_json()]}
    with disk_errors(layout_dir):
        _replace(layout_dir / "oci-layout", as_json(_MARK))
        _replace(layout_dir / "index.json", as_json(index))
        # Only now: before the rename of index.json, the old image still needed its blobs.
        kept = {blob_path(layout_dir, digest) for digest in (manifest.digest, *(b.digest for b in image.blobs))}
        for path in set((layout_dir / "blobs" / "sha256").iterdir()) - kept:
            path.unlink(missing_ok=True)


def layout_image(layout_dir: Path) -> Image:
    """Return the only image of a layout. The digests of its manifest and blobs are verified.

    Raises ConfigError (BadImage) where the directory is no such layout.
    """
    what = f"image layout {layout_dir}"
    try:
        if not isinstance(read_object(read_bytes(layout_dir / "oci-layout"), what).get("imageLayoutVersion"), str):
            raise bad_image(what, "its oci-layout file names no version")
        entries = read_object(read_bytes(layout_dir / "index.json"), what).get("manifests")
        if not isinstance(entries, list) or len(entries) != 1:
            raise bad_image(what, "it does not hold exactly one image")
        manifest = read_descriptor(entries[0], what)
        content = read_bytes(blob_path(layout_dir, manifest.digest), MOST_MANIFEST_BYTES)
    except OSError as error:
        raise bad_image(what, f"{Path(error.filename or '').name} cannot be read: {error.strerror}") from error
    except Unreadable as error:
        raise bad_image(what, f"a file in it {error}") from error
    if manifest.media_type not in MANIFESTS:
        raise bad_image(what, f"{manifest.media_type} is no image manifest")
    if sha256(content) != manifest.digest:
        raise digest_mismatch(f"the manifest in {layout_dir}", manifest.digest, sha256(content))
    image = read_image(content, manifest.media_type, what)
    _check_blobs(layout_dir, image)
    return image


def _check_blobs(layout_dir: Path, image: Image) -> None:
    for blob in image.blobs:
        path = blob_path(layout_dir, blob.digest)
        if not path.is_file() or path.stat().st_size != blob.size:
            raise bad_image(f"image layout {layout_dir}", f"blob {blob.digest} is missing or cut short")
        with path.open("rb") as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        if digest != blob.digest:
            raise digest_mismatch(f"a blob in {layout_dir}", blob.digest, digest)


def _replace(path: Path, content: bytes) -> None:
    if path.is_dir():
        raise ConfigError(f"{path} is a directory where a file of an image layout must be")
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
