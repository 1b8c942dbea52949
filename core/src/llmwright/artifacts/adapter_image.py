"""Adapters as OCI images: pack, push, pull, and the check before a push.

The layout is KAITO's (v0.12, its pusher sidecar), so that its tools read ours and ours read its: one
``tar+gzip`` layer whose directory ``data/`` holds ``adapter_config.json`` and ``adapter_model.safetensors``, the
config ``{"rootfs": {"diff_ids": […]}}``, and the manifest annotation ``sh.kaito.model.name``. Packing the same
adapter again gives the same digest.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NewType

from llmwright.artifacts.addresses import SourceRules, parse_url
from llmwright.artifacts.artifact_errors import bad_image, digest_mismatch, disk_errors, no_disk_space, too_large
from llmwright.artifacts.connections import Resolver, system_resolver
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.download import Progress
from llmwright.artifacts.image_manifest import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Image,
    as_json,
    read_image,
    sha256,
)
from llmwright.artifacts.image_reference import Reference, parse_reference
from llmwright.artifacts.layout import (
    REF_NAME,
    HashingWriter,
    add_blob,
    blob_path,
    layout_image,
    new_blob,
    set_image,
)
from llmwright.artifacts.oci_registry import CHUNK_BYTES, OciRegistry
from llmwright.artifacts.scratch import scratch_directory
from llmwright.artifacts.unpack import DATA, Allowance, unpack_layer
from llmwright.artifacts.wire import Wire
from llmwright.catalogue.weight_files import check_adapter_weights, check_safetensors
from llmwright.errors import ConfigError
from llmwright.reading.json_reader import read_json_file

ManifestDigest = NewType("ManifestDigest", str)
"""``sha256:`` and 64 hexadecimal digits: the permanent name of an image."""

Credentials = Credential | Sequence[Credential] | None
"""One credential, or several that are tried in order."""

MODEL_NAME = "sh.kaito.model.name"
FULL_NAME = "io.containerd.image.name"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
SERVING_FILES = ("chat_template.jinja", "generation_config.json")
"""The template and the end tokens with which the adapter is served, where its tuner left them beside the weights."""
LARGEST_IMAGE_BYTES = 500 * 1024**3


def pack_adapter(adapter_dir: Path, layout_dir: Path, reference: str, preset_name: str) -> ManifestDigest:
    """Write the adapter in ``adapter_dir`` (peft's two files) as the only image of the layout ``layout_dir``.

    The tag of ``reference`` becomes the image's ref name. Raises ConfigError (AdapterIncomplete, InvalidReference)
    and TargetError (NoDiskSpace).
    """
    name = parse_reference(reference)
    _check_adapter(adapter_dir)
    layer, diff_id = _pack_layer(adapter_dir, layout_dir)
    config = add_blob(layout_dir, as_json({"rootfs": {"diff_ids": [diff_id]}}), OCI_CONFIG)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.as_json(),
        "layers": [layer.as_json()],
        "annotations": {MODEL_NAME: preset_name},
    }
    content = as_json(manifest)
    stored = add_blob(layout_dir, content, OCI_MANIFEST)
    notes = {REF_NAME: name.tag or "latest", FULL_NAME: str(name)}
    entry = Descriptor(OCI_MANIFEST, stored.digest, stored.size, notes)
    set_image(layout_dir, entry, read_image(content, OCI_MANIFEST, str(layout_dir)))
    return ManifestDigest(stored.digest)


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
    """Push the only image of a layout to ``reference``, and read its digest back.

    The registry may be anywhere, for the user named it. ``sources`` holds for all that it names in turn: the places of
    uploads, redirects, its token service.
    ``insecure`` lists registries (host and port) where plain http is accepted, besides loopback; ``progress`` counts
    the bytes of blobs. Raises ConfigError (BadImage, InvalidReference, PushDenied, DigestMismatch) and TargetError
    (Unreachable, RegistryError).
    """
    name, image = parse_reference(reference), layout_image(layout_dir)
    if name.digest and name.digest != image.digest:
        raise digest_mismatch(f"the image in {layout_dir}", name.digest, image.digest)
    with Wire(_rules_to_push(name, sources)) as wire:
        registry = OciRegistry(
            wire, name, _listed(credentials), actions="pull,push", insecure=insecure, chunk_bytes=chunk_bytes
        )
        counted = _Total(image.blobs, progress)
        # Blobs before the manifest: a registry refuses a manifest without its blobs, and nobody pulls half an image.
        for blob in image.blobs:
            with disk_errors(layout_dir), blob_path(layout_dir, blob.digest).open("rb") as file:
                registry.push_blob(blob.digest, blob.size, file, counted.of_blob())
            counted.finish(blob)
        version = name.tag or name.digest
        registry.put_manifest(version, image.content, image.media_type)
        stored, _ = registry.manifest(version)
    if sha256(stored) != image.digest:
        raise digest_mismatch(f"what {name} holds after the push", image.digest, sha256(stored))
    return ManifestDigest(image.digest)


def pull(
    reference: str,
    destination: Path,
    credentials: Credentials,
    *,
    sources: SourceRules,
    insecure: tuple[str, ...] = (),
    max_bytes: int = LARGEST_IMAGE_BYTES,
    progress: Progress | None = None,
    resolve: Resolver = system_resolver,
) -> ManifestDigest:
    """Put the image's ``/data`` into the directory ``destination``, and replace entries of the same name there.

    For adapters and data sets, of one layer or many, also behind an index of platforms. ``sources`` holds for
    registries, token services and redirects as for downloads. Every blob's digest is verified before its bytes are
    read. At most ``max_bytes`` are accepted, packed and unpacked each.

    Raises ConfigError (SourceRefused, PullDenied, ImageNotFound, BadImage, TooLarge, DigestMismatch; UnsafeWeights for
    an adapter that is no safetensors) and TargetError (Unreachable, RegistryError, NoDiskSpace). After an error,
    ``destination`` is unchanged.
    """
    name = parse_reference(reference)
    with (
        Wire(sources, resolve=resolve) as wire,
        _workroom(destination) as workroom,
    ):
        registry = OciRegistry(wire, name, _listed(credentials), actions="pull", insecure=insecure)
        image = registry.image()
        _check_size(image, workroom, max_bytes)
        data = workroom / DATA
        counted, allowance = _Total(image.layers, progress), Allowance(max_bytes)
        for layer in image.layers:
            packed = workroom / "layer"
            with disk_errors(workroom), packed.open("w+b") as file:
                # The digest is checked in here, before the unpacker reads a byte of a stranger's archive.
                registry.blob(layer.digest, layer.size, file, counted.of_blob())
            counted.finish(layer)
            unpack_layer(packed, layer.media_type, data, allowance, str(name))
        if not data.is_dir() or not any(data.iterdir()):
            raise bad_image(str(name), "it has no directory /data with content")
        if (data / ADAPTER_FILES[0]).is_file():
            check_adapter_weights(data, str(name))
        # Last: every layer is complete, so a failure above leaves the destination as it was.
        _move_content(data, destination)
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
        OciRegistry(wire, name, _listed(credentials), actions="pull,push", insecure=insecure).check_push()


def _listed(credentials: Credentials) -> Sequence[Credential]:
    if isinstance(credentials, Credential):
        return (credentials,)
    return credentials or ()


def _rules_to_push(name: Reference, sources: SourceRules | None) -> SourceRules:
    # Without a port in the name, TLS has one port and plain http another.
    places = (parse_url(f"{scheme}://{name.host}/") for scheme in ("https", "http"))
    return (sources or SourceRules()).naming(*places)


class _Total:
    """Turns the progress of one blob into the progress of all."""

    def __init__(self, blobs: tuple[Descriptor, ...], progress: Progress | None) -> None:
        self._total = sum(blob.size for blob in blobs)
        self._progress = progress
        self._done = 0

    def of_blob(self) -> Callable[[int], None]:
        before = self._done

        def report(done: int) -> None:
            if self._progress is not None:
                self._progress(before + done, self._total)

        return report

    def finish(self, blob: Descriptor) -> None:
        self._done += blob.size


def _check_adapter(adapter_dir: Path) -> None:
    config, weights = (adapter_dir / name for name in ADAPTER_FILES)
    missing = [path.name for path in (config, weights) if not path.is_file() or path.stat().st_size == 0]
    if missing:
        text = f"{adapter_dir} is no adapter: {' and '.join(missing)} missing or empty"
        raise ConfigError(text, hint="give the directory that peft's save_pretrained wrote", reason="AdapterIncomplete")
    try:
        sound = isinstance(read_json_file(config), dict)
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(f"{config} is no JSON object", reason="AdapterIncomplete")
    check_safetensors(weights)


def _pack_layer(adapter_dir: Path, layout_dir: Path) -> tuple[Descriptor, str]:
    """Return the layer's descriptor and the digest of its tar. The bytes hold no time, user or machine."""
    with (
        new_blob(layout_dir) as blob,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=blob, mtime=0) as z,
    ):
        tar = HashingWriter(z)
        with tarfile.open(fileobj=tar, mode="w|", format=tarfile.GNU_FORMAT) as archive:  # type: ignore[call-overload]
            folder = tarfile.TarInfo(DATA)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
            more = [name for name in SERVING_FILES if (adapter_dir / name).is_file()]
            for name in (*ADAPTER_FILES, *more):
                with (adapter_dir / name).open("rb") as file:
                    entry = tarfile.TarInfo(f"{DATA}/{name}")
                    entry.size, entry.mode = os.fstat(file.fileno()).st_size, 0o644
                    archive.addfile(entry, file)
    return Descriptor(OCI_LAYER, blob.digest, blob.size), tar.digest


def _check_size(image: Image, workroom: Path, max_bytes: int) -> None:
    packed = sum(layer.size for layer in image.layers)
    if packed > max_bytes:
        raise too_large("the image", max_bytes)
    free = shutil.disk_usage(workroom).free
    if packed > free:
        raise no_disk_space(workroom.parent, packed, free)


@contextlib.contextmanager
def _workroom(destination: Path) -> Iterator[Path]:
    """Yield a directory inside ``destination``: on the same file system, also where that is a mounted volume."""
    with contextlib.ExitStack() as held:
        with disk_errors(destination):
            destination.mkdir(parents=True, exist_ok=True)
            path = held.enter_context(scratch_directory(destination, ".pull-"))
        yield path


def _move_content(data: Path, destination: Path) -> None:
    with disk_errors(destination):
        for entry in sorted(data.iterdir()):
            target = destination / entry.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            entry.replace(target)
