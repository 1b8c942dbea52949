"""Referrers on a real registry: what is written is read back, and other entries of the list stay."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.support.docker_registry import DockerRegistry

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.image_manifest import Descriptor, Image
from llmwright.artifacts.image_push import push_image
from llmwright.artifacts.image_reference import Reference
from llmwright.artifacts.oci_registry import OciRegistry
from llmwright.artifacts.referrers import EMPTY, list_referrers, referrer
from llmwright.artifacts.wire import Wire

SUBJECT = "sha256:" + "ab" * 32


class Paper:
    """One file as an image that can be pushed."""

    def __init__(self, path: Path, image: Image) -> None:
        self.path, self.image, self.what = path, image, str(path)

    @contextmanager
    def opened(self, blob: Descriptor) -> Iterator[IO[bytes]]:
        yield io.BytesIO(b"{}" if blob == EMPTY else self.path.read_bytes())


def pushed(registry: DockerRegistry, path: Path, kind: str) -> Image:
    image = referrer(kind, path, SUBJECT, 99)
    push_image(Paper(path, image), f"{registry.host}/team/app@{image.digest}", None)
    return image


def test_a_list_grows_and_each_entry_is_there(open_registry: DockerRegistry, tmp_path: Path) -> None:
    path = tmp_path / "contents.json"
    path.write_text('{"a": 1}')
    subject = Reference(open_registry.host, "team/app", digest=SUBJECT)
    first, second = pushed(open_registry, path, "text/one"), pushed(open_registry, path, "text/two")
    list_referrers(subject, None, [first])
    list_referrers(subject, None, [second])
    with Wire(SourceRules(("127.0.0.1",))) as wire:
        registry = OciRegistry(wire, subject, (), actions="pull")
        index = json.loads(registry.manifest("sha256-" + "ab" * 32)[0])
        listed = {entry["digest"]: entry["artifactType"] for entry in index["manifests"]}
        manifest = json.loads(registry.manifest(first.digest)[0])
    assert listed == {first.digest: "text/one", second.digest: "text/two"}
    assert manifest["subject"] == {"mediaType": manifest["mediaType"], "digest": SUBJECT, "size": 99}
    assert manifest["layers"][0]["annotations"] == {"org.opencontainers.image.title": "contents.json"}
