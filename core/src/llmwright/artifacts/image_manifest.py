"""Image manifests as values: OCI image specification 1.1, and Docker's schema 2 which has the same shape."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmwright.artifacts.artifact_errors import bad_image
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_TAR = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})

MOST_MANIFEST_BYTES = 4 * 1024**2
"""The distribution specification's limit."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to a blob: media type, ``sha256:…``, size in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the descriptor in the form of the specification."""
        plain: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return plain | ({"annotations": dict(self.annotations)} if self.annotations else {})


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest: its bytes and media type, and the blobs it names."""

    content: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def digest(self) -> str:
        """The manifest's own digest."""
        return sha256(self.content)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Layers and config, each digest once, in the order in which they are pushed."""
        return tuple({blob.digest: blob for blob in (*self.layers, self.config)}.values())


def sha256(content: bytes) -> str:
    """Return the digest of ``content``, with its ``sha256:``."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def as_json(value: Mapping[str, Any]) -> bytes:
    """Write JSON, always in the same form, so that equal content has equal digests."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def manifest_kind(content: bytes, announced: str, what: str) -> str:
    """Return the media type of a manifest or index; empty where it is neither.

    It is the type that the answer announced; where that says nothing, the type in the text, which OCI does not ask for,
    or that of the text's shape. Raises ConfigError (BadImage) for a text that could be read as both, or that is of the
    other kind than its type (CVE-2021-41190).
    """
    document = read_object(content, what)
    named = document.get("mediaType")
    types = [kind for kind in (announced.lower(), named) if isinstance(kind, str) and kind in MANIFESTS | INDEXES]
    if "manifests" in document:
        types.append(OCI_INDEX)
    if "layers" in document or "config" in document:
        types.append(OCI_MANIFEST)
    if len({kind in INDEXES for kind in types}) > 1:
        raise bad_image(what, "it can be read as an image and as an index of images")
    return types[0] if types else ""


def read_image(content: bytes, media_type: str, what: str) -> Image:
    """Read a manifest. Raises ConfigError (BadImage) naming ``what``."""
    manifest = read_object(content, what)
    layers = manifest.get("layers")
    if not isinstance(layers, list):
        raise bad_image(what, "its manifest has no list of layers")
    config = read_descriptor(manifest.get("config"), what)
    return Image(content, media_type, config, tuple(read_descriptor(layer, what) for layer in layers))


def choose_manifest(content: bytes, what: str) -> Descriptor:
    """Return the manifest in an index for Linux on this machine's architecture, or the only one that is an image.

    It may be an index in turn. Raises ConfigError (BadImage) where none fits.
    """
    entries = read_object(content, what).get("manifests")
    fitting = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    fitting = [entry for entry in fitting if str(entry.get("mediaType")) in MANIFESTS | INDEXES and _is_image(entry)]
    machine = platform.machine()
    wanted = {"os": "linux", "architecture": _ARCHITECTURES.get(machine, machine)}
    for entry in fitting:
        offered = entry.get("platform")
        if isinstance(offered, dict) and wanted.items() <= offered.items():
            return read_descriptor(entry, what)
    if len(fitting) == 1:
        return read_descriptor(fitting[0], what)
    raise bad_image(what, f"its index has no image for linux/{wanted['architecture']}")


def _is_image(entry: Mapping[str, Any]) -> bool:
    """Whether an index's entry is no artefact (OCI 1.1) and no attestation (BuildKit: of an unknown platform)."""
    offered = entry.get("platform")
    known = not isinstance(offered, dict) or "unknown" not in (offered.get("os"), offered.get("architecture"))
    return known and not entry.get("artifactType")


def read_descriptor(value: object, what: str) -> Descriptor:
    """Read a descriptor; its digest is safe to use as a file's name. Raises ConfigError (BadImage)."""
    fields = value if isinstance(value, dict) else {}
    kind, digest, size = fields.get("mediaType"), fields.get("digest"), fields.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise bad_image(what, "a digest in it is not sha256: and 64 hexadecimal digits")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0 or not isinstance(kind, str):
        raise bad_image(what, f"the descriptor of {digest} has no size or media type")
    notes = fields.get("annotations")
    return Descriptor(kind, digest, size, notes if isinstance(notes, dict) else {})


def read_object(content: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object. Raises ConfigError (BadImage)."""
    try:
        value = read_json(content, MOST_MANIFEST_BYTES)
    except Unreadable as error:
        raise bad_image(what, f"a JSON text in it {error}") from None
    if not isinstance(value, dict):
        raise bad_image(what, "it holds no JSON object where one must be")
    return value
