"""A chart that leaves on a cluster what KAITO's does: its definition in ``crds/``, a Deployment and a webhook.

The container is none of KAITO's: KWOK starts no container, and nobody serves the webhook.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from tests.cluster.support import kaito

ABOUT = {"apiVersion": "v2", "name": "workspace", "version": "0.12.0"}
LABELS = {"app.kubernetes.io/name": "workspace", "app.kubernetes.io/instance": "kaito-workspace"}


def write_chart(folder: Path) -> Path:
    """Write the chart into ``folder``; the value ``webhook`` registers the webhook."""
    container = {"name": "workspace", "image": "mcr.microsoft.com/aks/kaito/workspace:0.12.0"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "kaito-workspace", "labels": LABELS},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
        },
    }
    files = {
        "Chart.yaml": yaml.safe_dump(ABOUT),
        "crds/workspaces.yaml": yaml.safe_dump(kaito.kaitos_crd()),
        "templates/deployment.yaml": yaml.safe_dump(deployment),
        "templates/webhook.yaml": f"{{{{- if .Values.webhook }}}}\n{yaml.safe_dump(kaito.webhook())}{{{{- end }}}}\n",
        "values.yaml": "webhook: true\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
