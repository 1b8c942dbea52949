"""Intended differences: each names one field, upstream's value and ours.

docs/kaito-differences.md gives the reason of each, under the rule's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance.manifest_fields import ABSENT, Field

from llmwright.targets.kubernetes.manifests.pod_security import HOME, USER_NAME, WRITABLE
from llmwright.targets.kubernetes.manifests.pods import UNDISTURBED
from llmwright.targets.kubernetes.manifests.render_input import USER
from llmwright.targets.kubernetes.manifests.scheduling import GPU
from llmwright.values.nodes import RESERVED_LABELS

Path = tuple[str, ...]
Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """``path`` names one field; ``*`` stands for one name that a user gives (of an adapter, a place it is mounted).

    ``upstream`` and ``ours`` are what either side has there: a value, ``ABSENT``, a pattern that the whole text
    matches, or a test. ``relation`` must hold between the two.
    """

    name: str
    path: Path
    upstream: Any
    ours: Any
    relation: Callable[[Any, Any], bool] | None = None

    def excuses(self, field: Field) -> bool:
        """Return whether the rule allows exactly this difference."""
        return (
            len(field.path) == len(self.path)
            and all(mine in ("*", theirs) for mine, theirs in zip(self.path, field.path, strict=True))
            and _is(field.upstream, self.upstream)
            and _is(field.ours, self.ours)
            and (self.relation is None or self.relation(field.upstream, field.ours))
        )


def _is(value: Any, wanted: Any) -> bool:
    if wanted is ABSENT or value is ABSENT:
        return wanted is value
    if isinstance(wanted, re.Pattern):
        return not isinstance(value, Mapping) and wanted.fullmatch(str(value)) is not None
    return bool(wanted(value) if callable(wanted) else value == wanted)


def _text(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


def _folded(upstream: Any, ours: Any) -> bool:
    return bool(upstream == str(ours).lower())


POD: Path = ("workload", "spec", "template", "spec")
OWN_NODES: Path = (
    *POD, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms", "0",
    "matchExpressions",
)  # fmt: skip
OWNER_LABELS = tuple(sorted(RESERVED_LABELS))
GPU_TAINT = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}
MAIN: Path = (*POD, "containers", "<main>")
OTHER: Path = (*POD, "containers", "*")
NAME = _text(r"[a-z0-9.-]+")
AMOUNT = _text(r"\d+(m|Mi)?")
NUMBER = _text(r"\d+")
COMMIT = _text(r"[0-9a-f]{40}")
DIGEST = _text(r"[0-9a-f]{64}")
IMAGE = _text(r"localhost/llmwright/[a-z]+:[\d.]+|vllm/vllm-openai:v[\d.]+")
HUB = _text(r"[\w.-]+/[\w.-]+")
SECRET = {"name": "llmwright-api-key", "key": "LLMWRIGHT_API_KEY", "optional": True}
HF = "python3 -m llmwright_runtime_hf.serve"
VLLM = "vllm serve"
FIRST = _text(r"curl -sf http://ws1-0\.ws1-headless\.ns1\.svc\.cluster\.local:5000/health")
TRAIN = "python3 -m llmwright_tuning_qlora.train"
ARTIFACTS = "python3 -m llmwright.artifacts"
SCRIPT = "<upstream shell script>"
BENCHMARK = "python3 /workspace/vllm/benchmark_entrypoint.py"


def _programs() -> tuple[Rule, ...]:
    """Image references and program paths."""
    ranked = "if [ ${{POD_INDEX}} = 0 ]{0}; then {1} ; else {2} ; fi"
    upstream_ranked = (
        'if [ "${POD_INDEX}" = "0" ]; then /workspace/vllm/multi-node-serving.sh leader ; '
        "python3 /workspace/vllm/inference_api.py ; else /workspace/vllm/multi-node-serving.sh worker ; fi"
    )
    own_ranked = ranked.format(" ", f"exec {VLLM}", f"exec {VLLM}")
    tuning = "cd /workspace/tfs/ && python3 metrics_server.py & accelerate launch /workspace/tfs/fine_tuning.py"
    main = (
        ("accelerate launch /workspace/tfs/inference_api.py", HF),
        ("python3 /workspace/vllm/inference_api.py", VLLM),
        (upstream_ranked, own_ranked),
        (tuning, TRAIN),
        (tuning, "python3 -m torch.distributed.run -m llmwright_tuning_qlora.train"),
    )
    return (
        Rule("programs", (*MAIN, "image"), _text(r"REGISTRY/kaito-base:[\d.]+"), IMAGE),
        *(Rule("programs", (*MAIN, "program"), upstream, ours) for upstream, ours in main),
        Rule("programs", (*OTHER, "image"), _text(r"mcr\.microsoft\.com/aks/skopeo:.*|curlimages/curl"), IMAGE),
        Rule("programs", (*OTHER, "program"), SCRIPT, f"{ARTIFACTS} pull"),
        Rule("programs", (*OTHER, "program"), f"sh -c {SCRIPT}", f"{ARTIFACTS} download"),
        Rule("programs", (*OTHER, "program"), SCRIPT, f"{ARTIFACTS} download"),
    )


def _last_words() -> tuple[Rule, ...]:
    policy = "terminationMessagePolicy"
    return tuple(Rule("last-words", (*path, policy), ABSENT, "FallbackToLogsOnError") for path in (MAIN, OTHER))


def _owned() -> tuple[Rule, ...]:
    """Labels and annotations that our objects are found and known again by."""
    label = "kaito.sh/workspace"
    about = ("workload", "metadata", "annotations")
    return (
        *(Rule("owner-label", (kind, "metadata", "labels", label), ABSENT, NAME)
          for kind in ("service", "headless_service", "workload")),
        Rule("known-again", (*about, "llmwright.io/launch"), ABSENT, DIGEST),
        Rule("known-again", (*about, "llmwright.io/inputs"), ABSENT, DIGEST),
    )  # fmt: skip


def _service() -> tuple[Rule, ...]:
    torch = {"name": "torch", "protocol": "TCP", "port": 29500, "targetPort": 29500}
    prefix = "service.beta.kubernetes.io"
    internal = (
        (f"{prefix}/azure-load-balancer-internal", "true"),
        (f"{prefix}/aws-load-balancer-internal", "true"),
        (f"{prefix}/aws-load-balancer-scheme", "internal"),
        ("networking.gke.io/load-balancer-type", "Internal"),
    )
    return (
        Rule("torch-port", ("service", "spec", "ports", "29500"), ABSENT, torch),
        *(Rule("ready-only", (kind, "spec", "publishNotReadyAddresses"), True, ABSENT)
          for kind in ("service", "headless_service")),
        Rule("every-replica", ("service", "spec", "selector", "statefulset.kubernetes.io/pod-name"),
             _text(r"[a-z0-9-]+-0"), ABSENT),
        *(Rule("internal-balancer", ("service", "metadata", "annotations", key), ABSENT, value)
          for key, value in internal),
    )  # fmt: skip


def _joined() -> tuple[Rule, ...]:
    """Several machines, which the engine joins itself: no ray, and probes that ask the first machine."""
    flags = (*MAIN, "flags")
    ray = {"ray_address": NAME, "ray_cluster_size": NUMBER, "ray_port": "6379"}
    own = {"nnodes": NUMBER, "node-rank": ["0", "$(POD_INDEX)"], "master-addr": NAME, "master-port": "29500"}
    health = "python3 /workspace/vllm/multi-node-health-check.py"
    asked = (("livenessProbe", "liveness", "ray-port"), ("readinessProbe", "readiness", "vllm-port"))
    return (
        Rule("joined-by-vllm", (*flags, "distributed-executor-backend"), "ray", "mp"),
        *(Rule("joined-by-vllm", (*flags, name), value, ABSENT) for name, value in ray.items()),
        *(Rule("joined-by-vllm", (*flags, name), ABSENT, value) for name, value in own.items()),
        Rule("joined-by-vllm", (*flags, "headless"), ABSENT, None),
        Rule("joined-by-vllm", (*MAIN, "env", "VLLM_HOST_IP"), ABSENT, _is_own_address),
        *(Rule("joined-by-vllm", (*MAIN, probe, "exec", "program"), f"{health} {verb}", FIRST)
          for probe, verb, _ in asked),
        *(Rule("joined-by-vllm", (*MAIN, probe, "exec", "flags", name), _text(r".+"), ABSENT)
          for probe, _, port in asked for name in ("leader-address", port)),
        Rule("joined-by-vllm", (*MAIN, "livenessProbe", "failureThreshold"), 1, 3),
    )  # fmt: skip


def _is_own_address(variable: Any) -> bool:
    return bool(variable == {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})


def _started() -> tuple[Rule, ...]:
    """The startup probe without a benchmark: what it would have asked had upstream's been turned off."""
    probe = (*MAIN, "startupProbe")
    ranked = _text(r"if \[ \$POD_INDEX = 0 \] ; then " + re.escape(BENCHMARK) + r" ; else true ; fi")
    return (
        Rule("no-benchmark", (*probe, "exec"), {"program": BENCHMARK}, ABSENT),
        Rule("no-benchmark", (*probe, "httpGet"), ABSENT, {"path": "/health", "port": 5000}),
        Rule("no-benchmark", (*probe, "httpGet"), ABSENT, {"path": "/health", "port": 5001}),
        Rule("no-benchmark", (*probe, "timeoutSeconds"), 600, 1),
        Rule("no-benchmark", (*probe, "exec", "program"), ranked, FIRST),
    )


