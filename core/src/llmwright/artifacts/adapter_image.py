"""Adapters as OCI images: what ``image_push`` pushes and ``image_pull`` pulls.

The layout is KAITO's (v0.12, its pusher sidecar), so that its tools read ours and ours read its: one
``tar+gzip`` layer whose directory ``data/`` holds ``adapter_config.json`` and ``adapter_model.safetensors``, the
config ``{"rootfs": {"diff_ids": […]}}``, and the manifest annotation ``sh.kaito.model.name``. Packing the same
adapter again gives the same digest.
"""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

from llmwright.artifacts.image_manifest import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    as_json,
    read_image,
)
from llmwright.artifacts.image_reference import parse_reference
from llmwright.artifacts.image_transfer import ManifestDigest
from llmwright.artifacts.layout import (
    REF_NAME,
    HashingWriter,
    add_blob,
    new_blob,
    set_image,
)
from llmwright.artifacts.unpack import DATA
from llmwright.catalogue.weight_files import check_safetensors
from llmwright.errors import ConfigError
from llmwright.reading.json_reader import read_json_file

MODEL_NAME = "sh.kaito.model.name"
FULL_NAME = "io.containerd.image.name"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
SERVING_FILES = ("chat_template.jinja", "generation_config.json")
"""The template and the end tokens with which the adapter is served, where its tuner left them beside the weights."""


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
