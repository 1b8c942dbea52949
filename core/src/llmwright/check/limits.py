"""Company limits that can be judged before anything is planned: instance types and nodes.

Limits in USD need the number of nodes and are ``plan``'s and the operator's.
"""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.api.instance_type_field import is_auto, listed_types
from llmwright.check.check_input import CheckInput
from llmwright.errors import Problem


def check_limits(inputs: CheckInput) -> Iterator[Problem]:
    """The type is allowed, and not more nodes are asked for than may be."""
    if not inputs.on_cluster:
        return
    allowed = inputs.policy.allowed_instance_types
    for name in listed_types(inputs.workspace.resource.instance_type):
        if not name or is_auto(name) or allowed is None or name.lower() in {known.lower() for known in allowed}:
            continue
        hint = f"allowed: {', '.join(allowed) or 'none'} (setting limits.instanceTypes)"
        yield Problem(
            "resource.instanceType",
            f"{name} is not allowed in namespace {inputs.workspace.namespace}",
            hint,
            reason="LimitExceeded",
        )
    most = inputs.policy.allowed_nodes
    if most is not None and inputs.count > most:
        hint = f"at most {most} (setting limits.nodes)"
        message = f"{inputs.count} nodes are more than allowed in namespace {inputs.workspace.namespace}"
        yield Problem("resource.count", message, hint, reason="LimitExceeded")
