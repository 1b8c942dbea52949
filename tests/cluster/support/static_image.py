"""An image of one static program, as an archive that ``ctr images import`` and ``skopeo`` read."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path


def static_image(name: str, program: Path, links: tuple[str, ...] = ()) -> bytes:
    """Return the archive; ``links`` are further names of the program, in the same folder."""
    layer = _layer(program, links)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [f"/bin/{program.name}"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {"manifest.json": json.dumps(manifest).encode(), "config.json": json.dumps(config).encode()}
    return _archive({**files, "layer.tar": layer})


def _layer(program: Path, links: tuple[str, ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        content = program.read_bytes()
        member = tarfile.TarInfo(f"bin/{program.name}")
        member.size, member.mode = len(content), 0o755
        tar.addfile(member, io.BytesIO(content))
        for link in links:
            member = tarfile.TarInfo(f"bin/{link}")
            member.type, member.linkname = tarfile.SYMTYPE, program.name
            tar.addfile(member)
    return buffer.getvalue()


def _archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
