"""Text of users and of other programs is read by the room ``reading`` alone, within its bounds."""

from __future__ import annotations

import ast
from pathlib import Path

PARSERS = {"json.loads", "json.load", "yaml.load", "yaml.safe_load", "yaml.load_all", "yaml.safe_load_all"}
FILE_READERS = {"read_text", "read_bytes"}

OWN = "a file of the package itself"
CHILD = "the answer of a process of ours"
LINE = "a bounded line"
FIELD = "JSON inside a text that was read already, whose every error is a problem of its row or request"
CLUSTER = "an answer of the API server, which has bounds of its own"
WEIGHTS = "a process that the target bounds in memory and starts again, and whose input is as large as a data set"
ENGINE = "plugins/runtime_vllm/src/llmwright_runtime_vllm/engine_plugin"
STANDALONE = "in the engine's process, which has no package of ours; a body is bounded where it is read"
ELSEWHERE = {
    "core/src/llmwright/api/pod_schema.py": OWN,
    "core/src/llmwright/app/images/contents.py": "our own program, and its answer in an image that was just built",
    "core/src/llmwright/app/images/engines.py": CHILD,
    "core/src/llmwright/app/images/in_image.py": "the system's own files, in an image that was just built",
    "core/src/llmwright/app/images/push.py": "the papers that this program wrote beside an image",
    "core/src/llmwright/app/images/recipes.py": "a file of the repository itself",
    "core/src/llmwright/artifacts/referrers.py": "a file that `images build` wrote",
    "core/src/llmwright/app/benchmark/http_client.py": "the text of a refusal, whose first 64 KiB are read",
    "core/src/llmwright/app/model_answers.py": "the answer of the served model, as large as it is asked for",
    "core/src/llmwright/catalogue/lora_layers.py": OWN,
    "core/src/llmwright/catalogue/model_config.py": OWN,
    "core/src/llmwright/catalogue/model_types.py": OWN,
    "core/src/llmwright/catalogue/pack.py": "a file inside an archive of an installed package",
    "core/src/llmwright/cli/init.py": OWN,
    "core/src/llmwright/plugins/datapack.py": OWN,
    "core/src/llmwright/plugins/discovery.py": "metadata of installed packages",
    "core/src/llmwright/plugins/installing.py": "metadata of installed packages",
    "core/src/llmwright/cli/plugin_template.py": OWN,
    "core/src/llmwright/plugins/known.py": OWN,
    "core/src/llmwright/plugins/load_check.py": CHILD,
    "core/src/llmwright/plugins/progress_server.py": "the last lines of a file that this process writes",
    "core/src/llmwright/plugins/trainer.py": WEIGHTS,
    "core/src/llmwright/provisioners/machine.py": "the kernel's files",
    **dict.fromkeys(
        (f"{ENGINE}/{name}.py" for name in ("adapter_files", "adapters", "answer", "chat", "fields")), STANDALONE
    ),
    "plugins/runtime_vllm/src/llmwright_runtime_vllm/plugin_files.py": OWN,
    "core/src/llmwright/reading/json_names.py": "a request or a row of data, bounded where it is read",
    "core/src/llmwright/reading/json_reader.py": "the reader",
    "core/src/llmwright/reading/yaml_paths.py": "a quoted part of a path",
    "core/src/llmwright/targets/kubernetes/cluster/answers.py": CLUSTER,
    "core/src/llmwright/targets/kubernetes/cluster/api_errors.py": CLUSTER,
    "core/src/llmwright/targets/kubernetes/cluster/kubeconfig.py": CLUSTER,
    "core/src/llmwright/targets/local/process/leftovers.py": "the kernel's files",
    "core/src/llmwright/targets/local/process/out_of_memory.py": "the kernel's files",
    "core/src/llmwright/testing/cluster/control_plane.py": CLUSTER,
    "core/src/llmwright/testing/cluster/operator_process.py": CHILD,
    "core/src/llmwright/testing/cluster/programs.py": CHILD,
    "core/src/llmwright/testing/adapter_faults.py": CHILD,
    "core/src/llmwright/testing/drivers.py": CHILD,
    "core/src/llmwright/testing/endpoint_adapters.py": "an adapter that the test wrote",
    "core/src/llmwright/testing/http_answers.py": CHILD,
    "core/src/llmwright/testing/packs.py": "a file of the pack under test",
    "core/src/llmwright/testing/processes.py": CHILD,
    "core/src/llmwright/testing/simulation/api_server.py": "a request of our own client",
    "core/src/llmwright/testing/tuned_adapters.py": CHILD,
    "core/src/llmwright/testing/tuned_runs.py": CHILD,
    "plugins/provisioner_karpenter/src/llmwright_provisioner_karpenter/client.py": CLUSTER,
    "plugins/runtime_ray/src/llmwright_runtime_ray/packages.py": "metadata of our own packages",
    "plugins/runtime_hf/src/llmwright_runtime_hf/serve/http/page.py": OWN,
    "plugins/runtime_vllm/src/llmwright_runtime_vllm/engine_flags.py": OWN,
    "plugins/tuning_qlora/src/llmwright_tuning_qlora/train/model/metadata.py": "bytes of a config, for their digest",
}
"""The files that read by themselves, each with what it reads."""


def calls(file: Path) -> set[str]:
    """Return the readers and parsers that ``file`` calls by their own names."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, owner = node.func.attr, ast.unparse(node.func.value)
            names |= {name} & FILE_READERS
            names |= {f"{owner}.{name}"} & PARSERS
    return names


def test_nobody_else_reads_files_or_parses_text(root: Path, sources: list[Path]) -> None:
    reading = {str(file.relative_to(root)) for file in sources if calls(file)}
    assert reading == ELSEWHERE.keys()
