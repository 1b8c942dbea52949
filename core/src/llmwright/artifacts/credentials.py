"""The user's registry credentials, read from Docker's files. They are never written, logged or put on argv.

``auths``, ``credHelpers`` and ``credsStore`` of ``config.json`` are read. ``credential_keys`` has the rules by which a
key is for an image.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmwright.artifacts.credential_helper import NoAnswer, ask_helper
from llmwright.artifacts.credential_keys import HUB_NAMES, HUB_SERVER, Rank, exactness, matching_keys
from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, is_directory, is_file, user_path
from llmwright.reading.json_reader import read_json_file

_TOKEN_USER = "<token>"  # noqa: S105 - the helpers' marker for an identity token
_NO_LINES = {ord("\r"): None, ord("\n"): None}


@dataclass(frozen=True, slots=True)
class Credential:
    """The user's credential for one registry. Its repr shows no secret.

    Either ``username`` and ``password``, or an ``identity_token`` that is exchanged for access tokens, or a
    ``registry_token`` that is sent as it is; or none of them, and the ``problem`` why there is none.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    problem: str = ""


def find_credential(image: str, config: Path | None = None) -> Credential | None:
    """Return the first of ``find_credentials``, None without any."""
    return next(iter(find_credentials(image, config)), None)


def find_credentials(image: str, config: Path | None = None) -> tuple[Credential, ...]:
    """Return the user's credentials for ``image``, the most exact key's first; a registry may refuse one of several.

    Args:
        image: ``REGISTRY[/REPOSITORY]``, host and port; ``docker.io`` for Docker Hub.
        config: a ``config.json`` or ``.dockerconfigjson``, or a directory with such a file or with several
            ``NAME.json``. The default is Docker's own directory (``$DOCKER_CONFIG``, ``~/.docker``), which need not
            exist.

    A helper that is missing, fails or gives no answer counts as one without a login, as for a public image none is
    needed: the ``problem`` of the only credential says so, for the case that the registry refuses.

    Raises ConfigError for a named file that is missing and an unreadable file.
    """
    ranked = [result for path in _config_paths(config) for result in _in_file(path, image)]
    logins = [(rank, credential) for rank, credential in ranked if not credential.problem]
    ordered = sorted(logins or ranked[:1], key=lambda result: result[0], reverse=True)
    return tuple(dict.fromkeys(credential for _, credential in ordered))


def _in_file(path: Path, image: str) -> Iterator[tuple[Rank, Credential]]:
    """Yield the credentials of one file, each with the rank of its key: the helper's, then those of ``auths``."""
    settings = _read(path)
    registry, auths = image.partition("/")[0], _mapping(settings, "auths")
    helper = _helper(settings, image)
    if helper:
        try:
            credential = _ask(helper, HUB_SERVER if registry in HUB_NAMES else registry)
            if credential is not None:
                yield exactness(registry), credential
                return
        except NoAnswer as reason:
            yield exactness(registry), Credential(problem=str(reason))
    damage: ConfigError | None = None
    whole = 0
    for key in matching_keys((key for key, entry in auths.items() if isinstance(entry, dict)), image):
        try:
            login = _from_entry(auths[key], path, registry)
        except ConfigError as error:
            damage = damage or error
            continue
        if login is not None:
            whole += 1
            yield exactness(key), login
    # Another key's login may be the one that is needed; only an entry that stands alone is the user's mistake.
    if damage and not whole:
        raise damage


def _helper(settings: Mapping[str, Any], image: str) -> str:
    """Return the name of the helper to ask for ``image``; empty for none, as Docker takes an empty value."""
    helpers = _mapping(settings, "credHelpers")
    keys = matching_keys(helpers, image)
    value = helpers[keys[0]] if keys else settings.get("credsStore")
    return str(value) if value else ""


def _config_paths(config: Path | None) -> list[Path]:
    directory = config or _docker_directory()
    if directory is None:
        return []
    candidates = (
        [directory / "config.json", directory / ".dockerconfigjson"] if is_directory(directory) else [directory]
    )
    paths = [path for path in candidates if is_file(path)][:1] or _json_files(directory)
    if not paths and config is not None:
        raise ConfigError(f"there is no Docker config file at {config}", reason="CredentialsUnreadable")
    return paths


def _docker_directory() -> Path | None:
    """Return Docker's own directory; None where there is no home directory."""
    try:
        return user_path(os.environ.get("DOCKER_CONFIG") or "~/.docker")
    except Unreadable:
        return None


def _json_files(directory: Path) -> list[Path]:
    try:
        return sorted(directory.glob("*.json"))
    except OSError:
        return []


def _read(path: Path) -> dict[str, Any]:
    try:
        settings = read_json_file(path)
    except FileNotFoundError:
        settings = None
    except Unreadable as error:
        raise ConfigError(
            f"{path} cannot be read as a Docker config file: it {error}", reason="CredentialsUnreadable"
        ) from None
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} cannot be read as a Docker config file", reason="CredentialsUnreadable")
    return settings


def _mapping(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = settings.get(key)
    return value if isinstance(value, dict) else {}


def _from_entry(entry: Mapping[str, Any], path: Path, registry: str) -> Credential | None:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            username, colon, password = _decoded(str(entry["auth"])).partition(":")
        except (binascii.Error, ValueError):
            colon = ""
        if not colon:
            text = f"{path}: the entry for {registry} is not base64 of user:password"
            raise ConfigError(text, hint="log in again", reason="CredentialsUnreadable") from None
    identity, token = str(entry.get("identitytoken") or ""), str(entry.get("registrytoken") or "")
    if not (username or identity or token):
        return None
    return Credential(username, password.rstrip("\0"), identity, token)


def _decoded(text: str) -> str:
    """Decode base64, with padding or without it, as the kubelet does, and over several lines, as Go does.

    A password may be of any bytes: those that are no UTF-8 become surrogates, which ``wire.basic`` turns back.
    """
    text = text.strip().rstrip("=").translate(_NO_LINES)
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode(errors="surrogateescape")


def _ask(helper: str, server: str) -> Credential | None:
    answer = ask_helper(helper, server)
    if answer is None:
        return None
    if answer.username == _TOKEN_USER:
        return Credential(identity_token=answer.secret)
    return Credential(answer.username, answer.secret)
