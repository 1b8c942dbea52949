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


def issue_all(folder: Path) -> None:
    """Write a certificate authority into ``folder``, and a certificate for each who talks."""
    _issue(folder, "ca", "/CN=ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
    names = "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc"
    _issue(folder, "apiserver", "/CN=apiserver", *signed, "-addext", names)
    _issue(folder, "accounts", "/CN=accounts", *signed)
    for user, subject in USERS.items():
        _issue(folder, user, subject, *signed)


def write_kubeconfigs(folder: Path, url: str) -> None:
    """Write ``USER.kubeconfig`` into ``folder`` for each user, by client certificate."""
    cluster = {"server": url, "certificate-authority": str(folder / "ca.crt")}
    for user in USERS:
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
