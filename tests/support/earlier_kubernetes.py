"""An API server that does as an earlier release of Kubernetes did, by its own option ``--emulated-version``.

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
    folder.mkdir(parents=True)
    for each in assets.iterdir():
        (folder / each.name).symlink_to(each)
    server = folder / SERVER
    server.unlink()
    server.write_text(f'#!/bin/sh\nexec {assets / SERVER} "$@" --emulated-version={release}\n')
    server.chmod(0o755)
    return folder
