"""Images in registries are asked for with the user's logins, and a login that cannot be read ends no question."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from llmwright.app.images.presence import find_image
from llmwright.app.session import Session
from llmwright.artifacts import image_presence
from llmwright.artifacts.credentials import Credential
from llmwright.settings.model import Settings


def session(folder: Path, auths: dict[str, str]) -> Session:
    entries = {key: {"auth": auth} for key, auth in auths.items()}
    (folder / "config.json").write_text(json.dumps({"auths": entries}))
    return Session(given_settings=Settings(docker_config=folder))


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("acme/engine:1", "https://index.docker.io/v1/"),
        ("ghcr.io/team/engine:1", "ghcr.io/team/engine"),
        ("ghcr.io/team/engine:1@sha256:" + 64 * "a", "ghcr.io/team/engine"),
        ("registry.corp:5000/engine", "registry.corp:5000"),
    ],
)
def test_the_login_is_that_of_the_image_s_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, key: str
) -> None:
    asked: list[str] = []

    def find_presence(image: str, credentials: Sequence[Credential], **_: Any) -> tuple[str, str]:
        asked.extend(each.username for each in credentials)
        return "there", ""

    monkeypatch.setattr(image_presence, "find_presence", find_presence)
    login = base64.b64encode(b"ann:word").decode()
    assert find_image(session(tmp_path, {key: login, "other.corp": login}), image) == ("there", "")
    assert asked == ["ann"]


def test_logins_that_cannot_be_read_leave_it_unknown(tmp_path: Path) -> None:
    presence, why = find_image(session(tmp_path, {"ghcr.io": "%"}), "ghcr.io/team/engine:1")
    assert presence == "unknown"
    assert "is not base64 of user:password" in why
    assert find_image(session(tmp_path, {}), "Not A Name")[0] == "unknown"
