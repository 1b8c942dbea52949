"""An image without layers, for a registry that has to have one of some name."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from llmwright.artifacts.image_manifest import OCI_CONFIG, OCI_MANIFEST, Descriptor, Image, as_json, sha256


class EmptyImage:
    """To be pushed; its configuration has the name, so that each has a digest of its own."""

    def __init__(self, name: str) -> None:
        self.content = as_json({"author": name})
        self.config, self.what = Descriptor(OCI_CONFIG, sha256(self.content), len(self.content)), name
        about = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": self.config.as_json(), "layers": []}
        self.image = Image(as_json(about), OCI_MANIFEST, self.config, ())

    @contextmanager
    def opened(self, blob: Descriptor) -> Iterator[IO[bytes]]:
        """Yield the bytes of its config."""
        yield io.BytesIO(self.content)
