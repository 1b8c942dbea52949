"""What is fuzzed of images: manifests, indexes, configs and adapters, as a registry on loopback serves them."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import threading
from contextlib import suppress
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fuzz.corpus import ADAPTER_CONFIG, IMAGE, mapping
from tests.fuzz.judge import Kind

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.image_pull import pull
from llmwright.artifacts.layout import layout_image
from llmwright.errors import LLMwrightError

OCI = "application/vnd.oci.image"
WHERE = {"$manifest": "manifest", "$config": "config", "$layer": "layer"}


class ImageTargets:
    """One image at a time; ``directory`` is its to write into."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._answers: dict[str, tuple[str, bytes]] = {}

    def kind(self) -> Kind:
        """Return corpus and code."""
        image = {**IMAGE, "adapter_config": ADAPTER_CONFIG}
        return (json.dumps(image), json.dumps({**image, "index": None})), self.image

    def image(self, text: str) -> None:
        """Pull it, and read it as a layout; the last verdict is that of the pull."""
        parts = mapping(text)
        blobs = {"layer": _layer(parts.get("adapter_config")), "config": json.dumps(parts.get("config")).encode()}
        blobs["manifest"] = _filled(parts.get("manifest"), blobs)
        blobs["index"] = _filled(parts.get("index"), blobs)
        with suppress(LLMwrightError):
            layout_image(self._layout(blobs, parts.get("layout")))
        kind = parts.get("media_type") if isinstance(parts.get("media_type"), str) else ""
        top = ("index", f"{OCI}.index.v1+json") if parts.get("index") else ("manifest", f"{OCI}.manifest.v1+json")
        self._answers = {
            "latest": (str(kind or top[1]), blobs[top[0]]),
            **{_digest(blob): (f"{OCI}.manifest.v1+json", blob) for blob in blobs.values()},
        }
        target = self._directory / "pulled"
        shutil.rmtree(target, ignore_errors=True)
        reference = f"127.0.0.1:{self._server.server_address[1]}/a/b:latest"
        pull(reference, target, None, sources=SourceRules(allow=("127.0.0.1",)))

    def _layout(self, blobs: dict[str, bytes], mark: object) -> Path:
        directory = self._directory / "layout"
        shutil.rmtree(directory, ignore_errors=True)
        folder = directory / "blobs/sha256"
        folder.mkdir(parents=True)
        (directory / "oci-layout").write_text(json.dumps(mark))
        (directory / "index.json").write_bytes(blobs["index"])
        for blob in blobs.values():
            (folder / _digest(blob).removeprefix("sha256:")).write_bytes(blob)
        return directory

    @cached_property
    def _server(self) -> ThreadingHTTPServer:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                kind, body = answers._answers.get(self.path.rpartition("/")[2], ("", b""))
                self.send_response(200 if body or self.path.endswith("/v2/") else 404)
                with suppress(UnicodeError):
                    self.send_header("Content-Type", kind.replace("\r", "").replace("\n", ""))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server


def _filled(document: object, blobs: dict[str, bytes]) -> bytes:
    """Return a document whose placeholders are the digests of ``blobs``, and ``-size`` ones their sizes."""
    text = json.dumps(document)
    for name, blob in WHERE.items():
        if blob in blobs:
            text = text.replace(f'"{name}-size"', str(len(blobs[blob]))).replace(name, _digest(blobs[blob]))
    return text.encode()


def _layer(config: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (("adapter_config.json", json.dumps(config)), ("adapter_model.safetensors", "x")):
            entry = tarfile.TarInfo(f"data/{name}")
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()
