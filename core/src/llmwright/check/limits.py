"""Company limits that can be judged before anything is planned: instance types and nodes.

Limits in USD need the number of nodes and are ``plan``'s and the operator's.
"""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.check.check_input import CheckInput
from llmwright.check.resource import AUTO
from llmwright.errors import Problem


def check_limits(inputs: CheckInput) -> Iterator[Problem]:
    """The type is allowed, and not more nodes are asked for than may be."""
    if not inputs.on_cluster:
        return
    name, allowed = inputs.workspace.resource.instance_type, inputs.policy.allowed_instance_types
    if name and name != AUTO and allowed is not None and name.lower() not in {known.lower() for known in allowed}:
        hint = f"allowed: {', '.join(allowed) or 'none'} (setting limits.instanceTypes)"
        yield Problem("resource.instanceType", f"{name} is not allowed here", hint, reason="LimitExceeded")
    most = inputs.policy.allowed_nodes
    if most is not None and inputs.count > most:
        hint = f"at most {most} (setting limits.nodes)"
        yield Problem("resource.count", f"{inputs.count} nodes are more than allowed", hint, reason="LimitExceeded")
