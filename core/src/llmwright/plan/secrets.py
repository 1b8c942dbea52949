"""Secrets by name: the model hub's token, and registry logins as a docker config."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from llmwright.plan.plan_input import PlanInput
from llmwright.values.launch import Mount, Process, SecretKey, Volume

LOGINS_DIRECTORY = "/mnt/docker"
"""The place of registry logins in a container. The home of root, KAITO's place, is closed to any other user."""

LOGINS = "docker-config"
HUB_TOKEN = "HF_TOKEN"  # noqa: S105 - a variable's name


def with_hub_token(process: Process, inputs: PlanInput) -> Process:
    """``process`` with the token of the secret that the preset names; where none is named, as it is."""
    if not inputs.access_secret:
        return process
    return replace(process, env={**process.env, HUB_TOKEN: SecretKey(inputs.access_secret, HUB_TOKEN)})


def with_logins(process: Process, inputs: PlanInput, secrets: Iterable[str], use: str = "") -> Process:
    """``process`` with the logins of ``secrets``, or of the docker config that the settings name.

    ``use`` names one use of secrets, so that no process sees the secrets of another.
    """
    if inputs.target == "local" and inputs.settings.docker_config:
        return replace(process, env={**process.env, "DOCKER_CONFIG": str(inputs.settings.docker_config)})
    if not any(secrets):
        return process
    path = f"{LOGINS_DIRECTORY}/{use}" if use else LOGINS_DIRECTORY
    mount = Mount(volume=_volume(use), path=path, read_only=True)
    env = {**process.env, "DOCKER_CONFIG": f"$(volume.{mount.volume})"}
    return replace(process, env=env, mounts=(*process.mounts, mount))


def logins_volume(secrets: Iterable[str], use: str = "") -> tuple[Volume, ...]:
    """The volume that ``with_logins`` refers to, where there are secrets."""
    names = tuple(dict.fromkeys(name for name in secrets if name))
    return (Volume(name=_volume(use), kind="secret", source=names),) if names else ()


def _volume(use: str) -> str:
    return f"{LOGINS}-{use}" if use else LOGINS
