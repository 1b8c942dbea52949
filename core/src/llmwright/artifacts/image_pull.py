"""Pull an image's ``/data`` into a directory: adapters, data sets and models alike.

A pull is whole or not there: all is put together in a hidden directory beside, and moved last. Where ``resumable``,
that directory outlives the process: the next pull of the image goes on at the byte where the last one ended, and one
of an image that lies there already asks for no blob.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.artifact_errors import bad_image, disk_errors, no_disk_space, too_large
from llmwright.artifacts.connections import Resolver, system_resolver
from llmwright.artifacts.download import Progress
from llmwright.artifacts.image_manifest import Image
from llmwright.artifacts.image_reference import Reference, parse_reference
from llmwright.artifacts.image_transfer import Credentials, ManifestDigest, TotalProgress, listed
from llmwright.artifacts.oci_registry import OciRegistry
from llmwright.artifacts.pull_room import PullRoom, lasting_room, passing_room
from llmwright.artifacts.pulled_image import PulledImage
from llmwright.artifacts.unpack import Allowance, can_unpack, unpack_layer
from llmwright.artifacts.wire import Wire
from llmwright.catalogue.weight_files import ADAPTER_CONFIG, check_adapter_weights
from llmwright.errors import TargetError

LARGEST_IMAGE_BYTES = 2 * 1024**4
Check = Callable[[Path, str], None]

_log = logging.getLogger("llmwright.artifacts")


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
    resumable: bool = False,
    check: Check | None = None,
) -> ManifestDigest:
    """Put the image's ``/data`` into the directory ``destination``, and replace entries of the same name there.

    For images of one layer or many, also behind an index of platforms. ``sources`` holds for registries, token
    services and redirects as for downloads. Every blob's digest is verified before its bytes are read. At most
    ``max_bytes`` are accepted, packed and unpacked each. ``check`` may refuse what came, given its directory and the
    image's name; without it, adapters that are no safetensors are refused.

    Raises ConfigError (SourceRefused, PullDenied, ImageNotFound, BadImage, TooLarge, DigestMismatch; UnsafeWeights for
    an adapter that is no safetensors) and TargetError (Unreachable, RegistryError, NoDiskSpace). After an error,
    ``destination`` is unchanged, but for what a ``resumable`` pull goes on with.
    """
    name = parse_reference(reference)
    with Wire(sources, resolve=resolve) as wire, _room(destination, lasting=resumable) as workroom:
        there = PulledImage.read(destination) if resumable else None
        # By its digest a whole image needs no registry, so that a restart does not depend on one.
        if there is not None and name.digest and there.holds(name.digest):
            return ManifestDigest(there.digest)
        registry = OciRegistry(wire, name, listed(credentials), actions="pull", insecure=insecure)
        image = _image(registry, name, there)
        if image is None or (there is not None and there.holds(image.digest)):
            return ManifestDigest(there.digest if there is not None else "")
        _fill(workroom, image, registry, max_bytes, progress, check)
        # Last: every layer is complete, so a failure above leaves the destination as it was.
        workroom.move_to(destination)
        if resumable:
            _note(destination, name, image, there)
    return ManifestDigest(image.digest)


def _room(destination: Path, *, lasting: bool) -> AbstractContextManager[PullRoom]:
    return lasting_room(destination) if lasting else passing_room(destination)


def _note(destination: Path, name: Reference, image: Image, before: PulledImage | None) -> None:
    """Write down what lies in ``destination``, for the next pull; what only the image ``before`` had is removed."""
    if before is not None:
        before.remove_rest(destination)
    PulledImage(str(name), image.digest, name.digest).write(destination)


def _image(registry: OciRegistry, name: Reference, there: PulledImage | None) -> Image | None:
    """Return the image as the registry has it; None where it cannot be asked, and what is there has the same name."""
    try:
        return registry.image()
    except TargetError as error:
        if error.reason != "Unreachable" or there is None or there.reference != str(name):
            raise
        _log.warning("%s; what was pulled before is used (%s)", error.message, there.digest)
        return None


def _fill(
    room: PullRoom,
    image: Image,
    registry: OciRegistry,
    max_bytes: int,
    progress: Progress | None,
    check: Check | None,
) -> None:
    """Bring the room's ``data`` to the image's content, layer after layer, and have it checked."""
    what = str(registry.reference)
    strange = [layer.media_type for layer in image.layers if layer.size and not can_unpack(layer.media_type)]
    if strange:
        raise bad_image(what, f"layers of type {strange[0][:100]!r} cannot be unpacked; use tar or tar+gzip")
    room.begin(image)
    _check_size(image, room, max_bytes)
    counted, allowance = TotalProgress(image.layers, progress), Allowance(max_bytes)
    with suppress(OSError):
        allowance.take_bytes(sum(path.stat().st_size for path in room.data.rglob("*") if path.is_file()), what)
    for number, layer in enumerate(image.layers):
        report = counted.of_blob()
        if number >= room.layers:
            with disk_errors(room.path), room.part(layer.digest) as file:
                # The digest is checked in here, before the unpacker reads a byte of a stranger's archive.
                registry.blob(layer.digest, layer.size, file, report)
            unpack_layer(room.part_path(layer.digest), layer.media_type, room.data, allowance, what)
            room.finish_layer(layer.digest)
        counted.finish(layer)
    if not room.moving:
        _judge(room.data, what, check)


def _judge(data: Path, what: str, check: Check | None) -> None:
    if not data.is_dir() or not any(data.iterdir()):
        raise bad_image(what, "it has no directory /data with content")
    if check is not None:
        check(data, what)
    elif (data / ADAPTER_CONFIG).is_file():
        check_adapter_weights(data, what)


def _check_size(image: Image, room: PullRoom, max_bytes: int) -> None:
    if sum(layer.size for layer in image.layers) > max_bytes:
        raise too_large("the image", max_bytes)
    left = image.layers[room.layers :]
    # A layer is there twice while it is unpacked.
    needed = sum(layer.size for layer in left) + max((layer.size for layer in left), default=0) - room.part_bytes()
    free = shutil.disk_usage(room.path).free
    if needed > free:
        raise no_disk_space(room.path.parent, needed, free)
