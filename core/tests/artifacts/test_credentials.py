"""Where Docker keeps credentials, and that none of them shows."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from llmwright.artifacts import credential_helper
from llmwright.artifacts.credentials import Credential, find_credential, find_credentials
from llmwright.artifacts.wire import basic
from llmwright.errors import ConfigError


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def write(**settings: Any) -> Path:
        (tmp_path / "config.json").write_text(json.dumps(settings))
        return tmp_path / "config.json"

    return write


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def write(name: str, script: str) -> None:
        path = folder / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("reg.example:5000", "reg.example:5000"),
        ("https://reg.example/v2/", "reg.example"),
        ("http://reg.example", "reg.example"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
def test_entries_are_found_under_the_keys_in_use(config: Any, key: str, registry: str) -> None:
    config(auths={"other.example": auth("x", "y"), key: auth("pat", "pa55:word")})
    assert find_credential(registry) == Credential("pat", "pa55:word")
    assert find_credential("third.example") is None


def test_other_forms_of_an_entry(config: Any) -> None:
    config(
        auths={
            "plain.example": {"username": "pat", "password": "word"},
            "identity.example": {**auth("00000000-0000", ""), "identitytoken": "idt"},
            "token.example": {"registrytoken": "rt"},
            "empty.example": {},
        }
    )
    assert find_credential("plain.example") == Credential("pat", "word")
    assert find_credential("identity.example") == Credential("00000000-0000", "", identity_token="idt")
    assert find_credential("token.example") == Credential(registry_token="rt")
    assert find_credential("empty.example") is None


def test_named_files_and_directories(config: Any, tmp_path: Path) -> None:
    config()
    folder = tmp_path / "secret"
    folder.mkdir()
    (folder / ".dockerconfigjson").write_text(json.dumps({"auths": {"reg.example": auth("pat", "word")}}))
    assert find_credential("reg.example") is None
    assert find_credential("reg.example", folder) == find_credential("reg.example", folder / ".dockerconfigjson")
    assert find_credential("reg.example", folder) == Credential("pat", "word")
    with pytest.raises(ConfigError, match="no Docker config file"):
        find_credential("reg.example", tmp_path / "none")


def test_without_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_credential("reg.example") is None


def test_helpers_come_before_entries(config: Any, helper: Any) -> None:
    config(credHelpers={"one.example": "one"}, credsStore="all", auths={"both.example": auth("file", "word")})
    answer = '{\\"ServerURL\\":\\"x\\",\\"Username\\":\\"$name\\",\\"Secret\\":\\"s-$server\\"}'
    for name, user in (("one", "pat"), ("all", "<token>")):
        helper(name, f'server=$(cat); name="{user}"; [ "$#:$1" = 1:get ] && echo "{answer}"')
    assert find_credential("one.example") == Credential("pat", "s-one.example")
    assert find_credential("docker.io") == Credential(identity_token="s-https://index.docker.io/v1/")
    helper("all", "cat >/dev/null; echo 'credentials not found in native keychain'; exit 1")
    assert find_credential("both.example") == Credential("file", "word")
    assert find_credential("none.example") is None


@pytest.mark.parametrize(
    "script",
    [
        "exit 3",
        "exit 0",
        "echo no json: s3cret",
        "printf '\\377\\376'",
        'echo "[]"',
        'echo \'{"Secret": "s3cret"}\'',
        'echo \'{"Username": "pat", "Secret": "s3cret"}\'; exit 1',
    ],
)
def test_a_helper_that_fails_is_named_without_what_it_said(config: Any, helper: Any, script: str) -> None:
    config(credsStore="broken", auths={"both.example": auth("file", "word")})
    helper("broken", f"cat >/dev/null; {script}")
    assert find_credential("both.example") == Credential("file", "word")
    anonymous = find_credential("reg.example")
    assert anonymous is not None
    assert (anonymous.username, anonymous.password) == ("", "")
    assert "docker-credential-broken failed for reg.example" in anonymous.problem
    assert "s3cret" not in anonymous.problem


@pytest.mark.parametrize("name", ["../../bin/evil", "a b"])
def test_a_helper_that_none_can_be_called(config: Any, name: str) -> None:
    config(credsStore=name)
    with pytest.raises(ConfigError, match="no credential helper's name"):
        find_credential("reg.example")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (None, "is not on PATH"),
        ("sleep 60", "does not answer within"),
        ("cat >/dev/null; sleep 60 & echo {}", "does not answer within"),
        ("yes", "prints more than 65,536 bytes"),
    ],
)
def test_a_helper_without_an_answer_counts_as_one_without_a_login(
    config: Any, helper: Any, monkeypatch: pytest.MonkeyPatch, script: str | None, problem: str
) -> None:
    monkeypatch.setattr(credential_helper, "HELPER_SECONDS", 0.3)
    config(credsStore="desktop.exe", auths={"reg.example": auth("pat", "word")})
    if script is not None:
        helper("desktop.exe", script)
    assert find_credential("reg.example") == Credential("pat", "word")
    anonymous = find_credential("public.example")
    assert anonymous is not None
    assert (anonymous.username, anonymous.identity_token) == ("", "")
    assert f"docker-credential-desktop.exe {problem}" in anonymous.problem


def test_an_empty_value_asks_nobody(config: Any, helper: Any, tmp_path: Path) -> None:
    helper("all", f"touch {tmp_path}/asked; exit 3")
    config(credsStore="all", credHelpers={"ghcr.io": "", "*.example": None}, auths={"ghcr.io": auth("pat", "word")})
    assert find_credential("ghcr.io/team/image") == Credential("pat", "word")
    assert find_credential("reg.example") is None
    assert not (tmp_path / "asked").exists()


def test_an_empty_answer_is_no_login(config: Any, helper: Any) -> None:
    helper("pass", """cat >/dev/null; echo '{"Username": "", "Secret": ""}'""")
    config(credsStore="pass", auths={"reg.example": auth("pat", "word")})
    assert find_credential("reg.example") == Credential("pat", "word")
    assert find_credential("other.example") is None


@pytest.mark.parametrize(
    ("image", "user"),
    [
        ("quay.io/team-b/image", "b"),
        ("quay.io/team-b/deep/er", "deep"),
        ("quay.io/team-a/image", "a"),
        ("quay.io/team-ab/image", "host"),
        ("quay.io/other", "host"),
        ("QUAY.io:443/team-b/image", "b"),
        ("quay.io:444/team-b/image", None),
        ("myreg.azurecr.io/x", "mine"),
        ("other.azurecr.io/x", "glob"),
        ("a.b.azurecr.io/x", None),
        ("azurecr.io/x", None),
        ("registry.example/x", "port"),
        ("registry.example:443/x", "port"),
        ("docker.io/library/alpine", "hub"),
        ("docker.io/team/image", "team"),
        ("[::1]:5000/x", "six"),
        ("evil-quay.io/x", None),
        ("reg1.lab.example/x", "class"),
        ("reg9.lab.example/x", "other class"),
        ("breg.lab.example/x", "first class"),
        ("zreg.lab.example/x", None),
    ],
)
def test_the_key_that_is_for_an_image(config: Any, image: str, user: str | None) -> None:
    keys = {
        "quay.io": "host",
        "quay.io/team-a": "a",
        "quay.io/team-b": "b",
        "https://quay.io/v2/team-b/deep/": "deep",
        "*.azurecr.io": "glob",
        "MyReg.azurecr.io": "mine",
        "registry.example:443": "port",
        "https://index.docker.io/v1/": "hub",
        "https://index.docker.io/v1/access-token": "never",
        "index.docker.io/team": "team",
        "[::1]:5000": "six",
        "reg[1-3].lab.example": "class",
        "reg[^1-8a-z].lab.example": "other class",
        "[a-c]reg.lab.example": "first class",
        "": "never",
    }
    config(auths={key: auth(name, "word") for key, name in keys.items()})
    credential = find_credential(image)
    assert (credential.username if credential else None) == user


def test_all_logins_for_an_image_in_their_order(tmp_path: Path) -> None:
    logins = {"quay.io": "host", "*.io": "glob", "quay.io/team": "team", "ghcr.io": "other"}
    (tmp_path / "b.json").write_text(json.dumps({"auths": {key: auth(user, "w") for key, user in logins.items()}}))
    write_auth(tmp_path / "a.json", "quay.io", "first")
    write_auth(tmp_path / "c.json", "quay.io/team", "last")
    users = [credential.username for credential in find_credentials("quay.io/team/image", tmp_path)]
    assert users == ["team", "last", "first", "host", "glob"]


@pytest.mark.parametrize("text", ["cGF0Ondv", "cGF0OndvcmQ", "cGF0OndvcmQ=", " cGF0OndvcmQ=\n", "cGF0On\r\ndvcmQ=\n"])
def test_base64_with_and_without_padding(config: Any, text: str) -> None:
    config(auths={"reg.example": {"auth": text}})
    credential = find_credential("reg.example")
    assert credential is not None
    assert (credential.username, credential.password) in (("pat", "word"), ("pat", "wo"))


@pytest.mark.parametrize("password", [b"pa:ss:wo:rd", b":", b"", "pässwörd".encode(), b"p\xe4ss\xff", b"nul\0"])
def test_a_password_of_any_bytes_is_sent_as_it_is(config: Any, password: bytes) -> None:
    config(auths={"reg.example": {"auth": base64.b64encode(b"pat:" + password).decode()}})
    credential = find_credential("reg.example")
    assert credential is not None
    sent = basic((credential.username, credential.password))["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"pat:" + password.rstrip(b"\0")


def test_of_several_files_the_most_exact_key_counts(tmp_path: Path) -> None:
    write_auth(tmp_path / "a.json", "quay.io", "host")
    write_auth(tmp_path / "b.json", "quay.io/team", "team")
    credential = find_credential("quay.io/team/image", tmp_path)
    assert credential is not None
    assert credential.username == "team"


def test_a_file_that_is_nested_deep(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="Docker config file"):
        find_credential("reg.example", tmp_path)


@pytest.mark.parametrize("text", ["", "no json s3cret", "[]", "\xff"])
def test_an_unreadable_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="cannot be read as a Docker config file") as caught:
        find_credential("reg.example", tmp_path)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("value", ["s3cret", "czNjcmV0", "/w==", "s3cret:s3cret"])
def test_a_broken_entry(config: Any, value: str) -> None:
    config(auths={"reg.example": {"auth": value}})
    with pytest.raises(ConfigError, match=r"not base64 of user:password") as caught:
        find_credential("reg.example")
    assert value not in str(caught.value).partition("config.json")[2]


def test_no_secret_in_the_text_of_a_credential() -> None:
    text = repr(Credential("pat", "s3cret", "s3cret", "s3cret"))
    assert "pat" in text
    assert "s3cret" not in text


def write_auth(path: Path, registry: str, user: str) -> None:
    auth = base64.b64encode(f"{user}:word".encode()).decode()
    path.write_text(json.dumps({"auths": {registry: {"auth": auth}}}))


def test_the_first_file_that_knows_the_registry_counts(tmp_path: Path) -> None:
    write_auth(tmp_path / "b.json", "one.example", "second")
    write_auth(tmp_path / "a.json", "one.example", "first")
    write_auth(tmp_path / "c.json", "two.example", "third")
    users = [found.username for name in ("one", "two") if (found := find_credential(f"{name}.example", tmp_path))]
    assert users == ["first", "third"]
    assert find_credential("three.example", tmp_path) is None


def test_config_json_stands_for_all(tmp_path: Path) -> None:
    write_auth(tmp_path / "config.json", "one.example", "only")
    write_auth(tmp_path / "a.json", "two.example", "unread")
    assert find_credential("two.example", tmp_path) is None


def test_a_damaged_entry_hides_no_other_login(config: Any) -> None:
    path = config(auths={"reg.example": {"auth": "!!"}, "reg.example/team": auth("team", "pa55")})
    assert [found.username for found in find_credentials("reg.example/team/a", path)] == ["team"]
    with pytest.raises(ConfigError, match="is not base64"):
        find_credentials("reg.example/other", path)
