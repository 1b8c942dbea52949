"""Which machines to keep where there are more than are asked for; pure."""

from __future__ import annotations

from collections.abc import Sequence

from llmwright.values.nodes import NodeRequest
from llmwright_provisioner_karpenter.owned_objects import Claim


def split(live: Sequence[Claim], request: NodeRequest) -> tuple[list[Claim], list[Claim]]:
    """Split into the NodeClaims to keep and the surplus.

    Those whose node has pods that run are kept before all others, and of these those that are Ready.
    """
    ordered = sorted(live, key=lambda claim: (claim.node not in request.occupied, not claim.ready, claim.name))
    return sorted(ordered[: request.count], key=lambda claim: claim.name), ordered[request.count :]
