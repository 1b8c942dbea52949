"""Keys, certificates and kubeconfigs of a control plane for tests; made by ``openssl``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

USERS = {
    "admin": "/O=system:masters/CN=admin",
    "manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
}
"""Who talks to the API server, with the subject of each one's certificate."""


SIGNED = ("-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")


def issue_all(folder: Path, address: str = "127.0.0.1") -> None:
    """Write a certificate authority into ``folder``, and a certificate for each who talks.

    ``address`` is where the API server listens, besides loopback.
    """
    _issue(folder, "ca", "/CN=ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    hosts = ("IP:127.0.0.1", f"IP:{address}", "IP:10.96.0.1", "DNS:localhost", "DNS:kubernetes.default.svc")
    issue(folder, "apiserver", "/CN=apiserver", *dict.fromkeys(hosts))
    issue(folder, "accounts", "/CN=accounts")
    for user, subject in USERS.items():
        issue(folder, user, subject)


def issue(folder: Path, name: str, subject: str, *hosts: str) -> None:
    """Write ``NAME.crt`` and ``NAME.key`` into ``folder``, signed by its authority; ``hosts`` as ``IP:127.0.0.1``."""
    _issue(folder, name, subject, *SIGNED, *(("-addext", f"subjectAltName={','.join(hosts)}") if hosts else ()))


def write_kubeconfigs(folder: Path, url: str) -> None:
    """Write ``USER.kubeconfig`` into ``folder`` for each user, by client certificate."""
    for user in USERS:
        write_kubeconfig(folder, user, url)


def write_kubeconfig(folder: Path, user: str, url: str) -> None:
    """Write ``USER.kubeconfig`` into ``folder``, by the certificate of that name in it."""
    cluster = {"server": url, "certificate-authority": str(folder / "ca.crt")}
    login = {"client-certificate": str(folder / f"{user}.crt"), "client-key": str(folder / f"{user}.key")}
    (folder / f"{user}.kubeconfig").write_text(kubeconfig(cluster, login))


def kubeconfig(cluster: dict[str, str], login: dict[str, str]) -> str:
    """Return a kubeconfig with one cluster and one user."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": login}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
    return json.dumps(config, indent=1)


def _issue(folder: Path, name: str, subject: str, *more: str) -> None:
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.crt", *more,
        ],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
