"""Workspaces of the demo model as YAML."""

from __future__ import annotations

HEAD = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: {name}}}
resource: {{labelSelector: {{matchLabels: {{apps: {name}}}}}}}
"""
SERVING = HEAD + "inference:\n  preset: {{name: demo}}\n"
TUNING = HEAD + "tuning:\n  preset: {{name: demo}}\n  method: qlora\n  methodConfig: {{max_steps: {steps}}}\n"
TUNING += "  input: {{urls: [{data}]}}\n"


def serving_workspace(name: str) -> str:
    """Return a Workspace that serves; more lines of ``inference`` may follow."""
    return SERVING.format(name=name)


def tuning_workspace(name: str, steps: int, data: str) -> str:
    """Return a Workspace that tunes with the URL or path ``data``; more lines of ``tuning`` may follow."""
    return TUNING.format(name=name, steps=steps, data=data)
