"""``llmwright rbac``."""

from __future__ import annotations

import click

from llmwright.app.session import Session


@click.command(
    epilog="""\b
Examples:
  llmwright rbac | kubectl apply --server-side -f -
  llmwright rbac --provisioner karpenter --namespace ml-platform --service-account operator
"""
)
@click.option(
    "-n", "--namespace", default="llmwright-system", show_default=True, help="The namespace that the operator runs in."
)
@click.option(
    "--service-account", default="llmwright-operator", show_default=True, help="The operator's account, made there."
)
@click.option(
    "--provisioner",
    "provisioners",
    multiple=True,
    metavar="NAME",
    help="Leave out the rights of all other provisioners; may be repeated.",
)
@click.option(
    "--webhook/--no-webhook",
    default=None,
    help="With what the admission webhook needs; by default where the settings turn it on.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="Print in this format.",
)
@click.pass_obj
def rbac(
    session: Session,
    namespace: str,
    service_account: str,
    provisioners: tuple[str, ...],
    webhook: bool | None,
    output: str,
) -> None:
    """Print the rights of the operator: its account, roles and bindings.

    They are what the operator itself needs and what each installed driver declares. The Helm chart has the same.
    """
    from llmwright.cli.show.output import dump, dump_all
    from llmwright.targets.kubernetes.operator.rbac import manifests

    declared = session.driver_set.access_rules(provisioners or None)
    serves = session.settings.webhook.enabled if webhook is None else webhook
    objects = manifests(namespace, service_account, declared, webhook=serves)
    if output == "json":
        dump({"apiVersion": "v1", "kind": "List", "items": objects}, output)
    else:
        dump_all(objects)
