"""A control plane on loopback: etcd, API server, controller manager and scheduler, with RBAC and certificates."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.programs import Programs, free_port

USERS = {
    "admin": "/O=system:masters/CN=admin",
    "manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
}


@dataclass
class ControlPlane:
    """A running cluster without nodes. ``kubeconfig`` has the rights of system:masters, by client certificate."""

    programs: Programs
    url: str
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where keys and logs lie."""
        return self.programs.folder

    @property
    def kubeconfig(self) -> Path:
        """For clients that read the variable KUBECONFIG."""
        return self.folder / "admin.kubeconfig"

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """What ``kubectl`` prints; a refusal raises AssertionError with what it said, unless ``check`` is False."""
        command = [str(self.programs.assets / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout if done.returncode == 0 else done.stderr

    def apply(self, *objects: dict[str, Any], manager: str = "tests") -> None:
        """Applies server-side."""
        items = {"apiVersion": "v1", "kind": "List", "items": [*objects]}
        self.kubectl("apply", "--server-side", f"--field-manager={manager}", "-f", "-", stdin=json.dumps(items))

    def get(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """The objects of one kind; ``arguments`` such as ``-A`` or ``-lkey=value``."""
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, "-ojson", *arguments))["items"]
        return found

    def fetch(self, path: str) -> dict[str, Any] | None:
        """What a GET of ``path`` answers, as JSON; None for a refusal or no answer. Much cheaper than ``kubectl``."""
        try:
            with self._opener.open(f"{self.url}{path}", timeout=10) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except OSError:
            return None

    def delete(self, path: str) -> None:
        """Asks for an object to go, without waiting; nothing happens where it is gone. ``kubectl`` takes its time."""
        request = urllib.request.Request(f"{self.url}{path}", method="DELETE")
        try:
            self._opener.open(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404:
                raise

    def history(self, path: str, since: str) -> list[dict[str, Any]]:
        """Every state that the objects under ``path`` took after the version ``since``, the oldest first."""
        query = f"watch=true&resourceVersion={since}&timeoutSeconds=1"
        with self._opener.open(f"{self.url}{path}?{query}", timeout=30) as answer:
            events = [json.loads(line) for line in answer]
        assert all(event["type"] != "ERROR" for event in events), events[-1]
        return [event["object"] for event in events]

    def serves(self, path: str) -> bool:
        """Whether a GET of ``path`` answers 200."""
        try:
            with self._opener.open(f"{self.url}{path}", timeout=5):
                return True
        except OSError:
            return False

    def restart_manager(self) -> None:
        """Has the controller manager know the kinds that are there now; it looks for new ones only every 30 s.

        Until it knows the kind of an owner, what that one leaves behind is not collected.
        """
        self.programs.running["kube-controller-manager"].stop()
        _start_manager(self.programs)

    def stop(self) -> None:
        """Ends every program, also those started on top."""
        self.programs.stop()

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )


def start_control_plane(assets: Path, folder: Path) -> ControlPlane:
    """Starts one in ``folder``, which is made; it is ready for pods in the namespace ``default`` on return."""
    folder.mkdir(parents=True)
    client, peer, secure = free_port(), free_port(), free_port()
    plane = ControlPlane(Programs(assets, folder), f"https://127.0.0.1:{secure}")
    _issue_all(folder)
    for user in USERS:
        _write_kubeconfig(plane, user)
    try:
        _start_etcd(plane.programs, client, peer)
        _start_api_server(plane.programs, client, secure)
        plane.programs.wait_for("kube-apiserver", lambda: plane.serves("/readyz"))
        _start_manager(plane.programs)
        _start_scheduler(plane.programs)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        # Pods are refused until the controller manager has made it.
        plane.programs.wait_for("kube-controller-manager", lambda: plane.serves(account))
    except BaseException:
        plane.stop()
        raise
    return plane


def _start_etcd(programs: Programs, client: int, peer: int) -> None:
    programs.start(
        "etcd", "--data-dir=etcd", "--unsafe-no-fsync",
        f"--listen-client-urls=http://127.0.0.1:{client}", f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
    )  # fmt: skip


def _start_api_server(programs: Programs, etcd: int, port: int) -> None:
    programs.start(
        "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1", f"--secure-port={port}", "--endpoint-reconciler-type=none",
        "--tls-cert-file=apiserver.crt", "--tls-private-key-file=apiserver.key", "--client-ca-file=ca.crt",
        "--authorization-mode=Node,RBAC", "--allow-privileged", "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=accounts.crt", "--service-account-signing-key-file=accounts.key",
    )  # fmt: skip


def _start_manager(programs: Programs) -> None:
    # The default rate limit of the controller manager costs 5 s at its start; autoscalers wait for 15 s by default.
    programs.start(
        "kube-controller-manager", "--kubeconfig=manager.kubeconfig", "--leader-elect=false",
        "--use-service-account-credentials", "--kube-api-qps=500", "--kube-api-burst=500",
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--service-account-private-key-file=accounts.key", "--root-ca-file=ca.crt",
        "--bind-address=127.0.0.1", f"--secure-port={free_port()}", "--cert-dir=manager",
    )  # fmt: skip


def _start_scheduler(programs: Programs) -> None:
    programs.start(
        "kube-scheduler", "--kubeconfig=scheduler.kubeconfig", "--leader-elect=false",
        "--bind-address=127.0.0.1", f"--secure-port={free_port()}", "--cert-dir=scheduler",
    )  # fmt: skip


def _issue_all(folder: Path) -> None:
    """A certificate authority, and a certificate for each who talks."""
    _issue(folder, "ca", "/CN=ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
    names = "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc"
    _issue(folder, "apiserver", "/CN=apiserver", *signed, "-addext", names)
    _issue(folder, "accounts", "/CN=accounts", *signed)
    for user, subject in USERS.items():
        _issue(folder, user, subject, *signed)


def _issue(folder: Path, name: str, subject: str, *more: str) -> None:
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.crt", *more,
        ],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def _write_kubeconfig(plane: ControlPlane, user: str) -> None:
    here = plane.folder
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": plane.url, "certificate-authority": f"{here}/ca.crt"}}],
        "users": [
            {"name": "it", "user": {"client-certificate": f"{here}/{user}.crt", "client-key": f"{here}/{user}.key"}}
        ],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
    (here / f"{user}.kubeconfig").write_text(json.dumps(config, indent=1))
