"""Real documents, from which mutants are made."""

from __future__ import annotations

import json
from typing import Any

SERVE = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: w, namespace: n, labels: {a: b}, annotations: {kaito.sh/enablelb: "true", kaito.sh/runtime: vllm}}
resource: {count: 1, instanceType: Standard_NC24ads_A100_v4, labelSelector: {matchLabels: {apps: a}}}
inference:
  preset: {name: phi-4-mini-instruct, presetOptions: {image: "r.io/a:1", imagePullSecrets: [s], modelAccessSecret: t}}
  adapters: [{source: {name: one, image: "r.io/b:1"}}]
  runtime: vllm
  runtimeConfig: {maxModelLen: 4096}
"""
LOCAL = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: w}
resource: {provisioner: local, provisionerConfig: {}, labelSelector: {}}
inference: {preset: {name: demo}, runtime: hf, runtimeConfig: {chatTemplate: "{{1}}", dtype: float32}}
"""
TUNE = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: w}
resource: {instanceType: Standard_NC24ads_A100_v4, labelSelector: {matchLabels: {apps: a}}, replicas: 2}
tuning:
  preset: {name: phi-4-mini-instruct}
  method: qlora
  input: {urls: ["https://example.com/d.parquet", data.jsonl], name: d}
  output: {image: "r.io/out:1", imagePushSecret: s}
  methodConfig: {max_steps: 20, lora: {r: 16, target_modules: [q_proj]}, training: {learning_rate: 0.001}}
"""
TEMPLATE = """
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata: {name: w}
resource: {instanceType: Standard_NC6s_v3, labelSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}
inference:
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: c, image: "nginx:1"}], tolerations: [{key: a, operator: Exists}], volumes: []}
"""
SETTINGS = """
provisioner: karpenter
instanceType: auto
limits: {instanceTypes: [a], nodes: 3, usdPerHour: 2.5}
namespaceLimits: {n: {nodes: 1}}
sources: {allow: [10.0.0.0/8, files.example]}
endpoints: {host: 127.0.0.1, ports: {http: 5000}, firstPort: 5000, lastPort: 6000}
webhook: {service: a/b, timeout: 5}
plugins: {provisioner: {karpenter: {}}}
pods: {spec: {priorityClassName: x}}
presetDirectories: [presets]
stateDirectory: state
featureGates: {vLLM: true}
"""
TRAINING = """
training_config:
  ModelConfig: {torch_dtype: bfloat16, local_files_only: true, chat_template: "{{1}}"}
  QuantizationConfig: {load_in_4bit: true, bnb_4bit_quant_type: nf4, bnb_4bit_compute_dtype: bfloat16}
  LoraConfig: {r: 8, lora_alpha: 8, lora_dropout: 0.0, target_modules: [q_proj, v_proj], rank_pattern: {a: 1}}
  TrainingArguments: {output_dir: /mnt/results, max_steps: 3, per_device_train_batch_size: 1, save_strategy: steps}
  DatasetConfig: {shuffle_dataset: true, train_test_split: 0.9}
  DataCollator: {mlm: true}