def _environment() -> tuple[Rule, ...]:
    key = {"valueFrom": {"secretKeyRef": SECRET}}
    return (
        Rule("api-key", (*MAIN, "env", "LLMWRIGHT_API_KEY"), ABSENT, key),
        Rule("api-key", (*MAIN, "env", "VLLM_API_KEY"), ABSENT, key),
        Rule("hub-cache", (*MAIN, "env", "HF_HOME"), ABSENT, {"value": "/workspace/weights"}),
        Rule("own-secrets", (*OTHER, "env", "DOCKER_CONFIG"), ABSENT, lambda it: it["value"].startswith("/mnt/docker")),
        Rule("own-secrets", (*OTHER, "mounts", "*"), {"volume": {"projected": {}}}, ABSENT),
        Rule("progress-port", (*MAIN, "env", "LLMWRIGHT_PROGRESS_PORT"), ABSENT, {"value": "8009"}),
        Rule("read-only", (*MAIN, "mounts", "*", "readOnly"), ABSENT, True),
        Rule("read-only", (*OTHER, "mounts", "*", "readOnly"), ABSENT, True),
    )


def _careful_cluster() -> tuple[Rule, ...]:
    """What Pod Security ``restricted`` and quotas ask of a pod."""
    mine = {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER}
    bound = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    of_each: list[Rule] = []
    for path in (MAIN, OTHER):
        of_each += [
            Rule("restricted-pods", (*path, "securityContext"), ABSENT, bound),
            Rule("restricted-pods", (*path, "env", "HOME"), ABSENT, {"value": HOME}),
            Rule("restricted-pods", (*path, "env", "USER"), ABSENT, {"value": USER_NAME}),
            *(Rule("restricted-pods", (*path, "mounts", place), ABSENT, {"volume": {"emptyDir": {}}})
              for place in WRITABLE.values()),
            Rule("reserved", (*path, "resources"), ABSENT, _has_processors_and_memory),
            *(Rule("reserved", (*path, "resources", part, name), ABSENT, AMOUNT)
              for part in ("requests", "limits") for name in ("cpu", "memory")),
        ]  # fmt: skip
    more = {"fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"}}
    return (
        Rule("restricted-pods", (*POD, "securityContext"), ABSENT, {**mine, **more}),
        Rule("no-token", (*POD, "automountServiceAccountToken"), ABSENT, False),
        *of_each,
    )


