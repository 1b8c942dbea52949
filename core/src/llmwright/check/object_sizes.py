"""Sizes: what the API server and its store take of one object (Kubernetes 1.34, etcd 3.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.check.check_input import CheckInput
from llmwright.check.identity import annotation_path
from llmwright.check.kubernetes_names import (
    MOST_ANNOTATIONS,
    annotation_bytes,
    label_key_problem,
    label_value_problem,
)
from llmwright.errors import Problem
from llmwright.reading.yaml_paths import render_path

KIB = 1024
MOST_STORED = 1280 * KIB
"""The most bytes of a Workspace and of what is made of it: etcd takes 1.5 MiB, and the status needs room beside it."""

OWNED = 64
"""Bytes by which the record of a field's owner (``managedFields``) makes an object larger, for each field."""

MOST_CONFIG = 1024 * KIB
"""The most bytes of a ConfigMap's values."""

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}\Z")


def check_size(inputs: CheckInput) -> Iterator[Problem]:
    """The Workspace, and the objects with its fields, can be stored."""
    if not inputs.on_cluster:
        return
    parts = inputs.written.model_dump(by_alias=True, exclude_none=True, exclude={"status"})
    sizes = {name: _stored_bytes(part) for name, part in parts.items()}
    largest, total = max(sizes, key=lambda name: sizes[name]), sum(sizes.values())
    hint = "put long texts into a ConfigMap"
    if total > MOST_STORED:
        message = (
            f"a cluster stores at most {MOST_STORED // KIB} KiB of one Workspace, and this takes {_kib(total)} KiB"
        )
        yield Problem(largest, message, hint, reason="Unworkable")
    elif _text_bytes(parts) > MOST_ANNOTATIONS:
        message = "`kubectl apply` keeps a copy in an annotation, which is too small for it"
        hint = "use `kubectl apply --server-side`"
        yield Problem(largest, message, hint, severity="warning", reason="LargeObject")


def check_metadata(inputs: CheckInput) -> Iterator[Problem]:
    """Labels and annotations of the Workspace are such as Kubernetes has them."""
    if not inputs.on_cluster:
        return
    metadata = inputs.written.metadata
    for key, value in metadata.labels.items():
        if wrong := label_key_problem(key) or label_value_problem(value):
            path = render_path(("metadata", "labels", key))
            yield Problem(path, f"the label {key!r}: {value!r} {wrong}", reason="Unworkable")
    for key in metadata.annotations:
        if wrong := label_key_problem(key.lower()):
            yield Problem(annotation_path(key), f"the annotation {key!r} {wrong}", reason="Unworkable")
    if (size := annotation_bytes(metadata.annotations)) > MOST_ANNOTATIONS:
        message = f"{_kib(size)} KiB of annotations, and an object has at most {MOST_ANNOTATIONS // KIB} KiB"
        yield Problem("metadata.annotations", message, "put the text into a ConfigMap", reason="Unworkable")


def config_map_problems(path: str, name: str, files: Mapping[str, str]) -> Iterator[Problem]:
    """Yield why no ConfigMap can hold the files of the config ``name``, which ``path`` names."""
    for key in files:
        if not _KEY.match(key):
            message = f"no ConfigMap can hold {key!r}: the names of its files are made of letters, 0-9, -, _ and ."
            yield Problem(path, message, reason="Unworkable")
    size = sum(len(text.encode(errors="replace")) for text in files.values())
    if size > MOST_CONFIG:
        message = f"{name} has {_kib(size)} KiB, and a ConfigMap holds at most {MOST_CONFIG // KIB} KiB"
        yield Problem(path, message, "put large files into an image or a volume", reason="Unworkable")


def _kib(size: int) -> int:
    """Return full KiB, rounded up."""
    return -(-size // KIB)


def _stored_bytes(value: Any) -> int:
    return _text_bytes(value) + OWNED * _fields(value)


def _text_bytes(value: Any) -> int:
    """Return about how many bytes ``value`` takes as JSON."""
    if isinstance(value, Mapping):
        return 2 + sum(len(str(key)) + 4 + _text_bytes(item) for key, item in value.items())
    if isinstance(value, list):
        return 2 + sum(1 + _text_bytes(item) for item in value)
    return len(str(value).encode(errors="replace")) + (2 if isinstance(value, str) else 0)


def _fields(value: Any) -> int:
    if isinstance(value, Mapping):
        return len(value) + sum(map(_fields, value.values()))
    return sum(map(_fields, value)) if isinstance(value, list) else 0
