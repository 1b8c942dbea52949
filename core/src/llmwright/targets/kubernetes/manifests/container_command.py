"""Command line and environment of a container, with the ``$(…)`` references of a Launch filled in."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from llmwright.values.launch import Launch, Process, Ranks, SecretKey, fill

POD_INDEX = "POD_INDEX"
ADDRESS = "$(address)"
"""The pod's IP address. It exists only once the pod runs, so only a whole environment variable may be this."""
RANK = "$(rank)"


def references(launch: Launch, process: Process, leader: str) -> dict[str, str]:
    """Return the value of each reference that ``process`` may use, but for ``ADDRESS`` and ``RANK``.

    Args:
        leader: the DNS name of the first pod.
    """
    return {
        **{f"volume.{mount.volume}": mount.path for mount in process.mounts},
        **{f"port.{name}": str(number) for name, number in launch.ports.items()},
        "host": "0.0.0.0",  # noqa: S104 - a pod is reached through its Service
        "python": "python3",
        "leader": leader,
    }


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with its references filled in."""
    return _escaped(fill(text, values))


def command(process: Process, values: Mapping[str, str], ranks: Ranks | None = None) -> list[str]:
    """Return the program and its arguments; with ``ranks``, a shell line that chooses by the pod's index."""
    if ranks is None:
        return [filled(part, values) for part in process.argv]
    leader, main, worker = (_shell_line(argv, values) for argv in (ranks.leader, process.argv, ranks.worker))
    first = f"{leader} && exec {main}" if leader else f"exec {main}"
    line = f'if [ "${{{POD_INDEX}}}" = "0" ]; then {first}; else exec {worker}; fi'
    # Filled in by the kubelet, before the shell: inside of its quotes a variable of the shell would stay as it is.
    return ["/bin/sh", "-c", _escaped(line).replace(_escaped(RANK), f"$({POD_INDEX})")]


def environment(process: Process, values: Mapping[str, str], *, ranked: bool = False) -> list[dict[str, object]]:
    """Return the variables of ``process``; with ``ranked`` also the index of the pod."""
    variables = [_variable(name, value, values) for name, value in process.env.items()]
    if ranked:
        index = "metadata.labels['apps.kubernetes.io/pod-index']"
        variables.append({"name": POD_INDEX, "valueFrom": {"fieldRef": {"fieldPath": index}}})
    return variables


def _variable(name: str, value: str | SecretKey, values: Mapping[str, str]) -> dict[str, object]:
    if isinstance(value, SecretKey):
        key: dict[str, object] = {"name": value.name, "key": value.key}
        if value.optional:
            key["optional"] = True
        return {"name": name, "valueFrom": {"secretKeyRef": key}}
    if value == ADDRESS:
        return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return {"name": name, "value": filled(value, values)}


def _shell_line(argv: Sequence[str], values: Mapping[str, str]) -> str:
    return shlex.join(fill(part, values) for part in argv)


def _escaped(text: str) -> str:
    """Return ``text`` such that the kubelet, which also expands ``$(NAME)``, passes it on unchanged."""
    return text.replace("$(", "$$(")
