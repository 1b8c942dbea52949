"""The part of a kubelet, played by a test with real Ray: each pod's own command runs as a process of this machine."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster
from llmwright.testing.cluster.programs import free_port

Object = dict[str, Any]

# By itself Ray takes ports from 10002 to 19999 for workers on each node: these nodes share them, with us too.
OWN_PORTS = "--min-worker-port=0 --max-worker-port=0"

STARTED, STARTS, START_S = "Ray runtime started", 4, 300.0
"""The words of ``ray start`` once a node is part of the cluster, how often it may try, and for how long."""

HEAD_SERVICE = re.compile(r"[\w-]+-head-svc(\.[\w.]+)?")
"""How a worker names the head; no DNS knows it here."""


def own_address() -> str | None:
    """Return an address of this machine that a pod may have; None where there is only loopback."""
    names = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    return next((name for name in names if "." in name), None)


@dataclass
class RayMachine:
    """Runs the pods of a RayCluster with the Ray of ``environment``, all of them at ``address``."""

    plane: Cluster
    environment: Path
    folder: Path
    address: str
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, pod: Object) -> None:
        """Start the Ray container of a pod, and tell the API server at which address it is.

        It is started again as a kubelet does: on a busy machine Ray gives up after 30 s.
        """
        for _ in range(STARTS):
            self._start(pod)
            name = pod["metadata"]["name"]
            wait_until(partial(self._has_decided, name), f"{name} is part of the cluster", START_S)
            if self.started[name].poll() is None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.started[name].pid, signal.SIGKILL)
        self.runs()
        status = json.dumps({"status": {"podIP": self.address, "podIPs": [{"ip": self.address}]}})
        self.plane.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", status)

    def _has_decided(self, name: str) -> bool:
        return self.started[name].poll() is not None or STARTED in (self.folder / f"{name}.log").read_text()

    def _start(self, pod: Object) -> None:
        main, name = pod["spec"]["containers"][0], pod["metadata"]["name"]
        variables = {each["name"]: self._value(pod, each) for each in main["env"]}
        command = self._here(main["args"][0], head="--head" in main["args"][0])
        path = f"{self.environment / 'bin'}:{os.environ['PATH']}"
        environ = {**os.environ, **{key: value for key, value in variables.items() if value is not None}, "PATH": path}
        with (self.folder / f"{name}.log").open("wb") as log:
            self.started[name] = subprocess.Popen(
                ["/bin/bash", "-c", command], env=environ, cwd=self.folder, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def runs(self) -> bool:
        """Return True; raise AssertionError once a process of a pod has ended, with its last words."""
        for name, process in self.started.items():
            words = (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]
            assert process.poll() is None, f"{name} ended with {process.returncode}: {words}"
        return True

    def stop(self) -> None:
        """Kill all that was started: by SIGTERM a pod would first finish its answers, and there are none."""
        for process in self.started.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
            process.kill()
            process.wait()
        self.started.clear()

    def _here(self, command: str, *, head: bool) -> str:
        """Return a command of a pod for a machine that several pods share."""
        shared = {"--metrics-export-port=8080": f"--metrics-export-port={free_port()}"}
        # A path of Ray's sockets has at most 107 bytes.
        files = f" --temp-dir={self.folder}" if head else ""
        shared |= {"--block": f"--block {OWN_PORTS}{files}"} | ({} if head else {"52365": str(free_port())})
        for ours, here in shared.items():
            command = command.replace(ours, here)
        return HEAD_SERVICE.sub(self.address, command)

    def _value(self, pod: Object, variable: Object) -> str | None:
        """Return a variable's value as a kubelet makes it; None for a Secret that is optional, and not there."""
        source = variable.get("valueFrom") or {}
        if "secretKeyRef" in source:
            secret = source["secretKeyRef"]
            live = self.plane.fetch(f"/api/v1/namespaces/default/secrets/{secret['name']}")
            return base64.b64decode(live["data"][secret["key"]]).decode() if live else None
        if "fieldRef" in source:
            place = source["fieldRef"]["fieldPath"]
            labels: dict[str, str] = pod["metadata"]["labels"]
            return str(pod["metadata"]["name"]) if place == "metadata.name" else labels[place.split("'")[1]]
        return HEAD_SERVICE.sub(self.address, str(variable.get("value", "")).replace("$$(", "$("))


def answers_on(port: int) -> bool:
    """Return whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
