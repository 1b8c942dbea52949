"""An image of one program, as an archive that ``ctr images import`` and ``skopeo`` read."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path


def static_image(name: str, program: Path, links: tuple[str, ...] = (), libraries: tuple[Path, ...] = ()) -> bytes:
    """Return the archive; ``links`` are further names of the program, ``libraries`` lie there as on this machine."""
    layer = _layer(program, links, libraries)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [f"/bin/{program.name}"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {"manifest.json": json.dumps(manifest).encode(), "config.json": json.dumps(config).encode()}
    return _archive({**files, "layer.tar": layer})


def linked(program: Path) -> tuple[Path, ...]:
    """Return the shared libraries that ``program`` of this machine loads."""
    listed = subprocess.run(["ldd", str(program)], check=True, capture_output=True, text=True).stdout
    return tuple(Path(path) for path in re.findall(r"(?<!\S)/\S+", listed))


def _layer(program: Path, links: tuple[str, ...], libraries: tuple[Path, ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        places = {f"bin/{program.name}": program, **{str(path).lstrip("/"): path for path in libraries}}
        for place, path in places.items():
            content = path.read_bytes()
            member = tarfile.TarInfo(place)
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
