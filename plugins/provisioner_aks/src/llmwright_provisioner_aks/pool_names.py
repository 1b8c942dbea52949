"""Names, labels and tags of agent pools: always the same for one Workspace, and within the rules of AKS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

OWNER = ("aks.llmwright.io/namespace", "aks.llmwright.io/workspace")
"""Labels of nodes with the Workspace's namespace and name."""

NAMESPACE_TAG, WORKSPACE_TAG, SHAPE_TAG = "llmwright-namespace", "llmwright-workspace", "llmwright-shape"
OWN_TAGS = frozenset((NAMESPACE_TAG, WORKSPACE_TAG, SHAPE_TAG))

MACHINE_TYPE = "kaito.sh/machine-type"
AGENT_POOL = ("kubernetes.azure.com/agentpool", "agentpool")
"""Labels with which AKS names the agent pool of a node; the newer first."""

MOST_LABEL = 63
"""The most characters of a label's value."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_DIGEST = 10


def pool_names(namespace: str, workspace: str) -> Iterator[str]:
    """Yield names without end, each ``lw`` and ten characters: an agent pool of Linux may have twelve.

    The first is the Workspace's own. The next ones serve while a pool of that name is still being deleted.
    """
    index = 0
    while True:
        yield f"lw{_digest(namespace, workspace, str(index))}"
        index += 1


def owner_labels(namespace: str, workspace: str) -> dict[str, str]:
    """Return the two labels that name the owner of a node."""
    return dict(zip(OWNER, (_label_value(namespace), _label_value(workspace)), strict=True))


def owner_tags(namespace: str, workspace: str) -> dict[str, str]:
    """Return the two tags that name the owner of an agent pool, in full."""
    return {NAMESPACE_TAG: namespace, WORKSPACE_TAG: workspace}


def owner_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the namespace and name of the Workspace that an agent pool was made for; None for a pool of others."""
    owner = (tags.get(NAMESPACE_TAG, ""), tags.get(WORKSPACE_TAG, ""))
    return owner if all(owner) else None


def pool_of_node(labels: Mapping[str, str]) -> str:
    """Return the agent pool of a node by its labels; empty where AKS has not set them."""
    return next((labels[key] for key in AGENT_POOL if key in labels), "")


def _label_value(text: str) -> str:
    """Return ``text`` where it is a valid label, else its beginning with a digest."""
    if len(text) <= MOST_LABEL:
        return text
    return f"{text[: MOST_LABEL - _DIGEST - 1].rstrip('-.')}-{_digest(text)}"


def _digest(*parts: str) -> str:
    """Return ten digits to the base 36, which is 51 bits: a dozen million pools share a name with a chance of 2 %."""
    number = int.from_bytes(sha256("/".join(parts).encode()).digest()[:16])
    digits = []
    for _ in range(_DIGEST):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)
