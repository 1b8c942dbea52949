"""``python -m llmwright.artifacts`` as workload processes call it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmwright.artifacts.adapter_image import ADAPTER_FILES

if TYPE_CHECKING:
    from tests.support.docker_registry import DockerRegistry
    from tests.support.http_site import Site


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "llmwright.artifacts", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def failure(*arguments: str | Path, **environment: str) -> tuple[int, str]:
    done = command(*arguments, **environment)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def test_downloads_of_one_name_stand_side_by_side(site: Site, tmp_path: Path) -> None:
    first, second = site.gives("/a/train.csv", b"1" * 3000), site.gives("/b/train.csv", b"22")
    local = tmp_path / "local.csv"
    local.write_text("3")
    done = command(
        "download", "--url", first, second, "--url", local, "--to", tmp_path / "to", "--allow", "127.0.0.1",
        "--allow-local", "--progress", tmp_path / "progress"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["local.csv", "train-2.csv", "train.csv"]
    assert (tmp_path / "to/train-2.csv").read_bytes() == b"22"
    assert len(done.stdout.splitlines()) == 3
    lines = [json.loads(line) for line in (tmp_path / "progress").read_text().splitlines()]
    assert {"event": "download", "bytes": 3000, "total": 3000} in lines


def test_mistakes_are_one_line_and_code_2(site: Site, tmp_path: Path) -> None:
    url = site.gives("/a.csv", b"1").replace("//", "//user:pa55word@") + "?sig=s3cret"
    to = ("--to", tmp_path / "to")
    for arguments in (
        ("download", "--url", url, *to),
        ("download", "--url", "/etc/hosts", *to),
        ("download", "--url", url, *to, "--allow", "no/thing"),
        ("pack", "--adapter", tmp_path, "--layout", tmp_path / "l", "--reference", "a:1", "--preset", "demo"),
        ("push", "--layout", tmp_path, "--reference", "localhost:5000/a:1"),
        ("pull", "--reference", "Not An Image", *to),
        ("pull", "--reference", "127.0.0.1:1/a:1", *to),
        ("check-push", "--reference", "localhost:1/a:1", "--docker-config", tmp_path / "none"),
    ):
        code, text = failure(*arguments)
        assert code == 2
        assert text.startswith("error: ")
        assert "pa55word" not in text
        assert "s3cret" not in text
    assert site.seen == []


def test_secrets_of_urls_come_by_the_environment(site: Site, tmp_path: Path) -> None:
    url = site.gives("/a.csv", b"1").replace("//", "//user:pa55word@") + "?sig=s3cret"
    shown = site.url.replace("//", "//***@") + "/a.csv?sig=***"
    arguments = ("download", "--url", shown, "--to", tmp_path, "--allow", "127.0.0.1")
    done = command(*arguments, LLMWRIGHT_DATA_URLS=json.dumps([url]))
    assert done.returncode == 0, done.stderr
    path, headers = site.seen[0]
    assert (path, headers["authorization"]) == ("/a.csv?sig=s3cret", "Basic dXNlcjpwYTU1d29yZA==")
    for variable in ("", "[]", "no json"):
        code, text = failure(*arguments, LLMWRIGHT_DATA_URLS=variable)
        assert code == 2
        assert "SecretMissing" in text
        assert "apply the Workspace again" in text


def test_what_is_not_the_users_is_code_1(tmp_path: Path) -> None:
    code, text = failure("check-push", "--reference", "127.0.0.1:1/a:1")
    assert code == 1
    assert "Unreachable" in text


def test_wrong_arguments_are_code_2() -> None:
    for arguments in ((), ("nothing",), ("pull",), ("download", "--to", "x")):
        assert command(*arguments).returncode == 2
    assert "check-push" in command("--help").stdout


def test_from_adapter_to_adapter(closed_registry: DockerRegistry, adapter: Path, tmp_path: Path) -> None:
    reference = f"{closed_registry.host}/cli/a:v1"
    token = base64.b64encode(b"pat:pa55:word").decode()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / ".dockerconfigjson").write_text(json.dumps({"auths": {closed_registry.host: {"auth": token}}}))
    code, text = failure("check-push", "--reference", reference, DOCKER_CONFIG=str(tmp_path))
    assert (code, "PushDenied" in text) == (2, True)
    layout = tmp_path / "layout"
    packed = command("pack", "--adapter", adapter, "--layout", layout, "--reference", reference, "--preset", "demo")
    registry = ("--reference", reference, "--docker-config", secret)
    assert command("check-push", *registry).returncode == 0
    pushed = command("push", "--layout", layout, *registry, "--progress", tmp_path / "progress")
    pulled = command("pull", *registry, "--to", tmp_path / "to", "--allow", "127.0.0.0/8")
    assert packed.stdout == pushed.stdout == pulled.stdout, pulled.stderr
    assert packed.stdout.startswith("sha256:")
    last = json.loads((tmp_path / "progress").read_text().splitlines()[-1])
    assert last["event"] == "push"
    assert last["bytes"] == last["total"]
    for name in ADAPTER_FILES:
        assert (tmp_path / "to" / name).read_bytes() == (adapter / name).read_bytes()
    again = (
        "pull",
        *registry,
        "--to",
        tmp_path / "again",
        "--allow",
        "127.0.0.0/8",
        "--expect",
        "generation_config.json",
    )
    code, text = failure(*again)
    assert (code, "AdapterIncomplete" in text, "has no generation_config.json" in text) == (2, True, True)


@pytest.mark.parametrize("module", ["addresses", "image_reference", "credentials"])
def test_what_is_asked_at_admission_stays_light(module: str) -> None:
    script = f"import sys, llmwright.artifacts.{module}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"httpx", "httpcore", "pydantic", "ssl"} & set(loaded)


@pytest.mark.parametrize("kept", [4, 100, 200_000])
def test_weights_that_are_cut_off_are_not_packed(adapter: Path, tmp_path: Path, kept: int) -> None:
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    to = ("--layout", tmp_path / "layout", "--reference", "a:1", "--preset", "demo")
    code, line = failure("pack", "--adapter", adapter, *to)
    assert code == 2
    assert "adapter_model.safetensors is no whole safetensors file" in line
