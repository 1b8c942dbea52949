"""Models as images: one layer per file below ``data/``, pushed without a copy on the disk, and what a pull must bring.

Every program that knows images can handle them: the layers are plain tars, so that Kubernetes mounts an image as a
volume, and a registry keeps a file that two revisions share once. The same files give the same digest.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from llmwright.artifacts.adapter_image import MODEL_NAME
from llmwright.artifacts.artifact_errors import bad_image, disk_errors
from llmwright.artifacts.download import Progress
from llmwright.artifacts.image_manifest import (
    OCI_CONFIG,
    OCI_MANIFEST,
    OCI_TAR,
    Descriptor,
    Image,
    as_json,
    read_image,
    sha256,
)
from llmwright.artifacts.image_transfer import TotalProgress
from llmwright.artifacts.oci_registry import CHUNK_BYTES
from llmwright.artifacts.tarred_file import TarredFile, digest_of, tar_bytes
from llmwright.catalogue.model_directory import CONFIG, has_tokenizer
from llmwright.catalogue.weight_files import SAFE, model_weights, other_weights
from llmwright.errors import ConfigError

MOST_FILES = 400
"""The kernel stacks at most 500 layers (``OVL_MAX_STACK``), and a container's own come on top."""

_TEMPLATES = "additional_chat_templates"
_TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """The facts about a model that its image carries; empty where they are not known."""

    name: str
    license: str = ""
    source: str = ""
    revision: str = ""

    @property
    def annotations(self) -> dict[str, str]:
        """The facts by the keys of KAITO and of the OCI image specification (annotations.md)."""
        facts = {
            MODEL_NAME: self.name,
            "org.opencontainers.image.licenses": self.license,
            "org.opencontainers.image.source": self.source,
            "org.opencontainers.image.revision": self.revision,
        }
        return {key: value for key, value in facts.items() if value}


@dataclass(frozen=True, slots=True)
class ModelImage:
    """The image of the model in ``directory``: its manifest and config, and the file of each layer."""

    directory: Path
    image: Image
    config: bytes
    files: dict[str, str]

    @property
    def what(self) -> str:
        """The image, for errors."""
        return f"the model in {self.directory}"

    @contextlib.contextmanager
    def opened(self, blob: Descriptor) -> Iterator[IO[bytes]]:
        """Yield the bytes of a blob."""
        if blob.digest == self.image.config.digest:
            yield io.BytesIO(self.config)
            return
        name = self.files[blob.digest]
        with disk_errors(self.directory), TarredFile(self.directory / name, name) as tar:
            yield io.BufferedReader(tar, CHUNK_BYTES)


def model_files(directory: Path) -> tuple[str, ...]:
    """Return the files of a model's image, in order: config, tokenizer, licence and whatever else lies beside the
    weights, but no hidden file, no weights in another format and none that no loader reads.

    Raises:
        ConfigError: it is no whole model: no config, no tokenizer, no safetensors; or too many files.
    """
    if not (directory / CONFIG).is_file():
        raise ConfigError(f"{directory} is no model: {CONFIG} is missing", hint="give what save_pretrained wrote")
    loaded = {path.name for path in model_weights(directory, str(directory))}
    if not has_tokenizer(directory):
        hint = "the tokenizer's save_pretrained puts it beside the weights"
        raise ConfigError(f"{directory} holds no tokenizer: no server starts without", hint=hint)
    places = [*directory.iterdir(), *(directory / _TEMPLATES).glob("*.jinja")]
    names = sorted(path.relative_to(directory).as_posix() for path in places if path.is_file())
    left_out = set(other_weights(names))
    chosen = tuple(
        name
        for name in names
        if not name.startswith(".") and name not in left_out and (not name.endswith(SAFE) or name in loaded)
    )
    for name in chosen:
        _refuse_link(directory, name)
    if len(chosen) > MOST_FILES:
        text = f"{directory} holds {len(chosen)} files, and an image has at most {MOST_FILES} layers"
        raise ConfigError(text, hint="write it with larger shards: save_pretrained(max_shard_size=...)")
    return chosen


def _refuse_link(directory: Path, name: str) -> None:
    """Raise ConfigError for a link out of the directory, but for those of the hub's cache to its ``blobs``.

    Who pushes a directory that came from somebody else must not publish a file of their own machine.
    """
    target, home = (directory / name).resolve(), directory.resolve()
    snapshots = home.parent.name == "snapshots" and home.parent.parent.name.startswith("models--")
    places = (home, *((home.parent.parent / "blobs",) if snapshots else ()))
    if not any(target.is_relative_to(place) for place in places):
        text = f"{directory / name} is a link to {target}, outside the model's directory"
        raise ConfigError(text, hint="put the file itself there", reason="LinkRefused")


def model_image(directory: Path, card: ModelCard, progress: Progress | None = None) -> ModelImage:
    """Return the image of the model in ``directory``. Every byte is read once; ``progress`` counts them.

    Raises ConfigError as ``model_files``, and for a file that cannot be read.
    """
    names = model_files(directory)
    with disk_errors(directory):
        sizes = [Descriptor(OCI_TAR, "", tar_bytes(directory / name, name)) for name in names]
        counted, layers = TotalProgress(sizes, progress), []
        for name, size in zip(names, sizes, strict=True):
            digest, length = digest_of(directory / name, name, counted.of_blob())
            counted.finish(size)
            layers.append(Descriptor(OCI_TAR, digest, length, {_TITLE: name}))
    config = as_json(_config(layers, card))
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": Descriptor(OCI_CONFIG, sha256(config), len(config)).as_json(),
        "layers": [layer.as_json() for layer in layers],
        "annotations": card.annotations,
    }
    image = read_image(as_json(manifest), OCI_MANIFEST, str(directory))
    return ModelImage(directory, image, config, {layer.digest: name for layer, name in zip(layers, names, strict=True)})


def _config(layers: Sequence[Descriptor], card: ModelCard) -> dict[str, object]:
    return {
        # The specification asks for a platform. Weights have none; this one is what most nodes are, and a manifest
        # that is asked for by its own name is taken on every other.
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": card.annotations},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }


def check_model(data: Path, what: str) -> None:
    """Raise ConfigError (NoModel, UnsafeWeights) where the files of an image are no whole model in safetensors."""
    if not (data / CONFIG).is_file():
        text = f"{what} holds no model: its /data has no {CONFIG}"
        raise ConfigError(text, hint="`llmwright model push MODEL REFERENCE` makes such images", reason="NoModel")
    try:
        model_weights(data, what)
    except ConfigError as error:
        reason = error.reason if error.reason != ConfigError.reason else "NoModel"
        raise ConfigError(error.message, hint=error.hint, reason=reason) from error
    if not has_tokenizer(data):
        raise bad_image(what, "it holds no tokenizer: no server starts without")
