"""An API server with an option more: one that does as an earlier release of Kubernetes did, by ``--emulated-version``.

Fields, kinds and rules that came later are off in it, as far as its makers have written down when they came. It is not
that release: the code is today's.
"""

from __future__ import annotations

from pathlib import Path

SERVER = "kube-apiserver"


def emulating(assets: Path, release: str, folder: Path) -> Path:
    """Return ``folder``, which is made, with the programs of ``assets``, whose API server emulates that release.

    By hand, for any test with a cluster: name that folder in ``KUBEBUILDER_ASSETS``.
    """
    return with_option(assets, f"--emulated-version={release}", folder)


def with_option(assets: Path, option: str, folder: Path) -> Path:
    """Return ``folder``, which is made, with the programs of ``assets``, whose API server starts with ``option``."""
    folder.mkdir(parents=True)
    for each in assets.iterdir():
        (folder / each.name).symlink_to(each)
    server = folder / SERVER
    server.unlink()
    server.write_text(f'#!/bin/sh\nexec {assets / SERVER} "$@" {option}\n')
    server.chmod(0o755)
    return folder
