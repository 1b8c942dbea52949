"""What is fuzzed: for each kind of input real documents, and the code that reads them to the end."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

import llmwright_presets
from llmwright import settings
from llmwright.api.document import load_documents, to_mapping
from llmwright.api.status import WorkspaceStatus
from llmwright.app.checker import CheckMode
from llmwright.app.cluster_objects import cluster_objects
from llmwright.app.documents import parse_text
from llmwright.app.planner import Planner
from llmwright.app.session import Session
from llmwright.artifacts.challenge import parse_challenges
from llmwright.artifacts.credentials import find_credential
from llmwright.artifacts.image_manifest import choose_manifest, read_image
from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.model_config import preset_of
from llmwright.catalogue.model_description import describe, describe_directory
from llmwright.cli.show.plan import show_plan
from llmwright.errors import LLMwrightError, TargetError
from llmwright.plan.make import make_plan
from llmwright.settings.model import Settings
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.supervisor_record import RoleRun, SupervisorRecord
from llmwright.targets.local.store.workspace_store import APPLIED, PLAN, RUNS, STATUS, WorkspaceStore
from llmwright.testing import make_context
from llmwright_runtime_vllm.engine_config_file import context_of
from llmwright_tuning_qlora.driver import QloraTuner

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
STATE = (APPLIED, PLAN, STATUS, RUNS)


class Targets:
    """All kinds; ``directory`` is theirs to write into, ``root`` the repository."""

    def __init__(self, directory: Path, root: Path) -> None:
        self._directory = directory
        self._config = json.loads((root / "presets/src/llmwright_presets/demo/config.json").read_text())

    @cached_property
    def kinds(self) -> dict[str, tuple[tuple[str, ...], Callable[[str], object]]]:
        """Corpus and code by the kind's name."""
        return {
            "workspace": ((SERVE, LOCAL, TUNE, TEMPLATE), self.workspace),
            "settings": ((SETTINGS,), self.settings),
            "preset": (self._packs, self.preset),
            "training config": ((TRAINING, "vllm: {max-model-len: 4096}"), self.training_config),
            "method config": ((OPTIONS,), self.method_config),
            "hub": ((json.dumps({"about": ABOUT, "config": self._config}),), self.hub),
            "model directory": (
                (json.dumps({"config": self._config, "header": HEADER, "index": WEIGHTS_INDEX}),),
                self.model_directory,
            ),
            "registry": (tuple(json.dumps(answer) for answer in (MANIFEST, INDEX, TOKEN)), self.registry),
            "docker": ((json.dumps(DOCKER),), self.docker),
            "state": (self._records, self.state),
        }

    @cached_property
    def _session(self) -> Session:
        return Session(given_settings=Settings())

    def workspace(self, text: str) -> None:
        """Check, plan and show on this machine; check, plan and render for a cluster, whatever this machine said."""
        loaded = parse_text(text)
        with suppress(LLMwrightError):
            plan = Planner(self._session, CheckMode.dry("local")).plan_loaded(loaded).plan
            show_plan(plan, Console(file=StringIO(), markup=False, highlight=False, emoji=False))
        cluster_objects(self._session, Planner(self._session, CheckMode.dry("kubernetes")), loaded)

    def settings(self, text: str) -> None:
        """Read the file, and the limits of a namespace."""
        path = self._written("llmwright.yaml", text)
        settings.load({}, {}, file=path).limits_of("n")

    @cached_property
    def _packs(self) -> tuple[str, ...]:
        folder = Path(llmwright_presets.__file__).parent
        family = yaml.safe_load((folder / "families/phi-4.yaml").read_text())
        family["models"] = family["models"][:2]
        types = yaml.safe_load((folder / "instance_types/azure.yaml").read_text())
        types["types"] = types["types"][:2]
        return yaml.safe_dump(family), yaml.safe_dump(types)

    def preset(self, text: str) -> None:
        """Read a directory of one file; what cannot be read is among the catalogue's problems."""
        catalogue = Catalogue(directories=[self._written("presets/own.yaml", text).parent])
        catalogue.presets(), catalogue.instance_types()
        for problem in catalogue.problems():
            assert problem.message

    def training_config(self, text: str) -> None:
        """Read it as the tuner and as the runtime do, and size a tuning with it."""
        with suppress(LLMwrightError):
            context_of(text)
        self._tune({}, {"training_config.yaml": text})

    def method_config(self, text: str) -> None:
        """Lay the options over the defaults."""
        documents = load_documents(text)
        options = documents[0].data if documents else None
        self._tune(options if isinstance(options, dict) else {}, {})

    def _tune(self, options: dict[str, Any], files: dict[str, str]) -> None:
        tuner = QloraTuner(make_context())
        chosen = tuner.configure({str(key): value for key, value in options.items()}, files)
        list(tuner.check(chosen))
        tuner.memory(self._session.catalogue.preset("phi-4-mini-instruct"), chosen)

    def hub(self, text: str) -> None:
        """Describe a model by the hub's two answers, and size it."""
        answers = _mapping(text)

        class Client:
            def get(self, url: str, token: str) -> tuple[int, bytes]:
                return 200, json.dumps(answers.get("about" if "/api/" in url else "config")).encode()

        preset = describe("org/model", environ={"HF_HOME": str(self._directory)}, client=Client())
        self._sized(preset)

    def model_directory(self, text: str) -> None:
        """Describe a directory of a model, and size it."""
        parts = _mapping(text)
        header = json.dumps(parts.get("header")).encode()
        self._written("model/config.json", json.dumps(parts.get("config")))
        self._written("model/model.safetensors.index.json", json.dumps(parts.get("index")))
        path = self._directory / "model/model.safetensors"
        path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(24))
        self._sized(preset_of("m", describe_directory(path.parent, source="file:///m")))

    def _sized(self, preset: Any) -> None:
        make_plan(
            parse_text(SERVE.replace("phi-4-mini-instruct", preset.name)).workspace,
            catalogue=self._session.catalogue.with_presets(preset),
            drivers=self._session.driver_set,
            settings=self._session.settings,
            target="kubernetes",
        )

    def registry(self, text: str) -> None:
        """Read it as manifest, as index and as a challenge."""
        parse_challenges([text[:2000]])
        with suppress(LLMwrightError):
            choose_manifest(text.encode(), "r.io/a:1")
        read_image(text.encode(), "application/vnd.oci.image.manifest.v1+json", "r.io/a:1")

    def docker(self, text: str) -> None:
        """Look up logins."""
        path = self._written("docker/config.json", text)
        for image in ("registry.example/a", "docker.io/a", "other.example/b"):
            find_credential(image, path)

    @cached_property
    def _records(self) -> tuple[str, ...]:
        return (json.dumps({name: json.loads((self._store.folder / name).read_text()) for name in STATE}),)

    @cached_property
    def _store(self) -> WorkspaceStore:
        store = WorkspaceStore(self._directory / "state", "default", "w")
        planned = Planner(self._session, CheckMode.apply()).plan_loaded(parse_text(LOCAL))
        now, serving = datetime.fromisoformat(CREATED), planned.plan.serving
        assert serving is not None
        run = RoleRun(role="serving", launch=serving, digest="d", inputs="i", phase="ready", since=now, due=now)
        store.create()
        store.write_applied(AppliedWorkspace(workspace=to_mapping(planned.workspace), generation=1, created_at=CREATED))
        store.write_plan(planned.plan)
        store.write_status(WorkspaceStatus.model_validate(STATUS_OF_IT))
        store.write_record(SupervisorRecord(boot="b", runs=(run,), ports={"serving.http": 5000}))
        return store

    def state(self, text: str) -> None:
        """Read each record of a Workspace, then the Workspace as ``get`` shows it."""
        records, refusals = _mapping(text), []
        for name in STATE:
            (self._store.folder / name).write_text(json.dumps(records.get(name)))
        readers = (self._store.read_plan, self._store.read_status, self._store.read_record, self._store.read_workspace)
        for reader in readers:
            try:
                reader()
            except TargetError as error:
                refusals.append(error)
        if refusals:
            raise refusals[0]

    def _written(self, name: str, text: str) -> Path:
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        return path


def _mapping(text: str) -> dict[str, Any]:
    """Return the parts of an input that is several texts; torn ones count as empty."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