def _has_processors_and_memory(resources: Any) -> bool:
    return all(part.keys() <= {"cpu", "memory"} for part in resources.values())


def _engine_plugin() -> tuple[Rule, ...]:
    """Our plug-in, which a shell of the engine's image lays into a volume, and the step that fetches weights."""
    place = "/opt/llmwright/engine-plugin"
    return (
        Rule("engine-plugin", (*MAIN, "env", "PYTHONPATH"), ABSENT, {"value": place}),
        Rule("engine-plugin", (*MAIN, "env", "VLLM_PLUGINS"), ABSENT, {"value": "llmwright"}),
        Rule("engine-plugin", (*MAIN, "mounts", place), ABSENT, {"volume": {"emptyDir": {}}, "readOnly": True}),
        Rule("engine-plugin", (*MAIN[:-1], "engine-plugin"), ABSENT, lambda it: IMAGE.fullmatch(it["image"])),
        Rule("told-weights", (*MAIN[:-1], "fetch-model"), ABSENT, lambda it: IMAGE.fullmatch(it["image"])),
    )


def _engine() -> tuple[Rule, ...]:
    flags = (*MAIN, "flags")
    return (
        Rule("pinned-weights", (*flags, "revision"), ABSENT, COMMIT),
        Rule("pinned-weights", (*flags, "code-revision"), ABSENT, COMMIT),
        Rule("hub-spelling", (*flags, "model"), HUB, HUB, _folded),
        Rule("hub-spelling", (*flags, "pretrained_model_name_or_path"), HUB, HUB, _folded),
        Rule("adapters-by-name", (*flags, "lora-modules"), ABSENT, _text(r".*=/mnt/adapter/.*")),
        Rule("older-gpus", (*flags, "dtype"), "bfloat16", "float16"),
        Rule("no-remote-code", (*flags, "trust-remote-code"), None, ABSENT),
        Rule("safetensors-only", (*flags, "load_format"), "auto", "safetensors"),
        Rule("drained", (*flags, "shutdown-timeout"), ABSENT, "15"),
        Rule("cache-on-gpu", (*flags, "kaito-kv-cache-cpu-memory-utilization"), "0", ABSENT),
        Rule("config-as-flags", (*flags, "kaito-config-file"), "/mnt/config/inference_config.yaml", ABSENT),
        Rule(
            "vllm-templates",
            (*flags, "chat-template"),
            _text(r"/workspace/chat_templates/.*\.jinja"),
            _text(r"/vllm-workspace/examples/.*\.jinja"),
            _same_template,
        ),
    )


