"""The user's registry credentials, read from Docker's files. They are never written, logged or put on argv.

``auths``, ``credHelpers`` and ``credsStore`` of ``config.json`` are read. Helpers are the executables
``docker-credential-NAME``, asked through their standard input (docker/docker-credential-helpers).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmwright.artifacts.image_reference import DOCKER_HUB
from llmwright.errors import ConfigError

_HUB_KEY = "https://index.docker.io/v1/"
_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_HELPER_SECONDS = 60
_TOKEN_USER = "<token>"  # noqa: S105 - the helpers' marker for an identity token


@dataclass(frozen=True, slots=True)
class Credential:
    """The user's credential for one registry. Its repr shows no secret.

    Either ``username`` and ``password``, or an ``identity_token`` that is exchanged for access tokens, or a
    ``registry_token`` that is sent as it is.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)


def find_credential(registry: str, config: Path | None = None) -> Credential | None:
    """Return the user's credential for ``registry`` (host and port, ``docker.io`` for Docker Hub); None without it.

    ``config`` is a ``config.json`` or ``.dockerconfigjson``, or a directory with such a file or with several
    ``NAME.json``. Of several, the first that knows the registry counts. The default is Docker's own directory
    (``$DOCKER_CONFIG``, ``~/.docker``), which need not exist.

    Raises ConfigError for a named file that is missing, an unreadable file, and a credential helper that fails.
    """
    return next((credential for path in _config_paths(config) if (credential := _in_file(path, registry))), None)


def _in_file(path: Path, registry: str) -> Credential | None:
    settings = _read(path)
    helper = _mapping(settings, "credHelpers").get(registry) or settings.get("credsStore")
    if helper:
        credential = _ask_helper(str(helper), _HUB_KEY if registry in _HUB_NAMES else registry)
        if credential is not None:
            return credential
    entry = _entry(_mapping(settings, "auths"), registry)
    return _from_entry(entry, path, registry) if entry else None


def _config_paths(config: Path | None) -> list[Path]:
    directory = config or Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    candidates = [directory / "config.json", directory / ".dockerconfigjson"] if directory.is_dir() else [directory]
    paths = [path for path in candidates if path.is_file()][:1] or sorted(directory.glob("*.json"))
    if not paths and config is not None:
        raise ConfigError(f"there is no Docker config file at {config}", reason="CredentialsUnreadable")
    return paths


def _read(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text())
    except (OSError, ValueError):
        settings = None
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} cannot be read as a Docker config file", reason="CredentialsUnreadable")
    return settings


def _mapping(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = settings.get(key)
    return value if isinstance(value, dict) else {}


def _entry(auths: Mapping[str, Any], registry: str) -> Mapping[str, Any] | None:
    wanted = _HUB_NAMES if registry in _HUB_NAMES else {registry}
    for key in sorted(auths, key=lambda key: key != registry):
        if re.sub(r"^https?://", "", key).partition("/")[0] in wanted and isinstance(auths[key], dict):
            entry: Mapping[str, Any] = auths[key]
            return entry
    return None


def _from_entry(entry: Mapping[str, Any], path: Path, registry: str) -> Credential | None:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            username, colon, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            colon = ""
        if not colon:
            text = f"{path}: the entry for {registry} is not base64 of user:password"
            raise ConfigError(text, hint="log in again", reason="CredentialsUnreadable") from None
    identity, token = str(entry.get("identitytoken") or ""), str(entry.get("registrytoken") or "")
    if not (username or identity or token):
        return None
    return Credential(username, password.rstrip("\0"), identity, token)


def _ask_helper(name: str, server: str) -> Credential | None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ConfigError(f"{name[:80]!r} is no credential helper's name", reason="CredentialsUnreadable")
    program = f"docker-credential-{name}"
    try:
        answer = subprocess.run(
            [program, "get"], input=server, capture_output=True, text=True, timeout=_HELPER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        what = "is not on PATH" if isinstance(error, FileNotFoundError) else "does not answer"
        raise ConfigError(f"the credential helper {program} {what}", reason="CredentialsUnreadable") from None
    if answer.returncode and "credentials not found" in (answer.stdout + answer.stderr).lower():
        return None
    try:
        fields = json.loads(answer.stdout) if answer.returncode == 0 else {}
        username, secret = str(fields["Username"]), str(fields["Secret"])
    except (ValueError, KeyError, TypeError):
        text = f"the credential helper {program} failed for {server} (exit code {answer.returncode})"
        raise ConfigError(text, hint="log in again", reason="CredentialsUnreadable") from None
    return Credential(identity_token=secret) if username == _TOKEN_USER else Credential(username, secret)
