"""Push an image: the blobs that the registry lacks, then the manifest; and the check before a push.

A push that was killed goes on when it is started again: the registry has the blobs that had arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from llmwright.artifacts.addresses import SourceRules, parse_url
from llmwright.artifacts.artifact_errors import digest_mismatch, disk_errors
from llmwright.artifacts.download import Progress
from llmwright.artifacts.image_manifest import Descriptor, Image, sha256
from llmwright.artifacts.image_reference import Reference, parse_reference
from llmwright.artifacts.image_transfer import Credentials, ManifestDigest, TotalProgress, listed
from llmwright.artifacts.layout import blob_path, layout_image
from llmwright.artifacts.oci_registry import CHUNK_BYTES, OciRegistry
from llmwright.artifacts.wire import Wire

OpenBlob = Callable[[Descriptor], AbstractContextManager[IO[bytes]]]
"""Opens the bytes of a blob from their start."""


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

    @contextmanager
    def opened(blob: Descriptor) -> Iterator[IO[bytes]]:
        with disk_errors(layout_dir), blob_path(layout_dir, blob.digest).open("rb") as file:
            yield file

    return push_image(
        layout_image(layout_dir),
        opened,
        reference,
        credentials,
        what=f"the image in {layout_dir}",
        sources=sources,
        insecure=insecure,
        progress=progress,
        chunk_bytes=chunk_bytes,
    )


def push_image(
    image: Image,
    open_blob: OpenBlob,
    reference: str,
    credentials: Credentials,
    *,
    what: str,
    sources: SourceRules | None = None,
    insecure: tuple[str, ...] = (),
    progress: Progress | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> ManifestDigest:
    """Push ``image`` to ``reference``, and read its digest back.

    The registry may be anywhere, for the user named it. ``sources`` holds for all that it names in turn: the places of
    uploads, redirects, its token service.
    ``what`` names the image in errors. ``insecure`` lists registries (host and port) where plain http is accepted,
    besides loopback; ``progress`` counts the bytes of blobs. Raises ConfigError (InvalidReference, PushDenied,
    DigestMismatch) and TargetError (Unreachable, RegistryError).
    """
    name = parse_reference(reference)
    if name.digest and name.digest != image.digest:
        raise digest_mismatch(what, name.digest, image.digest)
    with Wire(_rules_to_push(name, sources)) as wire:
        registry = OciRegistry(
            wire, name, listed(credentials), actions="pull,push", insecure=insecure, chunk_bytes=chunk_bytes
        )
        counted = TotalProgress(image.blobs, progress)
        # Blobs before the manifest: a registry refuses a manifest without its blobs, and nobody pulls half an image.
        for blob in image.blobs:
            with open_blob(blob) as file:
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
    with Wire(_rules_to_push(name, sources)) as wire:
        OciRegistry(wire, name, listed(credentials), actions="pull,push", insecure=insecure).check_push()


def _rules_to_push(name: Reference, sources: SourceRules | None) -> SourceRules:
    # Without a port in the name, TLS has one port and plain http another.
    places = (parse_url(f"{scheme}://{name.host}/") for scheme in ("https", "http"))
    return (sources or SourceRules()).naming(*places)
