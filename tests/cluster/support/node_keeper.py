"""A node of this machine: containerd, kubelet and kube-proxy, until its stdin ends, then nothing of it is left.

``python -m tests.cluster.support.node_keeper PROGRAMS FOLDER`` writes ``network`` once ``ADDRESS`` is there,
reads a line with the control plane's folder, and writes ``ready`` once the node is. It is a process of its own, in a
session of its own, so that it tidies up also after tests that were killed. What a keeper that was killed itself left
over goes at the next start: the folder is always the same one, and only one keeper holds its lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from llmwright.targets.local.process.child import END_WITH_PARENT
from llmwright.testing.cluster.certificates import issue, write_kubeconfig

BRIDGE, ADDRESS, PODS, SERVICES = "lw0", "10.79.0.1", "10.79.0.0/24", "10.96.0.0/16"
NODE = "node-1"
DISK = "3G"
"""The size of the file system below the kubelet's folder: a test can fill it and no other."""
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
NETWORKS = Path("/run/netns")
ENDING = (sys.executable, "-I", "-S", str(END_WITH_PARENT))
QUIET: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
NEEDED = ("containerd", "ctr", "runc", "nft", "ip", "openssl", "mkfs.ext4")

CONTAINERD = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{folder}/registries"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
"""


class Keeper:
    """The node's programs, and what they leave on this machine."""

    def __init__(self, assets: Path, folder: Path) -> None:
        self.assets, self.folder, self.control = assets, folder, folder
        self.programs: list[subprocess.Popen[bytes]] = []
        self.forwarding = FORWARDING.read_text()

    def make_network(self) -> None:
        """Add the bridge that pods are plugged into, which carries the node's address."""
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{ADDRESS}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        ip("route", "replace", SERVICES, "dev", BRIDGE)

    def start(self, control: Path) -> None:
        """Return once the node is Ready, in the cluster of that folder."""
        self.control = control
        self._make_disk()
        self._write_files()
        self._run("containerd", "--config", self.folder / "containerd.toml")
        until(lambda: self.ctr("version").returncode == 0, "containerd answers", self.programs)
        self._import_pause()
        kubelet = ("--config=kubelet.json", "--kubeconfig=kubelet.kubeconfig", f"--root-dir={self.folder}/kubelet")
        own = (f"--hostname-override={NODE}", f"--node-ip={ADDRESS}", "--cert-dir=kubelet-certificates")
        self._run(self.assets / "kubelet", *kubelet, *own)
        self._run(self.assets / "kube-proxy", "--config=proxy.json", f"--hostname-override={NODE}")
        ready = ("get", "node", NODE, "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}")
        until(lambda: self.kubectl(*ready).stdout == b"True", f"{NODE} is Ready", self.programs)

    def stop(self) -> None:
        """End the pods, then the programs, and remove what they made."""
        # The kubelet takes pods down with their network; what it cannot, for want of an API server, goes by hand.
        self.kubectl("cordon", NODE)
        here = f"--field-selector=spec.nodeName={NODE}"
        self.kubectl("delete", "pods", "-A", here, "--grace-period=1", "--timeout=20s")
        with suppress(TimeoutError):
            until(lambda: not self.ctr("tasks", "ls", "-q").stdout, "the pods end", attempts=100)
        for program in reversed(self.programs[1:]):
            end(program)
        self.kubectl("delete", "node", NODE)
        subprocess.run([self.assets / "kube-proxy", "--cleanup", f"--config={self.folder}/proxy.json"], **QUIET)
        for task in self.ctr("tasks", "ls", "-q").stdout.decode().split():
            self.ctr("tasks", "rm", "-f", task)
        for program in self.programs[:1]:
            end(program)
        clean(self.folder)
        FORWARDING.write_text(self.forwarding)

    def ctr(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """The answer of containerd."""
        command = ["ctr", "--connect-timeout=2s", "-a", f"{self.folder}/containerd.sock", "-n", "k8s.io", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, check=False)

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """The answer of the cluster."""
        access = (f"--kubeconfig={self.control}/admin.kubeconfig", "--request-timeout=10s")
        command = [str(self.assets / "kubectl"), *access, *arguments]
        return subprocess.run(command, capture_output=True, check=False)

    def _run(self, program: str | Path, *arguments: object) -> None:
        with (self.control / f"{Path(program).name}.log").open("wb") as log:
            command = [*ENDING, str(os.getpid()), str(program), *map(str, arguments)]
            self.programs.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder))

    def _make_disk(self) -> None:
        disk = self.folder / "disk"
        (self.folder / "kubelet").mkdir()
        subprocess.run(["truncate", "-s", DISK, disk], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", disk], check=True)
        subprocess.run(["mount", "-o", "loop", disk, self.folder / "kubelet"], check=True)

    def _write_files(self) -> None:
        (self.folder / "cni").mkdir()
        (self.folder / "containerd.toml").write_text(CONTAINERD.format(folder=self.folder))
        (self.folder / "cni/10-bridge.conflist").write_text(json.dumps(_network(self.folder)))
        (self.folder / "kubelet.json").write_text(json.dumps(_kubelet(self.control, self.folder)))
        (self.folder / "proxy.json").write_text(json.dumps(_proxy(self.folder)))
        admin = json.loads((self.control / "admin.kubeconfig").read_text())
        url = admin["clusters"][0]["cluster"]["server"]
        for name in ("ca.crt", "ca.key"):
            shutil.copy(self.control / name, self.folder / name)
        users = {"kubelet": f"/O=system:nodes/CN=system:node:{NODE}", "proxy": "/CN=system:kube-proxy"}
        for user, subject in users.items():
            issue(self.folder, user, subject)
            write_kubeconfig(self.folder, user, url)

    def _import_pause(self) -> None:
        from tests.cluster.support.static_image import static_image

        done = self.ctr("images", "import", "-", stdin=static_image("localhost/pause:1", self.assets / "pause"))
        if done.returncode:
            raise RuntimeError(done.stderr.decode())


def ip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run ``ip``."""
    return subprocess.run(["ip", *arguments], capture_output=True, check=check)


def clean(folder: Path) -> None:
    """Take down what a node in ``folder`` left on this machine, whoever ended it; its files stay."""
    _kill(folder)
    for mount in sorted(_mounts(folder), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False)
    # The bridge plugin of this folder has noted the pods' networks there; each is named after its sandbox.
    for space in NETWORKS.glob("cni-*"):
        if _plugged_here(space.name):
            ip("netns", "del", space.name, check=False)
    ip("link", "del", BRIDGE, check=False)
    for group in Path("/sys/fs/cgroup").glob("*/kubepods"):
        _remove_groups(group)


def remove_files(folder: Path) -> None:
    """Remove ``folder``, in the background: of several GB in small files that takes minutes.

    Raises:
        RuntimeError: something is mounted there, whose files would go too.
    """
    if found := _mounts(folder):
        raise RuntimeError(f"still mounted: {', '.join(found)}")
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.{time.time_ns()}.old"))
    old = map(str, folder.parent.glob(f"{folder.name}.*.old"))
    subprocess.Popen(["rm", "-rf", *old], start_new_session=True, **QUIET)


def _mounts(folder: Path) -> list[str]:
    places = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    return [place for place in places if place.startswith(f"{folder}/")]


def _kill(folder: Path) -> None:
    """End every process that is of this folder's node: programs, the shims of containers, and containers."""
    mine = programs_of(folder)
    children = [child for process in mine for child in _children(process)]
    for process in (*mine, *children):
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs([*mine, *children], timeout=10)


def programs_of(folder: Path) -> list[psutil.Process]:
    """Return the programs of this folder's node that run now, with the shims of containers."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_of(process, folder)]


def _is_of(process: psutil.Process, folder: Path) -> bool:
    with suppress(psutil.Error):
        line, name = process.cmdline(), process.name()
        known = name.startswith(("containerd", "kubelet", "kube-proxy", "coredns"))
        return known and (any(str(folder) in part for part in line) or process.cwd() == str(folder))
    return False


def _children(process: psutil.Process) -> Iterable[psutil.Process]:
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return ()


def _plugged_here(space: str) -> bool:
    shown = ip("-n", space, "-4", "-o", "addr", check=False).stdout.decode()
    return PODS.rpartition(".")[0] + "." in shown


def _remove_groups(group: Path) -> None:
    for below, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            Path(below).rmdir()


def _kubelet(control: Path, folder: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{control}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "10%", "imagefs.available": "1%"},
        "evictionPressureTransitionPeriod": "5s",
        # Images lie on this machine's own disk: however full that is, the few of a test stay.
        "imageGCHighThresholdPercent": 100,
        "clusterDNS": [ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "podLogsDir": f"{folder}/pod-logs",
        "volumePluginDir": f"{folder}/volume-plugins",
        "syncFrequency": "10s",
    }


def _proxy(folder: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": ADDRESS,
        "clusterCIDR": PODS,
        "clientConnection": {"kubeconfig": f"{folder}/proxy.kubeconfig"},
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _network(folder: Path) -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "dataDir": f"{folder}/addresses",
        "ranges": [[{"subnet": PODS, "rangeStart": "10.79.0.10"}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": "llmwright-test", "plugins": [bridge]}


def until(
    holds: Callable[[], bool], what: str, programs: Iterable[subprocess.Popen[bytes]] = (), attempts: int = 600
) -> None:
    """Wait up to 60 s.

    Raises:
        TimeoutError: it does not hold by then, or a program has ended.
    """
    for _ in range(attempts):
        if any(program.poll() is not None for program in programs):
            raise TimeoutError("a program of the node ended: see its log")
        if holds():
            return
        time.sleep(0.1)
    raise TimeoutError(f"not in time: {what}")


def end(program: subprocess.Popen[bytes]) -> None:
    """End a program, by force where it does not listen within 10 s."""
    program.terminate()
    try:
        program.wait(10)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def main(assets: Path, folder: Path) -> None:
    """Keep the node until stdin ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clean(folder)
        remove_files(folder)
        folder.mkdir(parents=True, exist_ok=True)
        keeper = Keeper(assets, folder)
        try:
            keeper.make_network()
            print("network", flush=True)
            control = sys.stdin.readline().strip()
            if control:
                keeper.start(Path(control))
                print("ready", flush=True)
                sys.stdin.read()
        finally:
            keeper.stop()
            remove_files(folder)


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:3]))
