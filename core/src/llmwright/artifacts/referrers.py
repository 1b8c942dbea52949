"""Files that refer to an image: manifests with a ``subject``, and the list of them (OCI specifications 1.1)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.image_manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, Image, as_json, read_object, sha256
from llmwright.artifacts.image_push import rules_to_push
from llmwright.artifacts.image_reference import Reference
from llmwright.artifacts.image_transfer import Credentials, listed
from llmwright.artifacts.oci_registry import OciRegistry
from llmwright.artifacts.wire import Wire
from llmwright.errors import ConfigError

EMPTY = Descriptor("application/vnd.oci.empty.v1+json", sha256(b"{}"), 2)
TITLE = "org.opencontainers.image.title"


def referrer(kind: str, path: Path, subject_digest: str, subject_size: int) -> Image:
    """Return the artefact of type ``kind`` that holds the file, and refers to the manifest with that digest."""
    content = path.read_bytes()
    layer = Descriptor(kind, sha256(content), len(content), {TITLE: path.name})
    subject = Descriptor(OCI_MANIFEST, subject_digest, subject_size)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": EMPTY.as_json(),
        "layers": [layer.as_json()],
        "subject": subject.as_json(),
    }
    return Image(as_json(manifest), OCI_MANIFEST, EMPTY, (layer,))


def list_referrers(
    subject: Reference, credentials: Credentials, referrers: Iterable[Image], *, sources: SourceRules | None = None
) -> None:
    """Write the list of referrers under the tag that a registry without the referrers API has for it.

    What others put into that list stays there. Raises ConfigError, TargetError.
    """
    tag = subject.digest.replace(":", "-")
    with Wire(rules_to_push(subject, sources)) as wire:
        registry = OciRegistry(wire, subject, listed(credentials), actions="pull,push")
        entries: dict[str, dict[str, Any]] = {}
        with suppress(ConfigError):
            there = read_object(registry.manifest(tag)[0], f"{subject.name}:{tag}").get("manifests") or []
            entries = {str(entry["digest"]): entry for entry in there if isinstance(entry, dict) and "digest" in entry}
        for image in referrers:
            entry = Descriptor(OCI_MANIFEST, image.digest, len(image.content)).as_json()
            entries[image.digest] = {**entry, "artifactType": image.layers[0].media_type}
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries.values())}
        registry.put_manifest(tag, as_json(index), OCI_INDEX)