def _same_template(upstream: str, ours: str) -> bool:
    """Whether the two files are one template: KAITO's have vLLM's names, spelled its way."""
    name = upstream.rpartition("/")[2].replace("tool-chat-", "tool_chat_template_").replace("-", "_")
    return name == ours.rpartition("/")[2]


def _plain() -> tuple[Rule, ...]:
    """The hf server: upstream's launcher and script against one program."""
    flags = (*MAIN, "flags")
    launcher = {"num_processes": "1", "num_machines": "1", "machine_rank": "0", "gpu_ids": "all"}
    own = {"host": "0.0.0.0", "port": "5000", "max-model-len": NUMBER, "exit-with-parent": None}
    return (
        *(Rule("one-process", (*flags, name), value, ABSENT) for name, value in launcher.items()),
        Rule("one-purpose", (*flags, "pipeline"), "text-generation", ABSENT),
        Rule("no-remote-code", (*flags, "trust_remote_code"), None, ABSENT),
        Rule("hub-by-environment", (*flags, "allow_remote_files"), None, ABSENT),
        Rule("dtype-by-machine", (*flags, "torch_dtype"), "auto", _text("bfloat16|float16")),
        Rule("older-gpus", (*flags, "torch_dtype"), "bfloat16", "float16"),
        Rule("own-template", (*flags, "chat_template"), _text(r"/workspace/chat_templates/.*\.jinja"), ABSENT),
        *(Rule("own-arguments", (*flags, name), ABSENT, value) for name, value in own.items()),
    )