"""
OPTIONS = "{max_steps: 3, lora: {r: 8}, training: {learning_rate: 0.1}, model: {}}"
TOKEN = {"token": "a", "expires_in": 3}
MANIFEST = {
    "schemaVersion": 2,
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "a" * 64, "size": 7},
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + "b" * 64, "size": 9}],
}
INDEX = {
    "manifests": [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": "sha256:" + "c" * 64,
            "size": 3,
            "platform": {"os": "linux", "architecture": "amd64"},
        }
    ]
}
DOCKER = {
    "auths": {"registry.example": {"auth": "dTpw"}, "https://index.docker.io/v1/": {"identitytoken": "x"}},
    "credHelpers": {"other.example": ""},
}
ABOUT = {
    "sha": "0" * 40,
    "gated": "auto",
    "cardData": {"license": "mit"},
    "safetensors": {"total": 10**9},
    "siblings": [{"rfilename": "model.safetensors", "size": 2 * 10**9}, {"rfilename": "config.json", "size": 900}],
}
HEADER = {"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
WEIGHTS_INDEX = {"metadata": {"total_size": 24}, "weight_map": {"w": "model.safetensors"}}
CREATED = "2026-01-01T00:00:00+00:00"
STATUS_OF_IT = {
    "conditions": [{"type": "InferenceReady", "status": "True", "reason": "Ready", "lastTransitionTime": CREATED}],
    "workerNodes": ["a"],
    "endpoint": "http://127.0.0.1:5000",
}
ROWS = (
    json.dumps(
        [
            {"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "a"}]},
            {
                "messages": [
                    {"role": "system", "content": [{"type": "text", "text": "a"}]},
                    {"role": "user", "content": "hello a"},
                    {"role": "assistant", "content": "hello", "weight": 1},
                    {"role": "user", "content": "b"},
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
                    },
                ],
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
            },
        ]
    ),
    json.dumps([{"prompt": "hello", "completion": " a"}, {"prompt": "b", "completion": "hello"}]),
    json.dumps([{"prompt": [{"role": "user", "content": "b"}], "completion": [{"role": "assistant", "content": "a"}]}]),
    json.dumps([{"text": "hello a b"}, {"text": "a"}]),
)


def mapping(text: str) -> dict[str, Any]:
    """Return the parts of an input that is several texts; torn ones count as empty."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


ADAPTER_CONFIG = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
IMAGE = {
    "index": {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": "$manifest",
                "size": "$manifest-size",
                "platform": {"os": "linux", "architecture": "amd64"},
                "annotations": {"org.opencontainers.image.ref.name": "latest"},
            }
        ],
    },
    "manifest": {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": "$config",
            "size": "$config-size",
        },
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": "$layer",
                "size": "$layer-size",
            }
        ],
        "annotations": {"sh.kaito.model.name": "demo"},
    },
    "config": {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "d" * 64]}},
    "layout": {"imageLayoutVersion": "1.0.0"},
    "media_type": "",
}
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u, namespace: n}}]
clusters: [{name: k, cluster: {server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: t}}]
preferences: {}
"""
CERTIFIED = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: eA==, tls-server-name: x}}]
users: [{name: u, user: {client-certificate-data: eA==, client-key-data: eA==, username: a, password: b}}]
"""
ENVIRONMENT = {
    "LLMWRIGHT_PROVISIONER": "karpenter",
    "LLMWRIGHT_LIMITS_NODES": "3",
    "LLMWRIGHT_LIMITS": "{instanceTypes: [a], usdPerHour: 2.5}",
    "LLMWRIGHT_SOURCES_ALLOW": "10.0.0.0/8, files.example",
    "LLMWRIGHT_ENDPOINTS_PORTS": "{http: 5000}",
    "LLMWRIGHT_ENDPOINTS_HOST": "127.0.0.1",
    "LLMWRIGHT_PLUGINS": "{provisioner: {karpenter: {}}}",
    "LLMWRIGHT_PODS": "{spec: {priorityClassName: x}}",
    "LLMWRIGHT_FEATURE_GATES": "{vLLM: true}",
    "LLMWRIGHT_LEADER_ELECT": "true",
    "LLMWRIGHT_WEBHOOK_TIMEOUT": "5",
    "LLMWRIGHT_STATE_DIRECTORY": "state",
    "LLMWRIGHT_IMAGES": "{workload: 'r.io/a:1'}",
}
REQUESTS = (
    {
        "model": "b",
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "user", "content": [{"type": "text", "text": "hello"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "user", "content": "hello a"},
        ],
        "max_tokens": 2,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["a", "b"],
        "seed": 1,
        "logit_bias": {"2": 1},
        "stream": False,
        "chat_template_kwargs": {"x": 1},
    },
    {
        "prompt": "hello a",
        "max_tokens": 2,
        "min_tokens": 1,
        "repetition_penalty": 1.1,
        "top_k": 3,
        "min_p": 0.1,
        "frequency_penalty": 0.5,
        "stop_token_ids": [1],
        "allowed_token_ids": [2, 3],
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    {"prompt": [[2, 3]], "max_tokens": 2, "ignore_eos": True, "skip_special_tokens": False},
    {"prompt": "a", "generate_kwargs": {"max_new_tokens": 2, "do_sample": True, "typical_p": 0.5, "eos_token_id": [1]}},
)
