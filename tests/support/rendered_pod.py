"""The pod of rendered manifests as processes of this machine: its very command and environment.

Two things differ from a pod, because processes of one machine share its network and files: the port is a free one, and
the path of a mount is the folder that stands for the volume. Programs are found as in the pod's image, in ``PATH``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.waiting import wait_until

from llmwright.testing.http_answers import Client
from llmwright.testing.processes import free_port

HOST = "127.0.0.1"
SHARED, TMP = "/dev/shm", "/tmp"
START_S = 900.0


def pod_of_stateful_set(manifests: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the pod's spec of the one StatefulSet in ``manifests``."""
    (workload,) = (each for each in manifests if each["kind"] == "StatefulSet")
    spec: Mapping[str, Any] = workload["spec"]["template"]["spec"]
    return spec


class RenderedPod:
    """A pod by its ``spec``; ``secrets`` are values by Secret and key."""

    def __init__(self, spec: Mapping[str, Any], folder: Path, secrets: Mapping[str, Mapping[str, str]]) -> None:
        self.spec = spec
        (self.container,) = self.spec["containers"]
        self.port = free_port(HOST)
        self._folder, self._secrets = folder, secrets

    def start(self, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Run the init containers to their ends and start the container, with ``environ`` of this machine below theirs.

        Raises:
            AssertionError: an init container fails.
        """
        for number, container in enumerate(self.spec.get("initContainers", ())):
            ended = self._popen(container, environ, f"init-{number}").wait(300)
            assert ended == 0, (container["name"], self.log(f"init-{number}"))
        return self._popen(self.container, environ, "main")

    def step(self, name: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start one init container alone; its log has its name."""
        (container,) = (one for one in self.spec["initContainers"] if one["name"] == name)
        return self._popen(container, environ, name)

    def client(self, process: subprocess.Popen[bytes], key: str) -> Client:
        """Return a client once the container answers its readiness probe."""
        probe = self.container["readinessProbe"]["httpGet"]
        client = Client(HOST, self.port, key)

        def is_ready() -> bool:
            assert process.poll() is None, self.log("main")
            try:
                return client.get(probe["path"], 5).status == 200
            except OSError:
                return False

        wait_until(is_ready, "the pod's container is ready", START_S)
        return client

    def log(self, name: str) -> str:
        """Return the last of what a container wrote."""
        return (self._folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def environment(self, container: Mapping[str, Any]) -> dict[str, str]:
        """Return the variables of a container, with the folders that stand for its volumes."""
        place = self._placing(container)
        return {each["name"]: place(self._value(each)) for each in container.get("env", ())}

    def _popen(self, container: Mapping[str, Any], environ: Mapping[str, str], name: str) -> subprocess.Popen[bytes]:
        place = self._placing(container)
        argv = [place(str(word)) for word in (*container.get("command", ()), *container.get("args", ()))]
        own = self.environment(container)
        with (self._folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                argv, env={**environ, **own}, cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )

    def _placing(self, container: Mapping[str, Any]) -> Any:
        mounts = {each["mountPath"]: self._place(each) for each in container.get("volumeMounts", ())}
        ports = {str(each["containerPort"]) for each in container.get("ports", ()) if each["name"] == "http"}

        def place(text: str) -> str:
            for path in sorted(mounts.keys() - {SHARED, TMP}, key=len, reverse=True):
                text = text.replace(path, str(mounts[path]))
            flag, separator, value = text.rpartition("=")
            return f"{flag}{separator}{self.port}" if value in ports else text

        return place

    def _place(self, mount: Mapping[str, Any]) -> Path:
        folder = self._directory(mount["name"]) / str(mount.get("subPath", ""))
        if "subPath" in mount:
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _directory(self, name: str) -> Path:
        (volume,) = (each for each in self.spec["volumes"] if each["name"] == name)
        if "hostPath" in volume:
            return Path(volume["hostPath"]["path"])
        assert "emptyDir" in volume, f"no folder stands for the volume {volume}"
        folder = self._folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _value(self, variable: Mapping[str, Any]) -> str:
        if "value" in variable:
            return str(variable["value"])
        reference = variable["valueFrom"]["secretKeyRef"]
        return self._secrets[reference["name"]][reference["key"]]


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the container and all that it started, at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
