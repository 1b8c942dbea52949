"""A model hub on loopback that answers as huggingface.co does: listings, redirects to large files, and its refusals.

Statuses, headers (``X-Error-Code``, ``X-Error-Message``, ``X-Linked-Etag``, ``X-Repo-Commit``) and texts are those that
``huggingface_hub`` reads (``utils/_http.py``, ``file_download.py``) and that huggingface.co sends.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_validvalidvalidvalid"
_API = re.compile(r"/api/models/(?P<name>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/?]+))?(?:\?.*)?")
_TREE = re.compile(r"/api/models/(?P<name>[^/]+/[^/]+)/tree/(?P<revision>[^/?]+)(?:/(?P<folder>[^?]+))?(?:\?.*)?")
_FILE = re.compile(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>[^?]+)(?:\?.*)?")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Repository:
    """A model of the hub: its files, and who may have them. ``large`` ones are redirected to, as those of LFS."""

    files: dict[str, bytes]
    gated: bool = False
    private: bool = False
    accepted: frozenset[str] = frozenset({TOKEN})
    spoilt: frozenset[str] = frozenset()
    commit: str = COMMIT
    large: frozenset[str] = field(default_factory=frozenset)

    def is_large(self, path: str) -> bool:
        return path.endswith(".safetensors") or path in self.large


class Hub:
    """The hub. ``downloads`` are the files whose bytes were sent, ``ranges`` what was asked of them.

    ``cut`` ends the next answer for a large file after so many bytes. ``status`` is answered to all where it is set,
    ``store_status`` by the store of large files. Of files in ``slow`` ``piece`` bytes come at a
    time, until ``hurry``.
    """

    def __init__(self, host: str = "127.0.0.1", store: str = "localhost") -> None:
        """Large files lie on ``store``, another name of this machine."""
        self.repositories: dict[str, Repository] = {}
        self.downloads: list[str] = []
        self.ranges: list[str] = []
        self.requests: list[str] = []
        self.tokens: set[str] = {TOKEN, "hf_strangerstranger", "hf_finefinefinefine"}
        self.cut: int | None = None
        self.status: int | None = None
        self.store_status: int | None = None
        self.slow: frozenset[str] = frozenset()
        self.piece = 1024
        self.hurry = Event()
        self.closed = False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if hub.closed:
                    self.close_connection = True
                    return
                hub.requests.append(f"{self.command} {self.path}")
                hub.answer(self)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that is killed is part of these tests

        self._server = Server((host if store == "localhost" else "", 0), Handler)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        # Under another name, as the hub's own: the library does not follow such a redirect when it asks for the digest.
        self.cdn = f"http://{store}:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def add(self, name: str, directory: Path, **about: Any) -> Repository:
        """Hold the files of a directory under ``name``."""
        files = {
            path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
        }
        self.repositories[name] = Repository(files, **about)
        return self.repositories[name]

    def close(self) -> None:
        """End it, connections that are kept too."""
        self.closed = True
        self.hurry.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        if self.status is not None:
            return _reply(request, self.status, {}, b"busy")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            return _refuse(request, 401, "", "Invalid credentials in Authorization header")
        if request.path.startswith("/cdn/"):
            return self._large(request)
        listing, file, tree = (form.fullmatch(request.path) for form in (_API, _FILE, _TREE))
        match = listing or file or tree
        repository = self.repositories.get(match["name"]) if match else None
        if match is None or repository is None or (repository.private and token not in repository.accepted):
            if token:
                return _refuse(request, 404, "RepoNotFound", "Repository not found")
            return _refuse(request, 401, "RepoNotFound", "Invalid username or password.")
        if match["revision"] not in (None, "main", repository.commit):
            return _refuse(request, 404, "RevisionNotFound", f"Invalid rev id: {match['revision']}")
        if listing:
            return _reply(request, 200, {"Content-Type": "application/json"}, json.dumps(_about(repository)).encode())
        if tree:
            entries = _tree(repository, tree["folder"] or "")
            if tree["folder"] and not entries:
                return _refuse(
                    request, 404, "EntryNotFound", f'{tree["folder"]} does not exist on "{match["revision"]}"'
                )
            return _reply(request, 200, {"Content-Type": "application/json"}, json.dumps(entries).encode())
        return self._file(request, match["name"], match["path"], repository, token)

    def _file(self, request: BaseHTTPRequestHandler, name: str, path: str, repository: Repository, token: str) -> None:
        restricted = f"Access to model {name} is restricted"
        if repository.gated and not token:
            text = f"{restricted}. You must have access to it and be authenticated to access it. Please log in."
            return _refuse(request, 401, "GatedRepo", text)
        if repository.gated and token == "hf_finefinefinefine":
            text = "Please enable access to public gated repositories in your fine-grained token settings"
            return _refuse(request, 403, "GatedRepo", text)
        if repository.gated and token not in repository.accepted:
            text = f"{restricted} and you are not in the authorized list. Visit {self.url}/{name} to ask for access."
            return _refuse(request, 403, "GatedRepo", text)
        content = repository.files.get(path)
        if content is None:
            return _refuse(request, 404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": repository.commit}
        if repository.is_large(path):
            linked = {"X-Linked-Etag": f'"{sha256_of(content)}"', "X-Linked-Size": str(len(content))}
            return _reply(request, 302, {**headers, **linked, "Location": f"{self.cdn}/cdn/{name}/{path}"}, b"")
        if request.command == "GET":
            self.downloads.append(path)
        return _reply(request, 200, {**headers, "ETag": f'"{git_digest(content)}"'}, content)

    def _large(self, request: BaseHTTPRequestHandler) -> None:
        organisation, short, path = request.path.removeprefix("/cdn/").partition("?")[0].split("/", 2)
        repository = self.repositories[f"{organisation}/{short}"]
        if self.store_status is not None:
            _reply(request, self.store_status, {}, b"<Error>AccessDenied</Error>")
            return
        content = repository.files[path]
        if path in repository.spoilt:
            content = bytes(reversed(content))
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{sha256_of(content)}"'}
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if request.command == "GET":
            self.downloads.append(path)
            self.ranges.append(request.headers.get("Range", ""))
        cut, self.cut = (self.cut, None) if request.command == "GET" else (None, self.cut)
        _reply(request, 206 if asked else 200, headers, content[start:], cut, self if path in self.slow else None)


def _about(repository: Repository) -> dict[str, Any]:
    siblings = []
    for path, content in sorted(repository.files.items()):
        file: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git_digest(content)}
        if repository.is_large(path):
            file["lfs"] = {"sha256": sha256_of(content), "size": len(content), "pointerSize": 130}
        siblings.append(file)
    gated = "manual" if repository.gated else False
    return {"id": "x", "sha": repository.commit, "gated": gated, "siblings": siblings, "cardData": {"license": "mit"}}


def _tree(repository: Repository, folder: str) -> list[dict[str, Any]]:
    entries = []
    below = [item for item in sorted(repository.files.items()) if not folder or item[0].startswith(f"{folder}/")]
    for path, content in below:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": git_digest(content)}
        if repository.is_large(path):
            entry["lfs"] = {"oid": sha256_of(content), "size": len(content), "pointerSize": 130}
        entries.append(entry)
    return entries


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_digest(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _refuse(request: BaseHTTPRequestHandler, status: int, code: str, text: str) -> None:
    headers = {"X-Error-Message": text, **({"X-Error-Code": code} if code else {})}
    _reply(request, status, headers, json.dumps({"error": text}).encode())


def _reply(
    request: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    body: bytes,
    cut: int | None = None,
    slow: Hub | None = None,
) -> None:
    request.send_response(status)
    for key, value in {**headers, "Content-Length": str(len(body))}.items():
        request.send_header(key, value)
    request.end_headers()
    if request.command != "HEAD":
        if slow is None:
            request.wfile.write(body[:cut])
            body = b""
        for start in range(0, len(body), slow.piece if slow is not None else 1):
            assert slow is not None
            request.wfile.write(body[start : start + slow.piece])
            slow.hurry.wait(0.02)
        if cut is not None:
            request.wfile.flush()
            request.close_connection = True
            request.connection.close()