def _tuning() -> tuple[Rule, ...]:
    flags = (*MAIN, "flags")
    anything = _text(r".+")
    own = {
        "method": _text("lora|qlora"), "model": HUB, "base-name": HUB, "preset-name": NAME, "data": "/mnt/data",
        "target-modules": _text(r"[a-z0-9_,]+"), "context": NUMBER, "output": _text("/mnt/.+"),
        "progress": _text("/mnt/.+"), "config": "/mnt/config/training_config.yaml", "options": anything,
        "standalone": None,
    }  # fmt: skip
    defaults = [{"volume": {"configMap": {"name": f"{method}-params-template"}}} for method in ("lora", "qlora")]
    template = ("workload", "spec", "template", "metadata")
    default_container = (*template, "annotations", "kubectl.kubernetes.io/default-container")
    return (
        *(Rule("own-arguments", (*flags, name), ABSENT, value) for name, value in own.items()),
        Rule("weights-from-the-hub", (*POD, "containers", "model-weights-downloader"), _downloads_weights, ABSENT),
        *(Rule("own-defaults", (*MAIN, "mounts", "/mnt/config"), config, ABSENT) for config in defaults),
        Rule("own-defaults", ("configmaps_in_namespace_after",), anything, ABSENT),
        Rule("no-second-server", (*MAIN, "ports", "5000"), {"containerPort": 5000, "protocol": "TCP"}, ABSENT),
        Rule("delivered-last", (*MAIN, "place"), "containers", "initContainers"),
        Rule("delivered-last", (*POD, "shareProcessNamespace"), True, ABSENT),
        Rule("delivered-last", default_container, ABSENT, NAME),
        *(Rule("undisturbed-tuning", (*template, "annotations", key), ABSENT, value)
          for key, value in UNDISTURBED.items()),
        *(Rule("tuning-on-own-nodes", (*OWN_NODES, label), ABSENT, _has_one_value) for label in OWNER_LABELS),
        Rule("tuning-tolerates", (*POD, "tolerations", GPU), ABSENT, GPU_TAINT),
    )  # fmt: skip


def _has_one_value(expression: Any) -> bool:
    return bool(expression["operator"] == "In" and len(expression["values"]) == 1)


def _downloads_weights(container: Any) -> bool:
    return re.fullmatch(r"oras pull REGISTRY/\S+ -o /workspace/weights", container["program"]) is not None


def _nodes() -> tuple[Rule, ...]:
    about, spec = ("nodeclaim", "metadata"), ("nodeclaim", "spec")
    on_demand = {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]}
    return (
        Rule("node-names", (*about, "name"), _text(r"ws<9 hex .*>"), _text(r"ws[0-9a-f]{9}")),
        Rule("no-node-class", ("nodeclaim",), _has_no_class, ABSENT),
        Rule("node-scope", (*about, "namespace"), NAME, ABSENT),
        Rule("node-disk", (*spec, "resources", "requests", "storage"), "300Gi", _text(r"\d+Gi")),
        Rule("on-demand", (*spec, "requirements", "karpenter.sh/capacity-type"), ABSENT, on_demand),
    )


def _has_no_class(claim: Any) -> bool:
    return not claim["spec"].get("nodeClassRef", {}).get("kind")


RULES: tuple[Rule, ...] = (
    *_programs(),
    *_last_words(),
    *_owned(),
    *_service(),
    *_joined(),
    *_started(),
    *_environment(),
    *_careful_cluster(),
    *_engine_plugin(),
    *_engine(),
    *_plain(),
    *_tuning(),
    *_nodes(),
)


def rule_for(field: Field) -> Rule | None:
    """The rule that means this very difference."""
    return next((rule for rule in RULES if rule.excuses(field)), None)
