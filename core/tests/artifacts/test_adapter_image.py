"""Adapters through real registries, and what other tools make of them."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import tarfile
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from llmwright.artifacts import wire as wire_module
from llmwright.artifacts.adapter_image import ADAPTER_FILES, check_push, pack_adapter, pull, push
from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_manifest import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, as_json, sha256
from llmwright.artifacts.layout import blob_path, layout_image
from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.testing.adapters import safetensors
from llmwright.values.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.docker_registry import DockerRegistry

HERE = SourceRules(("127.0.0.0/8", "::1"))
ANYWHERE = SourceRules(("0.0.0.0/0", "::/0"))
PAT = Credential("pat", "pa55:word")


class Gate:
    """A registry with the token protocol: checks tokens, passes on to a real one, and fails where a test says so."""

    def __init__(self, behind: DockerRegistry) -> None:
        self.log: list[tuple[str, str]] = []
        self.asked: list[dict[str, Any]] = []
        self.faults: list[tuple[str, str, int]] = []
        self.spoil: dict[str, bytes] = {}
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                gate.handle(self, behind, self.rfile.read(length))

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self.answer
                raise AttributeError(name)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def handle(self, request: BaseHTTPRequestHandler, behind: DockerRegistry, body: bytes) -> None:
        parts = urlsplit(request.path)
        if parts.path == "/token":
            return self._token(request, {key: values[0] for key, values in parse_qs(parts.query).items()}, body)
        self.log.append((request.command, parts.path))
        if request.headers.get("Authorization") != "Bearer let-me-in":
            challenge = f'Bearer realm="http://{self.host}/token",service="gate",scope="repository:x:pull"'
            return self._reply(request, 401, b"", {"WWW-Authenticate": challenge})
        for fault in self.faults:
            if fault[0] == request.command and fault[1] in parts.path:
                self.faults.remove(fault)
                location = {"Location": "http://169.254.169.254/x"} if fault[2] == 307 else {}
                return self._reply(request, fault[2], b"", location)
        connection = HTTPConnection("127.0.0.1", behind.port)
        headers = {key: value for key, value in request.headers.items() if key.lower() != "authorization"}
        connection.request(request.command, request.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        kept = {key: value for key, value in answer.getheaders() if key.lower() != "content-length"}
        length = answer.getheader("Content-Length") if request.command == "HEAD" else None
        for path, spoilt in self.spoil.items():
            content = spoilt if path in parts.path and request.command == "GET" else content
        connection.close()
        return self._reply(request, answer.status, content, kept, length)

    def _token(self, request: BaseHTTPRequestHandler, query: dict[str, str], body: bytes) -> None:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        self.asked.append(query | form)
        basic = request.headers.get("Authorization") == "Basic cGF0OnBhNTU6d29yZA=="
        if basic or form.get("refresh_token") == "identity":
            return self._reply(request, 200, b'{"access_token": "let-me-in"}', {})
        return self._reply(request, 401, b"{}", {})

    @staticmethod
    def _reply(
        request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str], length: str | None = None
    ) -> None:
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", length or str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def gate(open_registry: DockerRegistry) -> Iterator[Gate]:
    gate = Gate(open_registry)
    yield gate
    gate.close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "PAUSES", Backoff(0.0, 0.0))


@pytest.fixture
def layout(adapter: Path, tmp_path: Path) -> Path:
    pack_adapter(adapter, tmp_path / "layout", "team/adapter:v1", "demo")
    return tmp_path / "layout"


@pytest.fixture(scope="session")
def oras() -> str:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    unpacker = Path(__file__).parents[4] / "shared" / "envtest" / "unpack"
    if assets is None and unpacker.is_file():
        assets = subprocess.run([sys.executable, unpacker], check=True, capture_output=True, text=True).stdout.strip()
    program = Path(assets or "") / "oras"
    if not (assets and program.is_file()):
        pytest.skip("the program oras is not there (KUBEBUILDER_ASSETS or ../shared/envtest)")
    return str(program)


@pytest.fixture(scope="session")
def skopeo() -> str:
    program = shutil.which("skopeo")
    if program is None:
        pytest.skip("skopeo is not installed (Debian package skopeo)")
    return program


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


class TestLayout:
    def test_it_is_upstreams_adapter_image(self, layout: Path, adapter: Path) -> None:
        image = layout_image(layout)
        manifest = json.loads(image.content)
        assert manifest["annotations"] == {"sh.kaito.model.name": "demo"}
        assert [layer["mediaType"] for layer in manifest["layers"]] == [OCI_LAYER]
        assert manifest["config"]["mediaType"] == OCI_CONFIG
        packed = blob_path(layout, image.layers[0].digest).read_bytes()
        config = json.loads(blob_path(layout, image.config.digest).read_bytes())
        assert config == {"rootfs": {"diff_ids": [sha256(gzip.decompress(packed))]}}
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            members = archive.getmembers()
        assert [member.name for member in members] == ["data", *(f"data/{name}" for name in ADAPTER_FILES)]
        assert all((m.uid, m.gid, m.mtime, m.uname) == (0, 0, 0, "") for m in members)
        assert packed[4:8] == bytes(4)
        index = json.loads((layout / "index.json").read_text())
        assert index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == "v1"
        assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}

    def test_packing_again_gives_the_same_bytes(self, layout: Path, adapter: Path, tmp_path: Path) -> None:
        before = {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()}
        os.utime(adapter / ADAPTER_FILES[0], (1, 1))
        digest = pack_adapter(adapter, layout, "team/adapter:v1", "demo")
        assert {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()} == before
        assert pack_adapter(adapter, tmp_path / "other", "team/adapter:v1", "demo") == digest

    def test_a_changed_adapter_replaces_the_old_blobs(self, layout: Path, adapter: Path) -> None:
        (adapter / ADAPTER_FILES[1]).write_bytes(safetensors({"new": ("U8", (1,), b"n")}))
        digest = pack_adapter(adapter, layout, "team/adapter:v2", "demo")
        assert layout_image(layout).digest == digest
        assert len(list((layout / "blobs/sha256").iterdir())) == 3

    @pytest.mark.parametrize("name", ADAPTER_FILES)
    def test_an_incomplete_adapter_is_refused(self, adapter: Path, tmp_path: Path, name: str) -> None:
        for gone in (False, True):
            (adapter / name).write_bytes(b"")
            if gone:
                (adapter / name).unlink()
            with pytest.raises(ConfigError, match=name) as caught:
                pack_adapter(adapter, tmp_path / "layout", "a:1", "demo")
            assert caught.value.reason == "AdapterIncomplete"
        assert not (tmp_path / "layout").exists()

    def test_a_config_that_is_no_json(self, adapter: Path, tmp_path: Path) -> None:
        (adapter / ADAPTER_FILES[0]).write_text("no")
        with pytest.raises(ConfigError, match="no JSON object"):
            pack_adapter(adapter, tmp_path / "layout", "a:1", "demo")

    def test_damaged_layouts_are_not_pushed(self, layout: Path, tmp_path: Path) -> None:
        image = layout_image(layout)
        spoils = {
            "oci-layout": b"{}",
            "index.json": b'{"manifests": []}',
            f"blobs/sha256/{image.layers[0].digest[7:]}": b"x" * image.layers[0].size,
            f"blobs/sha256/{image.config.digest[7:]}": b"",
            f"blobs/sha256/{image.digest[7:]}": b"{}",
        }
        for number, (name, content) in enumerate(spoils.items()):
            copy = shutil.copytree(layout, tmp_path / str(number))
            (copy / name).write_bytes(content)
            with pytest.raises(ConfigError) as caught:
                push(copy, "127.0.0.1:1/a:1", None)
            assert caught.value.reason in ("BadImage", "DigestMismatch")
        with pytest.raises(ConfigError, match="oci-layout cannot be read"):
            push(tmp_path / "none", "127.0.0.1:1/a:1", None)


class TestOtherTools:
    def test_skopeo_reads_the_layout(self, layout: Path, skopeo: str, tmp_path: Path) -> None:
        digest = layout_image(layout).digest
        assert json.loads(run(skopeo, "inspect", f"oci:{layout}:v1"))["Digest"] == digest
        run(skopeo, "copy", "--insecure-policy", f"oci:{layout}:v1", f"dir:{tmp_path / 'out'}")
        assert sha256((tmp_path / "out/manifest.json").read_bytes()) == digest

    def test_skopeo_reads_the_registry(self, open_registry: DockerRegistry, layout: Path, skopeo: str) -> None:
        digest = push(layout, f"{open_registry.host}/skopeo/a:v1", None)
        found = run(skopeo, "inspect", "--tls-verify=false", f"docker://{open_registry.host}/skopeo/a:v1")
        assert json.loads(found)["Digest"] == digest

    def test_oras_pulls_what_was_pushed(
        self, open_registry: DockerRegistry, layout: Path, adapter: Path, oras: str, tmp_path: Path
    ) -> None:
        reference = f"{open_registry.host}/oras/a:v1"
        digest = push(layout, reference, None)
        assert sha256(run(oras, "manifest", "fetch", "--plain-http", reference).encode()) == digest
        run(oras, "copy", "--from-plain-http", "--to-oci-layout", reference, f"{tmp_path / 'copy'}:v1")
        assert layout_image(tmp_path / "copy").digest == digest
        layer = layout_image(layout).layers[0].digest
        run(oras, "blob", "fetch", "--plain-http", "-o", tmp_path / "l.tgz", f"{open_registry.host}/oras/a@{layer}")
        run("tar", "xzf", tmp_path / "l.tgz", "-C", tmp_path)
        assert same_adapter(tmp_path / "data", adapter)

    def test_what_upstreams_pusher_makes_is_pulled(
        self, open_registry: DockerRegistry, adapter: Path, oras: str, tmp_path: Path
    ) -> None:
        work = tmp_path / "work"
        (work / "data").mkdir(parents=True)
        for name in ADAPTER_FILES:
            shutil.copy(adapter / name, work / "data")
        run("tar", "cf", "data.tar", "data", cwd=work)
        diff_id = sha256((work / "data.tar").read_bytes())
        run("gzip", "-9", "data.tar", cwd=work)
        (work / "config.json").write_text(json.dumps({"rootfs": {"diff_ids": [diff_id]}}))
        pushed = ("push", "--oci-layout", "lay:v1", "--config", f"config.json:{OCI_CONFIG}", f"data.tar.gz:{OCI_LAYER}")
        run(oras, *pushed, "--annotation", "sh.kaito.model.name=demo", cwd=work)
        target = f"{open_registry.host}/upstream/a:v1"
        run(oras, "cp", "--from-oci-layout", "lay:v1", "--to-plain-http", target, cwd=work)
        pull(target, tmp_path / "to", None, sources=HERE)
        assert same_adapter(tmp_path / "to", adapter)

    def test_docker_s_own_format_is_pulled(
        self, open_registry: DockerRegistry, layout: Path, adapter: Path, skopeo: str, tmp_path: Path
    ) -> None:
        target = f"{open_registry.host}/docker/a:v1"
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
        image = layout_image(layout)
        config["rootfs"] = json.loads(blob_path(layout, image.config.digest).read_bytes())["rootfs"] | {
            "type": "layers"
        }
        content = as_json(config)
        blob_path(layout, sha256(content)).write_bytes(content)
        manifest = json.loads(image.content)
        manifest["config"] |= {"digest": sha256(content), "size": len(content)}
        replace_manifest(layout, as_json(manifest))
        to = ("--dest-tls-verify=false", f"oci:{layout}:v1", f"docker://{target}")
        run(skopeo, "copy", "--insecure-policy", "--format", "v2s2", *to)
        pull(target, tmp_path / "to", None, sources=HERE)
        assert same_adapter(tmp_path / "to", adapter)


def replace_manifest(layout: Path, content: bytes) -> None:
    blob_path(layout, sha256(content)).write_bytes(content)
    index = json.loads((layout / "index.json").read_text())
    index["manifests"][0] |= {"digest": sha256(content), "size": len(content)}
    (layout / "index.json").write_text(json.dumps(index))


class TestRoundTrip:
    @pytest.mark.parametrize("chunk_bytes", [64_000, 10_000_000])
    def test_pushed_and_pulled(
        self, open_registry: DockerRegistry, layout: Path, adapter: Path, tmp_path: Path, chunk_bytes: int
    ) -> None:
        reference = f"{open_registry.host}/round/trip-{chunk_bytes}:v1"
        seen: list[tuple[int, int | None]] = []
        note = lambda done, total: seen.append((done, total))  # noqa: E731
        digest = push(layout, reference, None, chunk_bytes=chunk_bytes, progress=note)
        image = layout_image(layout)
        assert digest == image.digest
        total = sum(blob.size for blob in image.blobs)
        assert seen[-1] == (total, total)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        to = tmp_path / "to"
        (to / ADAPTER_FILES[1]).mkdir(parents=True)
        (to / "kept.txt").write_text("kept")
        assert pull(reference, to, None, sources=HERE, progress=note) == digest
        assert (to / "kept.txt").read_text() == "kept"
        (to / "kept.txt").unlink()
        assert same_adapter(to, adapter)
        by_digest = f"{reference.rpartition(':')[0]}@{digest}"
        assert pull(by_digest, tmp_path / "by-digest", None, sources=HERE) == digest
        assert open_registry.uploads() == []

    def test_a_name_is_resolved_and_judged(self, open_registry: DockerRegistry, layout: Path, tmp_path: Path) -> None:
        reference = f"localhost:{open_registry.port}/named/a:v1"
        push(layout, reference, None)
        assert pull(reference, tmp_path / "to", None, sources=SourceRules(("127.0.0.1",)))

    def test_pull_is_held_to_the_address_rules(
        self, open_registry: DockerRegistry, layout: Path, tmp_path: Path
    ) -> None:
        push(layout, f"{open_registry.host}/rules/a:v1", None)
        for host in (
            open_registry.host,
            f"localhost:{open_registry.port}",
            f"[::1]:{open_registry.port}",
            "10.0.0.1:1",
        ):
            with pytest.raises(ConfigError) as caught:
                pull(f"{host}/rules/a:v1", tmp_path / "to", None, sources=SourceRules(("192.168.0.0/16",)))
            assert caught.value.reason == "SourceRefused"
            assert "sources.allow" in str(caught.value)
        assert list((tmp_path / "to").iterdir()) == []

    def test_metadata_services_are_no_registries(self, layout: Path, tmp_path: Path) -> None:
        for act in (
            lambda: push(layout, "169.254.169.254/a:v1", None),
            lambda: check_push("metadata.google.internal/a:v1", None),
            lambda: pull("169.254.169.254/a:v1", tmp_path / "to", None, sources=ANYWHERE),
        ):
            with pytest.raises(ConfigError, match="always refused"):
                act()

    def test_no_such_image(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none:v1: the registry answered 404 \(.*unknown") as caught:
            pull(f"{open_registry.host}/none:v1", tmp_path / "to", None, sources=HERE)
        assert caught.value.reason == "ImageNotFound"

    def test_nobody_there(self, layout: Path) -> None:
        with pytest.raises(TargetError, match="3 attempts") as caught:
            push(layout, "127.0.0.1:1/a:v1", None)
        assert caught.value.reason == "Unreachable"

    def test_a_digest_that_is_not_this_image(self, open_registry: DockerRegistry, layout: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            push(layout, f"{open_registry.host}/a@sha256:{'0' * 64}", None)
        assert caught.value.reason == "DigestMismatch"
        assert push(layout, f"{open_registry.host}/exact/a@{layout_image(layout).digest}", None)


class TestPasswords:
    def test_only_who_may(self, closed_registry: DockerRegistry, layout: Path, adapter: Path, tmp_path: Path) -> None:
        reference = f"{closed_registry.host}/private/a:v1"
        for wrong in (None, Credential("pat", "wr0ng"), Credential(registry_token="wr0ng")):
            for act in (lambda c=wrong: check_push(reference, c), lambda c=wrong: push(layout, reference, c)):
                with pytest.raises(ConfigError) as caught:
                    act()
                assert (caught.value.reason, caught.value.exit_code) == ("PushDenied", 2)
                assert "wr0ng" not in str(caught.value)
            with pytest.raises(ConfigError) as caught:
                pull(reference, tmp_path / "to", wrong, sources=HERE)
            assert caught.value.reason == "PullDenied"
        digest = push(layout, reference, PAT)
        assert pull(reference, tmp_path / "to", PAT, sources=HERE) == digest
        assert same_adapter(tmp_path / "to", adapter)

    def test_the_check_before_a_push_leaves_nothing(self, closed_registry: DockerRegistry) -> None:
        assert closed_registry.begin_upload("preflight/a", PAT.username, PAT.password)
        begun = closed_registry.uploads()
        assert len(begun) == 1
        check_push(f"{closed_registry.host}/preflight/a:v1", PAT)
        assert closed_registry.uploads() == begun
        assert not list(closed_registry.storage.glob("**/preflight/a/_manifests"))

    def test_nothing_secret_is_logged_at_any_level(
        self, closed_registry: DockerRegistry, layout: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        push(layout, f"{closed_registry.host}/logged/a:v1", PAT)
        assert "pa55:word" not in caplog.text
        assert "cGF0OnBhNTU6d29yZA==" not in caplog.text
        assert "_state=" not in caplog.text


class TestTokens:
    @pytest.mark.parametrize("credential", [PAT, Credential(identity_token="identity")])
    def test_tokens_are_fetched_for_the_scope(
        self, gate: Gate, layout: Path, adapter: Path, tmp_path: Path, credential: Credential
    ) -> None:
        reference = f"{gate.host}/token/{'b' if credential.username else 'i'}:v1"
        check_push(reference, credential)
        digest = push(layout, reference, credential)
        assert pull(reference, tmp_path / "to", credential, sources=HERE) == digest
        assert same_adapter(tmp_path / "to", adapter)
        repository = reference.partition("/")[2].rpartition(":")[0]
        scopes = [f"repository:{repository}:{actions}" for actions in ("pull,push", "pull,push", "pull")]
        assert [asked["scope"] for asked in gate.asked] == scopes
        assert {asked["service"] for asked in gate.asked} == {"gate"}

    def test_a_token_refused(self, gate: Gate, layout: Path) -> None:
        for wrong in (None, Credential("pat", "wr0ng"), Credential(identity_token="wr0ng")):
            with pytest.raises(ConfigError) as caught:
                push(layout, f"{gate.host}/token/c:v1", wrong)
            assert caught.value.reason == "PushDenied"

    def test_a_second_push_sends_no_blob(self, gate: Gate, layout: Path) -> None:
        reference = f"{gate.host}/twice/a:v1"
        push(layout, reference, PAT)
        gate.log.clear()
        push(layout, reference, PAT)
        assert [method for method, _ in gate.log if method in ("POST", "PATCH")] == []

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("HEAD", "/blobs/"),
            ("POST", "/uploads/"),
            ("PATCH", "/uploads/"),
            ("PUT", "/uploads/"),
            ("PUT", "/manifests/"),
        ],
    )
    @pytest.mark.parametrize("status", [500, 429])
    def test_what_passes_is_tried_again(self, gate: Gate, layout: Path, method: str, path: str, status: int) -> None:
        gate.faults += [(method, path, status)] * 2
        push(layout, f"{gate.host}/{method.lower()}/x{status}{len(path)}:v1", PAT, chunk_bytes=100_000)
        assert gate.faults == []

    def test_pulls_are_tried_again(self, gate: Gate, layout: Path, adapter: Path, tmp_path: Path) -> None:
        reference = f"{gate.host}/again/a:v1"
        push(layout, reference, PAT)
        gate.faults += [("GET", "/manifests/", 503), ("GET", "/blobs/", 502), ("GET", "/blobs/", 503)]
        pull(reference, tmp_path / "to", PAT, sources=HERE)
        assert same_adapter(tmp_path / "to", adapter)

    def test_what_does_not_pass_is_said(self, gate: Gate, layout: Path) -> None:
        gate.faults += [("PUT", "/manifests/", 500)] * 3
        with pytest.raises(TargetError, match="answered 500"):
            push(layout, f"{gate.host}/down/a:v1", PAT)
        gate.faults += [("PUT", "/manifests/", 405)]
        with pytest.raises(TargetError) as caught:
            push(layout, f"{gate.host}/down/a:v1", PAT)
        assert caught.value.reason == "RegistryError"

    @pytest.mark.parametrize(("path", "reason"), [("/blobs/", "DigestMismatch"), ("/manifests/", "BadImage")])
    def test_other_bytes_than_promised(self, gate: Gate, layout: Path, tmp_path: Path, path: str, reason: str) -> None:
        reference = f"{gate.host}/lies/a:v1"
        digest = push(layout, reference, PAT)
        gate.spoil[path] = b"something else"
        with pytest.raises(ConfigError) as caught:
            pull(reference, tmp_path / "to", PAT, sources=HERE)
        assert caught.value.reason == reason
        with pytest.raises(ConfigError) as caught:
            pull(f"{gate.host}/lies/a@{digest}", tmp_path / "to", PAT, sources=HERE)
        assert caught.value.reason == "DigestMismatch"
        assert list((tmp_path / "to").iterdir()) == []

    def test_more_bytes_than_promised(self, gate: Gate, layout: Path, tmp_path: Path) -> None:
        push(layout, f"{gate.host}/more/a:v1", PAT)
        gate.spoil["/blobs/"] = bytes(1_000_000)
        with pytest.raises(ConfigError) as caught:
            pull(f"{gate.host}/more/a:v1", tmp_path / "to", PAT, sources=HERE)
        assert caught.value.reason == "TooLarge"

    def test_the_push_reads_its_digest_back(self, gate: Gate, layout: Path) -> None:
        gate.spoil["/manifests/"] = b"{}"
        with pytest.raises(ConfigError, match="after the push") as caught:
            push(layout, f"{gate.host}/back/a:v1", PAT)
        assert caught.value.reason == "DigestMismatch"

    def test_a_redirected_blob_is_judged(self, gate: Gate, layout: Path, tmp_path: Path) -> None:
        reference = f"{gate.host}/led/a:v1"
        push(layout, reference, PAT)
        gate.faults += [("GET", "/blobs/", 307)]
        with pytest.raises(ConfigError, match="always refused"):
            pull(reference, tmp_path / "to", PAT, sources=HERE)


class TestImages:
    """Images that others may have made, put into a real registry."""

    def put(self, registry: DockerRegistry, name: str, *layers: bytes, kind: str = OCI_LAYER) -> dict[str, Any]:
        config = as_json({"rootfs": {"diff_ids": []}})
        for content in (config, *layers):
            connection = HTTPConnection("127.0.0.1", registry.port)
            connection.request("POST", f"/v2/{name}/blobs/uploads/")
            place = connection.getresponse()
            place.read()
            connection.request("PUT", f"{place.headers['Location']}&digest={sha256(content)}", content)
            connection.getresponse().read()
            connection.close()
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": sha256(config), "size": len(config)},
            "layers": [{"mediaType": kind, "digest": sha256(one), "size": len(one)} for one in layers],
        }
        return self.put_manifest(registry, name, "v1", as_json(manifest), OCI_MANIFEST)

    def put_manifest(self, registry: DockerRegistry, name: str, tag: str, content: bytes, kind: str) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", registry.port)
        connection.request("PUT", f"/v2/{name}/manifests/{tag}", content, {"Content-Type": kind})
        assert connection.getresponse().status == 201
        connection.close()
        return {"mediaType": kind, "digest": sha256(content), "size": len(content)}

    def test_data_sets_of_many_layers(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        base = layer_of(("etc/passwd", b"root"), ("data/old.csv", b"0"), ("data/train.csv", b"0"))
        self.put(open_registry, "set/many", base, layer_of(("data/train.csv", b"1"), ("data/.wh.old.csv", b"")))
        pull(f"{open_registry.host}/set/many:v1", tmp_path / "to", None, sources=HERE)
        assert [(path.name, path.read_bytes()) for path in (tmp_path / "to").iterdir()] == [("train.csv", b"1")]

    def test_an_index_of_platforms(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        entries = [
            self.put(open_registry, "set/index", layer_of(("data/a", arch.encode())))
            | {"platform": {"os": "linux", "architecture": arch}}
            for arch in ("s390x", "amd64", "arm64")
        ]
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        self.put_manifest(open_registry, "set/index", "all", as_json(index), OCI_INDEX)
        pull(f"{open_registry.host}/set/index:all", tmp_path / "to", None, sources=HERE)
        assert (tmp_path / "to/a").read_bytes() in (b"amd64", b"arm64")
        index["manifests"] = [{**entries[0], "platform": {"os": "plan9", "architecture": "mips"}}]
        self.put_manifest(open_registry, "set/index", "one", as_json(index), OCI_INDEX)
        pull(f"{open_registry.host}/set/index:one", tmp_path / "to", None, sources=HERE)
        assert (tmp_path / "to/a").read_bytes() == b"s390x"

    @pytest.mark.parametrize(
        ("files", "reason"),
        [
            ([("elsewhere/x", b"1")], "BadImage"),
            ([("data/../../x", b"1")], "BadImage"),
            ([("data/zeros", bytes(1_000_000))], "TooLarge"),
            ([("data/adapter_config.json", b"{}"), ("data/adapter_model.bin", b"1")], "UnsafeWeights"),
        ],
    )
    def test_what_must_not_be_unpacked(
        self, open_registry: DockerRegistry, tmp_path: Path, files: list[tuple[str, bytes]], reason: str
    ) -> None:
        name = f"set/bad-{reason.lower()}-{files[0][0].count('.')}"
        self.put(open_registry, name, layer_of(("data/ok" if "data" in files[0][0] else "ok", b"1"), *files))
        with pytest.raises(LLMwrightError) as caught:
            pull(f"{open_registry.host}/{name}:v1", tmp_path / "to", None, sources=HERE, max_bytes=100_000)
        assert caught.value.reason == reason
        assert list((tmp_path / "to").iterdir()) == []
        assert [path.name for path in tmp_path.iterdir()] == ["to"]

    def test_an_image_over_the_limit_is_not_fetched(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        self.put(open_registry, "set/large", os.urandom(200_000))
        with pytest.raises(ConfigError, match="the image is larger"):
            pull(f"{open_registry.host}/set/large:v1", tmp_path / "to", None, sources=HERE, max_bytes=100_000)
