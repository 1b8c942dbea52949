"""The pods of a rendered RayService as processes of this machine, and the application that KubeRay deploys on them.

A head and workers, each with the environment of its pod, started by the command that KubeRay 1.5 makes of its
``rayStartParams``. Three things differ from a cluster, because all of them share one machine's network and files: ports
are free ones, the path of a mount is the folder that stands for the volume, and nobody but this class plays KubeRay.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from tests.support.rendered_pod import HOST, START_S, RenderedPod, kill
from tests.support.waiting import wait_until

from llmwright.testing.http_answers import Client
from llmwright.testing.processes import free_port

Object = dict[str, Any]

STARTED, STARTS = "Ray runtime started", 4
"""The words of ``ray start`` once a node is part of the cluster, and how often it may try."""
DEPLOY = "/api/serve/applications/"
"""The path of Ray's dashboard to which KubeRay sends the configuration of Ray Serve."""


class RenderedRay:
    """The one RayService in ``manifests``; ``keys`` are the values of Secrets, by Secret and key."""

    def __init__(
        self,
        manifests: Sequence[Mapping[str, Any]],
        folder: Path,
        keys: Mapping[str, Mapping[str, str]],
        environ: Mapping[str, str],
    ) -> None:
        (service,) = (each for each in manifests if each["kind"] == "RayService")
        self.spec: Mapping[str, Any] = service["spec"]
        self.port, self._gcs, self._dashboard = (free_port(HOST) for _ in range(3))
        self._folder, self._keys, self._environ = folder, keys, environ
        self._token = secrets.token_hex(16)
        self.started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start the head, and then the workers. It returns once all of them are there."""
        cluster = self.spec["rayClusterConfig"]
        self._join("head", cluster["headGroupSpec"], f"--head --port={self._gcs} --dashboard-port={self._dashboard}")
        wait_until(self._dashboard_answers, "the head's dashboard answers", START_S)
        (group,) = cluster["workerGroupSpecs"]
        for number in range(group["replicas"]):
            # One by one: Ray finds a node that has just started by its address, which these share.
            self._join(f"worker-{number}", group, f"--address={HOST}:{self._gcs}")

    def deploy(self) -> None:
        """Give the head the configuration of Ray Serve, as KubeRay does."""
        config = yaml.safe_load(self.spec["serveConfigV2"])
        config["http_options"] |= {"host": HOST, "port": self.port}
        for application in config["applications"]:
            # The folders of the volumes, as in the environment of a worker.
            (group,) = self.spec["rayClusterConfig"]["workerGroupSpecs"]
            argv = self._pod(group).environment(group["template"]["spec"]["containers"][0])["LLMWRIGHT_RAY_ARGV"]
            application["args"]["argv"] = json.loads(argv.replace("$$(", "$("))
        status, body = self._ask("PUT", json.dumps(config))
        assert status == 200, body

    def client(self, key: str) -> Client:
        """Return a client once the readiness probe of a worker would succeed."""
        client = Client(HOST, self.port, key)

        def is_ready() -> bool:
            self.check()
            try:
                return client.get("/health", 5).status == 200
            except OSError:
                return False

        wait_until(is_ready, "a worker is ready", START_S)
        return client

    def replicas(self) -> Mapping[str, list[str]]:
        """Return the state of each replica of the application, by the id of its node."""
        status, body = self._ask("GET")
        assert status == 200, body
        found: dict[str, list[str]] = {}
        for application in json.loads(body)["applications"].values():
            for deployment in application["deployments"].values():
                for replica in deployment["replicas"]:
                    found.setdefault(replica["node_id"], []).append(replica["state"])
        return found

    def check(self) -> None:
        """Raise AssertionError once a pod has ended, with its last words."""
        for name, process in self.started.items():
            assert process.poll() is None, f"{name} ended with {process.returncode}: {self.log(name)}"

    def log(self, name: str) -> str:
        """Return the last of what a pod wrote."""
        return (self._folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End all pods at once, as the kubelet does when a RayService goes."""
        for process in self.started.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        try:
            for process in self.started.values():
                process.wait(90)
        finally:
            for process in self.started.values():
                kill(process)

    def _start(self, name: str, group: Mapping[str, Any], how: str) -> None:
        """Run one pod: its own parameters, and for the rest ports that no other pod of this machine has."""
        given = " ".join(
            f"--{key}={value}" for key, value in group["rayStartParams"].items() if key != "dashboard-host"
        )
        agent, metrics = free_port(HOST), free_port(HOST)
        ports = f"--dashboard-agent-listen-port={agent} --metrics-export-port={metrics}"
        shared = f"--min-worker-port=0 --max-worker-port=0 --node-ip-address={HOST}"
        # A path of Ray's sockets has at most 107 bytes.
        files = f"--temp-dir={self._folder}" if name == "head" else ""
        command = f"ray start --block {how} {given} {ports} {shared} {files}"
        container = group["template"]["spec"]["containers"][0]
        own = self._pod(group).environment(container)
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self._token, "RAY_ADDRESS": f"{HOST}:{self._gcs}"}
        # The kubelet, which expands variables, makes one sign of two.
        environ = {key: value.replace("$$(", "$(") for key, value in own.items()}
        with (self._folder / f"{name}.log").open("wb") as log:
            self.started[name] = subprocess.Popen(
                ["/bin/bash", "-c", command], env={**os.environ, **self._environ, **environ, **token},
                cwd=self._folder, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _pod(self, group: Mapping[str, Any]) -> RenderedPod:
        return RenderedPod(group["template"]["spec"], self._folder, self._keys)

    def _join(self, name: str, group: Mapping[str, Any], how: str) -> None:
        """Start a pod, and again as a kubelet does: on a busy machine Ray gives up after 30 s."""
        for _ in range(STARTS):
            self._start(name, group, how)
            wait_until(partial(self._has_decided, name), f"{name} has joined", START_S)
            if self.started[name].poll() is None:
                return
            kill(self.started[name])
        self.check()

    def _has_decided(self, name: str) -> bool:
        return self.started[name].poll() is not None or STARTED in self.log(name)

    def _dashboard_answers(self) -> bool:
        self.check()
        try:
            return self._ask("GET")[0] == 200
        except OSError:
            return False

    def _ask(self, method: str, body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection(HOST, self._dashboard, timeout=60)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        with contextlib.closing(connection):
            connection.request(method, DEPLOY, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
