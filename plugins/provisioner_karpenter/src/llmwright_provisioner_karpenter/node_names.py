"""Names and labels of created objects: always the same for one Workspace, and valid for DNS and agent pools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

GROUP = "karpenter.sh"
VERSION = "v1"
CLAIMS = "nodeclaims"
POOLS = "nodepools"
CLAIM, POOL = "NodeClaim", "NodePool"
"""The kinds as Events name them."""

CLAIM_OWNER = ("kaito.sh/workspacenamespace", "kaito.sh/workspace")
POOL_OWNER = ("karpenter.kaito.sh/workspace-namespace", "karpenter.kaito.sh/workspace-name")
"""Labels with the Workspace's namespace and name, on NodeClaims, NodePools and their nodes (KAITO v0.12)."""

MANAGED_BY = "karpenter.kaito.sh/managed-by"
NODE_POOL = "karpenter.sh/nodepool"
CAPACITY_TYPE = "karpenter.sh/capacity-type"

HOSTNAME = "kubernetes.io/hostname"

MOST = 63
"""The most characters of a label's value, and so of a name that becomes a label."""

REMEMBERED = 32
"""The most names of one kind that are kept in the state, which must stay below 4 KiB."""

_HASH = 9


def claim_names(namespace: str, workspace: str) -> Iterator[str]:
    """Yield names without end, each ``ws`` and nine digits.

    An agent pool of AKS takes the name of its NodeClaim, which must match ``^[a-z][a-z0-9]{0,11}$`` (gpu-provisioner).
    Unlike KAITO's names they do not depend on the time, so that a second request makes no second machine.
    """
    index = 0
    while True:
        yield f"ws{_digest(namespace, workspace, str(index))}"
        index += 1


def pool_name(namespace: str, workspace: str) -> str:
    """Return ``<namespace>-<workspace>`` where it is unambiguous and a valid label, else a short name with a digest.

    A namespace with a dash is ambiguous: ``a-b`` and ``c`` would share ``a-b-c`` with ``a`` and ``b-c``.
    """
    plain = f"{namespace}-{workspace}"
    if len(plain) <= MOST and "." not in plain and "-" not in namespace:
        return plain
    stem = plain.replace(".", "-")[: MOST - _HASH - 1].rstrip("-")
    return f"{stem}-{_digest(namespace, workspace)}"


def names_in(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of all NodeClaims that ``status.provisioner.state`` remembers, each once."""
    return tuple(dict.fromkeys(name for part in ("asked", "pending", "lost") for name in names_of(state.get(part))))


def names_of(value: Any) -> tuple[str, ...]:
    """Return the names in one part of the state; it is a hint, so anything else is passed over."""
    return tuple(name for name in value if isinstance(name, str))[:REMEMBERED] if isinstance(value, list) else ()


def owner_labels(pair: tuple[str, str], namespace: str, workspace: str) -> dict[str, str]:
    """Return the two labels that name the owner."""
    return {pair[0]: namespace, pair[1]: workspace}


def is_restricted(label: str) -> bool:
    """Return whether a NodePool may not give its nodes the label, by the rules of its CRD (Karpenter 1.14)."""
    return label == HOSTNAME or (label.partition("/")[0].endswith("karpenter.sh") and label != CAPACITY_TYPE)


def _digest(*parts: str) -> str:
    return sha256("/".join(parts).encode()).hexdigest()[:_HASH]
