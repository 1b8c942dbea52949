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
  llmwright doctor --kubeconfig ~/.kube/config
  llmwright doctor -o json

\b
Exit codes:
  0    no problem; what was not checked is named
  1    a problem
"""
)
@arguments.kubeconfig
@format_option()
@click.pass_obj
def doctor(session: Session, kubeconfig: str | None, output: str | None) -> int:
    """Check settings, plugins, this machine, the cluster and the clouds: ok, problem or not checked, and what to do.

    It creates nothing. Provisioners ask their clouds for rights, quotas and the like.
    """
    from llmwright.app.doctor import diagnose

    findings = []
    if output:
        findings = list(diagnose(session, kubeconfig))
        dump(findings, output)
    else:
        from llmwright.cli.show.console import open_console
        from llmwright.cli.show.findings import show_findings

        console = open_console()
        # One by one: a cloud that hangs must not hold up what is known.
        for finding in diagnose(session, kubeconfig):
            findings.append(finding)
            show_findings((finding,), console)
    return PROBLEM if any(finding.state == "problem" for finding in findings) else 0
