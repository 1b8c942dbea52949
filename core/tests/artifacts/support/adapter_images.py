"""Adapters as images, in a registry and on the disk."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from pathlib import Path

from llmwright.artifacts.adapter_image import ADAPTER_FILES
from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_manifest import sha256
from llmwright.artifacts.layout import blob_path

HERE = SourceRules(("127.0.0.0/8", "::1"))


ANYWHERE = SourceRules(("0.0.0.0/0", "::/0"))


PAT = Credential("pat", "pa55:word")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def same_adapter(folder: Path, adapter: Path) -> bool:
    assert sorted(path.name for path in folder.iterdir()) == sorted(ADAPTER_FILES)
    return all((folder / name).read_bytes() == (adapter / name).read_bytes() for name in ADAPTER_FILES)


def layer_of(*files: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue())


def replace_manifest(layout: Path, content: bytes) -> None:
    blob_path(layout, sha256(content)).write_bytes(content)
    index = json.loads((layout / "index.json").read_text())
    index["manifests"][0] |= {"digest": sha256(content), "size": len(content)}
    (layout / "index.json").write_text(json.dumps(index))
