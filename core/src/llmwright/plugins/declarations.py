"""Declarations of drivers, and the values that they are handed of a cluster. ``drivers`` has these names too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MADE_ANEW = "llmwright.io/made-anew"
"""Annotation of a runtime's own object: a digest of all that cannot be changed in it. With another it is made anew."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Rights on some resources of one API group, as a rule of a ClusterRole has them."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OlderImage:
    """An image with a driver's programs for GPUs that its usual image leaves out. The settings name it by its role.

    ``built_for`` is the lowest CUDA compute capability that it serves; ``contents`` says in a few words how it differs.
    """

    role: str
    built_for: tuple[int, int]
    contents: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The abilities of a runtime. ``check`` and ``plan`` refuse a Workspace that needs others.

    With ``multi_node`` the model decides the number of nodes. ``cpu`` and ``gpu`` are the machines on which it serves.
    ``cpu_locally``: without a GPU it serves on one machine, where the installed build decides, and not in its image.
    ``batching``: it answers several requests in each step of the model. ``api_key``: its main process takes the secret
    ``llmwright.values.launch.API_KEY``, and answers no request without that key; where a key is wanted, a runtime
    without the ability is refused. ``adapter_templates``: it answers for each adapter with the chat template that lies
    beside its weights. ``hot_adapters``: its option ``adapterDirectories`` names directories from which requests load
    adapters while it runs. ``scales_itself``: it moves the number of its copies within ``Fit.copies`` by itself, on
    machines for the highest number of them.

    What its server answers beside conversations: ``completions`` (``POST /v1/completions``), ``chat_endpoint``
    (``POST /chat`` with ``prompt``, as KAITO's older one), ``choices`` (``n`` answers to one request), ``logprobs``
    of the tokens of an answer, ``response_format`` with a JSON schema, ``metrics`` under the names of
    ``COMMON_METRICS``. A field of a request that it cannot honour is refused with 400.
    """

    adapters: bool = False
    adapter_strength: bool = False
    adapter_templates: bool = False
    hot_adapters: bool = False
    multi_node: bool = False
    batching: bool = False
    streaming: bool = True
    api_key: bool = False
    cpu: bool = False
    cpu_locally: bool = False
    gpu: bool = True
    scales_itself: bool = False
    quantizations: frozenset[str] = frozenset()
    completions: bool = False
    chat_endpoint: bool = False
    choices: bool = False
    logprobs: bool = False
    response_format: bool = False
    metrics: bool = False


@dataclass(frozen=True, slots=True)
class Engine:
    """One of the engines that a runtime may start. On GPUs below ``lowest_capability`` it does not run.

    ``reads_config``: the flags of the runtime's ``config_section`` reach it.
    """

    capabilities: Capabilities
    lowest_capability: tuple[int, int] | None = None
    reads_config: bool = True

    def is_too_old(self, capability: tuple[int, int] | None) -> bool:
        """Whether a GPU of that CUDA compute capability is below the lowest; None is not known, and is not."""
        return self.lowest_capability is not None and capability is not None and capability < self.lowest_capability


COMMON_METRICS = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
    "vllm:prompt_tokens",
    "vllm:generation_tokens",
    "vllm:request_success",
    "vllm:time_to_first_token_seconds",
    "vllm:inter_token_latency_seconds",
    "vllm:request_time_per_output_token_seconds",
    "vllm:e2e_request_latency_seconds",
)
"""Metrics that one dashboard reads of every runtime: vLLM's names (0.32, ``vllm/v1/metrics/loggers.py``), each with the
label ``model_name``, a served name. Counters are written with ``_total``; ``request_success`` has ``finished_reason``
too, ``kv_cache_usage_perc`` is 1 for a full cache. The workspace is a label of the pod, which Prometheus adds."""

ADAPTER_METRIC = "vllm:lora_requests_info"
"""The adapters that requests run with and wait for, where there are adapters: the labels ``running_lora_adapters`` and
``waiting_lora_adapters`` list their names with commas between."""

KaitoRule = Literal["listed-presets", "streamed-weights"]
"""Rules of KAITO that hold for some runtimes: ``listed-presets`` refuses a preset that does not list the runtime, even
if the user names it; ``streamed-weights`` needs the CSI driver of the cloud behind the gate ``ModelStreaming``."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names and the pod template of one Workspace on a cluster.

    ``pod`` is the pod template that the core would run on each of ``nodes`` machines, as settings and the provisioner
    want it: labels, images, volumes, place. A runtime that runs the Launch in objects of its own starts from it. A
    claim for weights is an ephemeral volume of that pod.
    """

    workspace: str
    namespace: str
    nodes: int = 1
    pod: Mapping[str, Any] = field(default_factory=dict)
