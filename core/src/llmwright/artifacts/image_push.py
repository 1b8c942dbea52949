"""Push an image: the blobs that the registry lacks, then the manifest; and the check before a push.

A push that was killed goes on when it is started again: the registry has the blobs that had arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.artifact_errors import digest_mismatch, disk_errors
from llmwright.artifacts.download import Progress
from llmwright.artifacts.image_manifest import Descriptor, Image, sha256
from llmwright.artifacts.image_reference import Reference, parse_reference
from llmwright.artifacts.image_transfer import Credentials, ManifestDigest, TotalProgress, listed
from llmwright.artifacts.layout import blob_path, layout_image
from llmwright.artifacts.oci_registry import CHUNK_BYTES, OciRegistry
from llmwright.artifacts.wire import Wire


class PackedImage(Protocol):
    """An image that can be pushed; errors name it by ``what``."""

    @property
    def image(self) -> Image: ...

    @property
    def what(self) -> str: ...

    def opened(self, blob: Descriptor) -> AbstractContextManager[IO[bytes]]:
        """Give the bytes of a blob from their start."""


@dataclass(frozen=True, slots=True)
class LayoutImage:
    """The only image of the layout in ``directory``."""

    directory: Path
    image: Image

    @property
    def what(self) -> str:
        """The image, for errors."""
        return f"the image in {self.directory}"

    @contextmanager
    def opened(self, blob: Descriptor) -> Iterator[IO[bytes]]:
        """Yield the bytes of a blob."""
        with disk_errors(self.directory), blob_path(self.directory, blob.digest).open("rb") as file:
            yield file


def push(
    layout_dir: Path,
    reference: str,
    credentials: Credentials,
    *,
    sources: SourceRules | None = None,
    insecure: tuple[str, ...] = (),
    progress: Progress | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> ManifestDigest:
    """Push the only image of a layout to ``reference``, as ``push_image`` does.

    Raises ConfigError (BadImage) besides.
    """
    return push_image(
        LayoutImage(layout_dir, layout_image(layout_dir)),
        reference,
        credentials,
        sources=sources,
        insecure=insecure,
        progress=progress,
        chunk_bytes=chunk_bytes,
    )


def push_image(
    packed: PackedImage,
    reference: str,
    credentials: Credentials,
    *,
    sources: SourceRules | None = None,
    insecure: tuple[str, ...] = (),
    progress: Progress | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> ManifestDigest:
    """Push the ``packed`` image to ``reference``, and read its digest back.

    The registry may be anywhere, for the user named it. ``sources`` holds for all that it names in turn: the places of
    uploads, redirects, its token service.
    ``insecure`` lists registries (host and port) where plain http is accepted,
    besides loopback; ``progress`` counts the bytes of blobs. Raises ConfigError (InvalidReference, PushDenied,
    DigestMismatch) and TargetError (Unreachable, RegistryError).
    """
    name, image = parse_reference(reference), packed.image
    if name.digest and name.digest != image.digest:
        raise digest_mismatch(packed.what, name.digest, image.digest)
    with Wire(rules_to_push(name, sources)) as wire:
        registry = OciRegistry(
            wire, name, listed(credentials), actions="pull,push", insecure=insecure, chunk_bytes=chunk_bytes
        )
        counted = TotalProgress(image.blobs, progress)
        # Blobs before the manifest: a registry refuses a manifest without its blobs, and nobody pulls half an image.
        for blob in image.blobs:
            with packed.opened(blob) as file:
                registry.push_blob(blob.digest, blob.size, file, counted.of_blob())
            counted.finish(blob)
        version = name.tag or name.digest
        registry.put_manifest(version, image.content, image.media_type)
        stored, _ = registry.manifest(version)
    if sha256(stored) != image.digest:
        raise digest_mismatch(f"what {name} holds after the push", image.digest, sha256(stored))
    return ManifestDigest(image.digest)


def check_push(
    reference: str,
    credentials: Credentials,
    *,
    sources: SourceRules | None = None,
    insecure: tuple[str, ...] = (),
) -> None:
    """Check, before hours of work, the right to push to ``reference``. Nothing stays in the registry.

    Raises what ``push`` raises.
    """
    name = parse_reference(reference)
    with Wire(rules_to_push(name, sources)) as wire:
        OciRegistry(wire, name, listed(credentials), actions="pull,push", insecure=insecure).check_push()


def rules_to_push(name: Reference, sources: SourceRules | None) -> SourceRules:
    """Return ``sources`` with the registry that the user named in it."""
    return (sources or SourceRules()).naming_host(name.host)
