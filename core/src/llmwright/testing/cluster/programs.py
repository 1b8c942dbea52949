"""The programs of Kubernetes: where they are, starting and ending them. Nothing is downloaded."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from llmwright.targets.local.process.child import END_WITH_PARENT
from llmwright.testing.cluster.waiting import wait_until

VARIABLE = "KUBEBUILDER_ASSETS"
"""The variable by which controller-runtime's envtest finds them too."""
NEEDED = ("etcd", "kube-apiserver", "kubectl")
HOW_TO_GET_THEM = (
    f"set {VARIABLE} to a folder with {', '.join(NEEDED)}, such as `setup-envtest use -p path` prints; for pods also "
    "kube-controller-manager, kube-scheduler, kwok and kwok-stages.yaml"
)
OUR_PORTS = (10000, 32768)
"""Ports below the first of ``net.ipv4.ip_local_port_range``."""


def find_programs() -> Path:
    """Return the folder that ``KUBEBUILDER_ASSETS`` names. Without the variable the test is skipped.

    Raises:
        pytest.fail.Exception: the folder lacks one of ``NEEDED``: a test that is meant to run must not be skipped.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"{VARIABLE} is not set: {HOW_TO_GET_THEM}")
    folder = Path(named)
    missing = [program for program in NEEDED if not (folder / program).exists()]
    if missing:
        pytest.fail(f"{VARIABLE}={named} has no {', '.join(missing)}: {HOW_TO_GET_THEM}")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: the API server's certificates are made with it")
    return folder.resolve()


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on.

    Linux gives none of these to a connection by itself, so it is still free when its program listens.
    """
    while True:
        port = random.randrange(*OUR_PORTS)  # noqa: S311
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Program:
    """One running program and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def alive(self) -> bool:
        """Return whether it still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End it, by force if it does not listen within 10 s."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tail(self) -> str:
        """Return the end of its log, for an error."""
        return self.log.read_text(errors="replace")[-2000:]


@dataclass
class Programs:
    """Programs that run in one folder; ``stop`` ends all in reverse order."""

    assets: Path
    folder: Path
    running: dict[str, Program] = field(default_factory=dict)

    def has(self, program: str) -> bool:
        """Return whether the assets have it."""
        return (self.assets / program).exists()

    def start(self, program: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Program:
        """Start ``program`` of the assets; its log is ``<program>.log`` of the folder."""
        log = self.folder / f"{program}.log"
        with log.open("ab") as out:
            # Tests that are killed end no fixture, so Linux ends the program with them.
            ending = (sys.executable, "-I", "-S", str(END_WITH_PARENT), str(os.getpid()))
            command = [*ending, str(self.assets / program), *arguments]
            process = subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env={**os.environ, **(environ or {})},
            )
        self.running[program] = Program(process, log)
        return self.running[program]

    def wait_for(self, program: str, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds; fail at once with the log's end where the program has ended."""
        running = self.running[program]

        def holds() -> bool:
            assert running.alive(), f"{program} ended:\n{running.tail()}"
            return condition()

        wait_until(holds, f"{program} is not ready: see {running.log}")

    def stop(self) -> None:
        """End everything that still runs."""
        for program in reversed([*self.running.values()]):
            program.stop()
