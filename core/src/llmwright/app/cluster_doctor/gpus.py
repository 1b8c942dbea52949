"""GPUs of a cluster: nodes that offer them, nodes that should, and NVIDIA's device plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import DAEMON_SETS, NODES
from llmwright.targets.kubernetes.cluster.listing import all_of
from llmwright.targets.kubernetes.commands.access import explained
from llmwright.values.node_object import GPU, NodeObject, node_object
from llmwright.values.nodes import Finding

NAMES_SHOWN = 3
SIGNS = ("nvidia.com/gpu.product", "nvidia.com/gpu.count", "nvidia.com/gpu.present")
"""Labels of nodes with a GPU, as NVIDIA's feature discovery and clouds set them."""
ASK = "an administrator's doctor says more"
PLUGIN = "device-plugin"
VENDOR = "nvidia"
BRING_PLUGIN = (
    "`helm upgrade … --set devicePlugin.enabled=true`, or NVIDIA's GPU operator, where node images bring none"
)


def gpu_findings(api: Api, gpus_of: Callable[[str], int]) -> Iterator[Finding]:
    """Yield what nodes offer and what offers it; ``gpus_of`` is the number of GPUs of an instance type."""
    try:
        nodes = [node_object(each) for each in all_of(api, NODES) or []]
    except ApiError as error:
        yield Finding(about="GPUs", state="unchecked", message=explained(error, api).message, hint=ASK)
        return
    offering = [node for node in nodes if node.devices()]
    silent = [node for node in nodes if not node.devices() and _has_gpu(node, gpus_of)]
    if silent:
        message = f"{_names(silent)} should have GPUs, and offer{'s' * (len(silent) == 1)} no {GPU}"
        hint = f"see that NVIDIA's driver and device plugin run there: {BRING_PLUGIN}"
        yield Finding(about="GPUs", state="problem", message=message, hint=hint)
    elif offering:
        total = sum(node.devices() for node in offering)
        yield Finding(about="GPUs", state="ok", message=f"{total} {GPU} on {_names(offering)}")
    else:
        hint = "a provisioner that buys nodes brings them with the first Workspace; else add a node with a GPU"
        yield Finding(about="GPUs", state="unchecked", message="no node with a GPU is there now", hint=hint)
    yield _device_plugin(api, offers=bool(offering))


def _device_plugin(api: Api, *, offers: bool) -> Finding:
    about = "device plugin"
    try:
        sets = list(filter(_is_plugin, all_of(api, DAEMON_SETS) or []))
    except ApiError as error:
        return Finding(about=about, state="unchecked", message=explained(error, api).message, hint=ASK)
    if not sets:
        message = "no DaemonSet of NVIDIA's is there"
        if offers:
            return Finding(about=about, state="ok", message=f"{message}, and nodes offer {GPU} without one")
        return Finding(about=about, state="unchecked", message=message, hint=BRING_PLUGIN)
    # A cloud may have one for each kind of its nodes.
    shown = max(sets, key=lambda each: _wanted(each) - _ready(each))
    ready, wanted = _ready(shown), _wanted(shown)
    namespace, name = shown["metadata"]["namespace"], shown["metadata"]["name"]
    message = f"DaemonSet {namespace}/{name}: {ready} of {wanted} ready"
    if ready < wanted:
        describe = api.same_place.kubectl(f"describe daemonset {name}", namespace)
        return Finding(about=about, state="problem", message=message, hint=f"`{describe}`")
    return Finding(about=about, state="ok", message=message)


def _ready(live: Mapping[str, Any]) -> int:
    return int((live.get("status") or {}).get("numberReady") or 0)


def _wanted(live: Mapping[str, Any]) -> int:
    return int((live.get("status") or {}).get("desiredNumberScheduled") or 0)


def _is_plugin(live: Mapping[str, Any]) -> bool:
    containers = live["spec"]["template"]["spec"].get("containers") or ()
    words = [str(live["metadata"]["name"]), *(str(each.get("image")) for each in containers)]
    return any(PLUGIN in word and VENDOR in word for word in words)


def _has_gpu(node: NodeObject, gpus_of: Callable[[str], int]) -> bool:
    signs = [node.labels.get(sign, "") for sign in SIGNS]
    return any(sign not in ("", "0", "false") for sign in signs) or gpus_of(node.instance_type) > 0


def _names(nodes: Sequence[NodeObject]) -> str:
    names = ", ".join(node.name for node in nodes[:NAMES_SHOWN])
    more = len(nodes) - NAMES_SHOWN
    return f"{'node' if len(nodes) == 1 else 'nodes'} {names}{f' and {more} more' if more > 0 else ''}"
