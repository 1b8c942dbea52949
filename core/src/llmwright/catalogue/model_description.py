"""Description of a model that no pack has: from a directory, the hub's cache on this machine, or the hub itself.

The weights are never downloaded here. ``HF_ENDPOINT``, ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_HUB_OFFLINE``,
``HF_TOKEN`` and the proxy variables are honoured.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeGuard
from urllib.parse import quote

from llmwright.catalogue.hub_refusals import refusal
from llmwright.catalogue.model_config import LARGEST, Description, preset_of
from llmwright.catalogue.model_directory import CONFIG, has_tokenizer, named_directory
from llmwright.catalogue.weight_files import ADAPTER_CONFIG, loaded_names, model_weights, no_safetensors
from llmwright.errors import ConfigError, TargetError
from llmwright.reading.files import MOST_BYTES, Unreadable, is_directory, is_file, read_text, user_path
from llmwright.reading.json_reader import read_json, read_json_file
from llmwright.values.preset import Preset

_REPOSITORY = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?/[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")
_HEADER_LIMIT = 16 * 1024**2
_MOST_DIMENSIONS = 16
"""Of a tensor: weights have up to five, and a product of a million sizes would take minutes."""
_LFS = b"version https://git-lfs.github.com/spec/"
_INDEX_LIMIT = 16 * 1024**2
"""The index of the largest models names 100,000 tensors in 9 MB."""


class HubClient(Protocol):
    """The client of a model hub. Who may open connections makes it, and passes it down."""

    def get(self, url: str, token: str) -> tuple[int, bytes]:
        """Return status and body of ``url``; ``token`` is for the hub alone, empty for none. Raises LLMwrightError."""


def can_describe(name: str) -> bool:
    """Whether ``name`` has the form of a hub model (``org/name``) or a local one (``file:///dir``)."""
    return name.startswith("file:") or _REPOSITORY.fullmatch(name) is not None


def describe(
    name: str,
    *,
    revision: str = "main",
    environ: Mapping[str, str] = os.environ,
    client: HubClient | None = None,
) -> Preset:
    """Return the preset of the model ``name``: ``file:///dir``, or ``org/name`` from the hub's cache or the hub.

    Args:
        revision: branch, tag or commit on the hub.
        client: the client of the hub; without it, the hub is not asked.

    Raises:
        ConfigError: no such model, no access to it, or its ``config.json`` cannot be used.
        TargetError: the hub cannot be reached.
    """
    if name.startswith("file:"):
        directory = named_directory(name)
        description = describe_directory(directory, source=directory.as_uri(), whole=True)
        return preset_of(directory.name, description, written=name)
    if not _REPOSITORY.fullmatch(name):
        raise ConfigError(f"{name!r} is not of the form org/name", hint="or give a directory as file:///dir")
    short = name.rpartition("/")[2].lower()
    cached = cached_snapshot(name, revision, environ)
    if cached is not None:
        description = describe_directory(cached, source=f"hf://{name}", revision=cached.name)
        return preset_of(short, description, written=name)
    return preset_of(short, describe_on_hub(name, revision, environ, client), written=name)


def cached_snapshot(name: str, revision: str, environ: Mapping[str, str]) -> Path | None:
    """Return the directory of ``name`` at ``revision`` in the hub's cache, None where it is missing or incomplete."""
    home = Path(environ.get("HF_HOME") or Path(environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    try:
        cache = user_path(environ.get("HF_HUB_CACHE") or home / "hub")
    except Unreadable:
        # Without a home directory there is no cache.
        return None
    repository = cache / f"models--{name.replace('/', '--')}"
    reference = repository / "refs" / revision
    try:
        commit = read_text(reference, 1024).strip() or revision
    except (FileNotFoundError, Unreadable):
        commit = revision
    snapshot = repository / "snapshots" / commit
    complete = is_file(snapshot / "config.json") and any(snapshot.glob("*.safetensors*"))
    return snapshot if complete else None


def describe_directory(directory: Path, *, source: str, revision: str = "main", whole: bool = False) -> Description:
    """Describe the model in ``directory``.

    Args:
        whole: nothing is downloaded later, so that all that a server reads must be there.

    Raises:
        ConfigError: there is no model, or a file of it is missing or damaged.
    """
    if not is_directory(directory):
        raise ConfigError(f"model directory {directory} is not there", hint="give a directory with config.json")
    if is_file(directory / ADAPTER_CONFIG) and not is_file(directory / CONFIG):
        hint = "serve its base model, and name the directory in inference.adapters"
        raise ConfigError(f"{directory} holds a LoRA adapter, and no model: {CONFIG} is missing", hint=hint)
    weights = [directory / name for name in loaded_names(path.name for path in directory.glob("*.safetensors"))]
    index = directory / "model.safetensors.index.json"
    if not weights and not is_file(index):
        raise no_safetensors(str(directory), [path.name for path in directory.iterdir()])
    if whole:
        weights = list(model_weights(directory, str(directory)))
    headers = [_safetensors_counts(path) for path in weights]
    total = sum(size for _, size in headers)
    if is_file(index):
        metadata = _mapping(_read_json(index, _INDEX_LIMIT), "metadata", str(index))
        total = max(total, _whole(metadata.get("total_size"), f"{index}: metadata.total_size"))
    return Description(
        source=source,
        revision=revision,
        config=_read_json(directory / CONFIG),
        weight_bytes=total,
        parameters=sum(count for count, _ in headers) or None,
        found_in=str(directory),
        gaps=()
        if has_tokenizer(directory) or not whole
        else (f"{directory} holds no tokenizer: no server starts without",),
    )


def describe_on_hub(name: str, revision: str, environ: Mapping[str, str], client: HubClient | None) -> Description:
    """Describe the model ``name`` from the hub, with two small requests.

    Raises:
        ConfigError: offline by ``HF_HUB_OFFLINE``, no such model or no access to it.
        TargetError: the hub cannot be reached, or its answer cannot be read.
    """
    if client is None or environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise ConfigError(
            f"{name} is in no preset pack and not in the hub's cache, and HF_HUB_OFFLINE forbids asking the hub",
            hint="download it first, unset HF_HUB_OFFLINE, or name a preset (`llmwright presets list`)",
        )
    endpoint = (environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    token = environ.get("HF_TOKEN") or ""
    about = _get_json(client, f"{endpoint}/api/models/{name}/revision/{revision}?blobs=true", name, revision, token)
    commit = quote(str(about.get("sha") or revision), safe="")
    config = _get_json(client, f"{endpoint}/{name}/resolve/{commit}/config.json", name, revision, token)
    return Description(
        source=f"hf://{name}",
        revision=commit,
        config=config,
        weight_bytes=_weights_on_hub(about, name),
        parameters=_parameters_on_hub(about, name),
        license=str(_mapping(about, "cardData", name).get("license") or "")[:200],
        gated=bool(about.get("gated")),
        found_in=endpoint,
    )


def _weights_on_hub(about: Mapping[str, Any], name: str) -> int:
    files = about.get("siblings") or []
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise _not_understood(name, "siblings")
    by_name = {str(file.get("rfilename")): file for file in files}
    weights = [by_name[loaded] for loaded in loaded_names(by_name)]
    if not weights:
        raise no_safetensors(name, list(by_name))
    sizes = [file.get("size") for file in weights]
    if not all(_is_size(size) for size in sizes):
        raise _not_understood(name, "siblings[].size")
    return sum(sizes)


def _parameters_on_hub(about: Mapping[str, Any], name: str) -> int | None:
    total = _mapping(about, "safetensors", name).get("total")
    if total is not None and not _is_size(total):
        raise _not_understood(name, "safetensors.total")
    return total


def _is_size(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST


def _mapping(document: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    value = document.get(key) or {}
    if not isinstance(value, Mapping):
        raise _not_understood(name, key)
    return value


def _not_understood(name: str, field: str) -> ConfigError:
    return ConfigError(f"what is said about {name} cannot be used: {field} is of another form than expected")


def _stated(body: bytes) -> str:
    """Return the hub's own text in a refusal; empty where it has none."""
    try:
        answer = read_json(body, _INDEX_LIMIT)
    except Unreadable:
        return ""
    return str(answer.get("error") or "") if isinstance(answer, Mapping) else ""


def _get_json(client: HubClient, url: str, name: str, revision: str, token: str) -> dict[str, Any]:
    try:
        status, body = client.get(url, token)
    except TargetError as error:
        raise TargetError(
            f"{name} is in no preset pack, and {error.message}",
            hint="check the network, HF_ENDPOINT and proxies, or name a preset (`llmwright presets list`)",
            reason="HubUnreachable",
        ) from error
    if status in (401, 403, 404):
        raise refusal(name, revision, status, _stated(body), token=bool(token))
    try:
        document = read_json(body, _INDEX_LIMIT) if status == 200 else None
    except Unreadable as error:
        text = f"the model hub answered {status} for {name}, and the text {error}"
        raise TargetError(text, reason="HubFailed") from error
    if document is None:
        raise TargetError(f"the model hub answered {status} for {name}", reason="HubFailed")
    if not isinstance(document, dict):
        raise TargetError(f"the model hub's answer for {name} is no object", reason="HubFailed")
    return document


def _read_json(path: Path, most: int = MOST_BYTES) -> dict[str, Any]:
    try:
        document = read_json_file(path, most)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is not there", hint="a model needs its config.json") from error
    except Unreadable as error:
        raise ConfigError(f"{path} {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} holds no JSON object")
    return document


def _safetensors_counts(path: Path) -> tuple[int, int]:
    """Numbers and bytes of the tensors in a file, from its header alone (safetensors' format: length, JSON, data)."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = read_json(file.read(min(length, _HEADER_LIMIT + 1)), _HEADER_LIMIT)
        tensors = [tensor for key, tensor in header.items() if key != "__metadata__"]
        numbers = sum(_count(tensor["shape"]) for tensor in tensors)
        size = sum(_size(tensor["data_offsets"][1]) - _size(tensor["data_offsets"][0]) for tensor in tensors)
    except (OSError, struct.error, ValueError, LookupError, TypeError, AttributeError) as error:
        if _is_lfs_pointer(path):
            message, hint = f"{path} is a pointer of Git LFS and no weights", "fetch them: git lfs pull"
            raise ConfigError(message, hint=hint) from error
        raise ConfigError(f"{path} is no safetensors file: {error}", hint="download it again") from error
    if not (0 <= numbers < LARGEST and 0 <= size < LARGEST):
        raise ConfigError(f"{path} is no safetensors file: its tensors have impossible sizes")
    if path.stat().st_size < 8 + length + size:
        raise ConfigError(f"{path} is cut short", hint="download it again")
    return numbers, size


def _count(shape: Any) -> int:
    if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f"{repr(shape)[:80]} is no shape")
    return math.prod(map(_size, shape))


def _is_lfs_pointer(path: Path) -> bool:
    """Whether a clone without Git LFS left a pointer there (the first line of its specification)."""
    try:
        with path.open("rb") as file:
            return file.read(len(_LFS)) == _LFS
    except OSError:
        return False


def _size(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < LARGEST:
        raise ValueError(f"{value!r} is no size")
    return value


def _whole(value: Any, what: str) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < LARGEST:
        raise ConfigError(f"{what} is {value!r}", hint="expected a number of bytes")
    return int(value)
