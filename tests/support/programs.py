"""Real Kubernetes programs: where they are, starting and ending them. No program is downloaded here."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
HOW_TO_GET_THEM = (
    "set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, "
    "kwok, kwok-stages.yaml, karpenter and karpenter-crds"
)
PR_SET_PDEATHSIG = 1
OURS = (10000, 32768)
"""Ports below the first of ``net.ipv4.ip_local_port_range``."""


def find_assets() -> Path | None:
    """``KUBEBUILDER_ASSETS`` (controller-runtime's convention), else the programs packed beside this repository."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    if named:
        return Path(named) if all((Path(named) / program).exists() for program in NEEDED) else None
    unpack = ROOT.parent / "shared/envtest/unpack"
    if not unpack.exists():
        return None
    done = subprocess.run([unpack], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def free_port() -> int:
    """A port of the loopback address that nobody listens on.

    It is one that Linux gives to no connection by itself: who listens there comes later, and found it taken once.
    """
    while True:
        port = random.randrange(*OURS)
        with suppress(OSError), socket.socket() as found:
            found.bind(("127.0.0.1", port))
            return port


@dataclass
class Program:
    """One running program and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ends it, by force if it does not listen within 10 s."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tail(self) -> str:
        """The end of its log, for an error."""
        return self.log.read_text(errors="replace")[-2000:]


@dataclass
class Programs:
    """What was started in one folder; ``stop`` ends all in reverse order."""

    assets: Path
    folder: Path
    running: dict[str, Program] = field(default_factory=dict)

    def start(self, program: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Program:
        """Starts ``program`` of the assets; its log is ``<program>.log`` of the folder."""
        log = self.folder / f"{program}.log"
        with log.open("ab") as out:
            command = [str(self.assets / program), *arguments]
            process = subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env={**os.environ, **(environ or {})},
                preexec_fn=_end_with(os.getpid()),
            )
        self.running[program] = Program(process, log)
        return self.running[program]

    def wait_for(self, program: str, condition: Callable[[], bool]) -> None:
        """Until ``condition`` holds; fails at once with the log's end where the program has ended."""
        one = self.running[program]

        def holds() -> bool:
            assert one.alive(), f"{program} ended:\n{one.tail()}"
            return condition()

        wait_until(holds, f"{program} is not ready: see {one.log}")

    def stop(self) -> None:
        """Ends everything that still runs."""
        for program in reversed([*self.running.values()]):
            program.stop()


def _end_with(parent: int) -> Callable[[], None]:
    """Run in the child: Linux ends it when the tests are killed, which ends no fixture."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
