"""``llmwright doctor``."""

from __future__ import annotations

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import dump, format_option

PROBLEM = 1


@click.command(
    epilog="""\b
Examples:
  llmwright doctor
  llmwright doctor --target kubernetes
  llmwright doctor --context prod -n models
  llmwright doctor -o json

\b
Exit codes:
  0    no problem; what was not checked is named, such as what you have no right to see
  1    a problem
  2    an option cannot be used
"""
)
@format_option()
@arguments.placed
@click.pass_obj
def doctor(session: Session, namespace: str | None, output: str | None) -> int:
    """Check settings, plugins, this machine, the cluster and the clouds: ok, problem or not checked, and what to do.

    Of a cluster: the API server, the definition of Workspaces, your rights by verb, the operator with its settings and
    rights, GPUs and the device plugin, images, and what its provisioner needs. With --target local none is asked. It
    creates nothing. Provisioners ask their clouds for rights, quotas and the like.
    """
    from llmwright.app.doctor import diagnose

    findings = []
    if output:
        findings = list(diagnose(session, namespace))
        dump(findings, output)
    else:
        from llmwright.cli.show.console import open_console
        from llmwright.cli.show.findings import show_findings

        console = open_console()
        # One by one: a cloud that hangs must not hold up what is known.
        for finding in diagnose(session, namespace):
            findings.append(finding)
            show_findings((finding,), console)
    return PROBLEM if any(finding.state == "problem" for finding in findings) else 0
