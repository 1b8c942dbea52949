"""A control plane of this machine: etcd, API server, controller manager and scheduler, with RBAC and certificates."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from llmwright.testing.cluster.certificates import issue_all, write_kubeconfigs
from llmwright.testing.cluster.programs import Programs, free_port

Object = dict[str, Any]

LOOPBACK = "127.0.0.1"
MANAGER, SCHEDULER = "kube-controller-manager", "kube-scheduler"
ACCOUNT: Object = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "default", "namespace": "default"},
}


@dataclass
class ControlPlane:
    """A running cluster without nodes. ``kubeconfig`` has the rights of system:masters, by client certificate."""

    programs: Programs
    url: str

    @classmethod
    def start(cls, assets: Path, folder: Path, address: str = LOOPBACK) -> Self:
        """Start one in ``folder``, which is made. On return it takes pods in the namespace ``default``.

        The API server listens at ``address``; kubelets and their pods need another than loopback.
        Controller manager and scheduler start where ``assets`` has them. Without them objects are kept, and nobody
        makes pods.
        """
        folder.mkdir(parents=True)
        secure = free_port()
        plane = cls(Programs(assets, folder), f"https://{address}:{secure}")
        issue_all(folder, address)
        write_kubeconfigs(folder, plane.url)
        try:
            _start_api_server(plane.programs, _start_etcd(plane.programs), address, secure)
            plane.programs.wait_for("kube-apiserver", lambda: plane.serves("/readyz"))
            plane._start_controllers()
        except BaseException:
            plane.stop()
            raise
        return plane

    @property
    def folder(self) -> Path:
        """The folder of keys and logs."""
        return self.programs.folder

    @property
    def kubeconfig(self) -> Path:
        """The file for clients that read the variable KUBECONFIG."""
        return self.folder / "admin.kubeconfig"

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Return the output of ``kubectl``; without ``check``, of a refusal its error.

        Raises:
            AssertionError: it is refused, in its own words.
        """
        command = [str(self.programs.assets / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout if done.returncode == 0 else done.stderr

    def apply(self, *objects: Object, manager: str = "tests") -> None:
        """Apply server-side."""
        items = {"apiVersion": "v1", "kind": "List", "items": [*objects]}
        self.kubectl("apply", "--server-side", f"--field-manager={manager}", "-f", "-", stdin=json.dumps(items))

    def get(self, kind: str, *arguments: str) -> list[Object]:
        """Return the objects of one kind; ``arguments`` such as ``-A`` or ``-lkey=value``."""
        objects: list[Object] = json.loads(self.kubectl("get", kind, "-ojson", *arguments))["items"]
        return objects

    def fetch(self, path: str) -> Object | None:
        """Return the JSON that a GET of ``path`` answers; None for a refusal or no answer. It is far cheaper than
        ``kubectl``.
        """
        try:
            with self._opener.open(f"{self.url}{path}", timeout=10) as answer:
                content: Object = json.load(answer)
                return content
        except OSError:
            return None

    def delete(self, path: str) -> None:
        """Ask for an object to go, without waiting; nothing happens where it is gone."""
        request = urllib.request.Request(f"{self.url}{path}", method="DELETE")  # noqa: S310
        try:
            self._opener.open(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404:
                raise

    def history(self, path: str, since: str) -> list[Object]:
        """Return every state that the objects under ``path`` took after the version ``since``, the oldest first."""
        query = f"watch=true&resourceVersion={since}&timeoutSeconds=1"
        with self._opener.open(f"{self.url}{path}?{query}", timeout=30) as answer:
            events = [json.loads(line) for line in answer]
        assert all(event["type"] != "ERROR" for event in events), events[-1]
        return [event["object"] for event in events]

    def serves(self, path: str) -> bool:
        """Return whether a GET of ``path`` is answered 200."""
        try:
            with self._opener.open(f"{self.url}{path}", timeout=5):
                return True
        except OSError:
            return False

    def restart_manager(self) -> None:
        """Have the controller manager know the kinds that are there now; it looks for new ones only every 30 s.

        Until it knows the kind of an owner, children of a deleted owner are not collected.
        """
        if MANAGER in self.programs.running:
            self.programs.running[MANAGER].stop()
            _start_manager(self.programs)

    def stop(self) -> None:
        """End every program, also those started on top."""
        self.programs.stop()

    def _start_controllers(self) -> None:
        if not self.programs.has(MANAGER):
            self.apply(ACCOUNT)
            return
        _start_manager(self.programs)
        if self.programs.has(SCHEDULER):
            _start_scheduler(self.programs)
        # Pods are refused until the controller manager has made it.
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self.programs.wait_for(MANAGER, lambda: self.serves(account))

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )


def _start_etcd(programs: Programs) -> int:
    """Return the port that it answers on."""
    client, peer = free_port(), free_port()
    programs.start(
        "etcd", "--data-dir=etcd", "--unsafe-no-fsync",
        f"--listen-client-urls=http://127.0.0.1:{client}", f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
    )  # fmt: skip
    return client


def _start_api_server(programs: Programs, etcd: int, address: str, port: int) -> None:
    # An Endpoints object with a loopback address is refused.
    endpoint = ("--endpoint-reconciler-type=none",) if address == LOOPBACK else ()
    programs.start(
        "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{etcd}", f"--bind-address={address}",
        f"--advertise-address={address}", f"--secure-port={port}", *endpoint,
        "--kubelet-client-certificate=admin.crt", "--kubelet-client-key=admin.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--tls-cert-file=apiserver.crt", "--tls-private-key-file=apiserver.key", "--client-ca-file=ca.crt",
        "--authorization-mode=Node,RBAC", "--allow-privileged", "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=accounts.crt", "--service-account-signing-key-file=accounts.key",
    )  # fmt: skip


def _start_manager(programs: Programs) -> None:
    # The default rate limit of the controller manager costs 5 s at its start; autoscalers wait for 15 s by default.
    programs.start(
        MANAGER, "--kubeconfig=manager.kubeconfig", "--leader-elect=false",
        "--use-service-account-credentials", "--kube-api-qps=500", "--kube-api-burst=500",
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--service-account-private-key-file=accounts.key", "--root-ca-file=ca.crt",
        "--bind-address=127.0.0.1", f"--secure-port={free_port()}", "--cert-dir=manager",
    )  # fmt: skip


def _start_scheduler(programs: Programs) -> None:
    programs.start(
        SCHEDULER, "--kubeconfig=scheduler.kubeconfig", "--leader-elect=false",
        "--bind-address=127.0.0.1", f"--secure-port={free_port()}", "--cert-dir=scheduler",
    )  # fmt: skip
