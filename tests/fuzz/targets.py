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
from tests.fuzz.corpus import (
    ABOUT,
    CERTIFIED,
    CREATED,
    DOCKER,
    ENVIRONMENT,
    HEADER,
    INDEX,
    KUBECONFIG,
    LOCAL,
    MANIFEST,
    OPTIONS,
    SERVE,
    SETTINGS,
    STATUS_OF_IT,
    TEMPLATE,
    TOKEN,
    TRAINING,
    TUNE,
    WEIGHTS_INDEX,
    mapping,
)
from tests.fuzz.image_targets import ImageTargets
from tests.fuzz.judge import Kind

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
from llmwright.targets.kubernetes.cluster.kubeconfig import connect, own_namespace
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.supervisor_record import RoleRun, SupervisorRecord
from llmwright.targets.local.store.workspace_store import APPLIED, PLAN, RUNS, STATUS, WorkspaceStore
from llmwright.testing import make_context
from llmwright_runtime_vllm.engine_config_file import user_flags
from llmwright_runtime_vllm.engine_flags import NEWEST, flags_of
from llmwright_tuning_qlora.driver import QloraTuner

MODEL_KINDS = ("request", "tokenizer", "generation config", "weights", "adapter", "data set", "data set files")
STATE = (APPLIED, PLAN, STATUS, RUNS)


class Targets:
    """All kinds; ``directory`` is theirs to write into, ``root`` the repository."""

    def __init__(self, directory: Path, root: Path) -> None:
        self._directory = directory
        self._config = json.loads((root / "presets/src/llmwright_presets/demo/config.json").read_text())

    def kind(self, name: str) -> Kind:
        """Return corpus and code of a kind by its name."""
        if name in MODEL_KINDS:
            # Imported late: the other kinds need no torch.
            from tests.fuzz.model_targets import ModelTargets
            from tests.fuzz.request_target import RequestTarget

            if name == "request":
                return RequestTarget(self._directory).kind()
            return ModelTargets(self._directory).kind(name)
        texts: dict[str, Callable[[], Kind]] = {
            "workspace": lambda: ((SERVE, LOCAL, TUNE, TEMPLATE), self.workspace),
            "settings": lambda: ((SETTINGS,), self.settings),
            "preset": lambda: (self._packs, self.preset),
            "training config": lambda: ((TRAINING, "vllm: {max-model-len: 4096}"), self.training_config),
            "method config": lambda: ((OPTIONS,), self.method_config),
            "hub": lambda: ((json.dumps({"about": ABOUT, "config": self._config}),), self.hub),
            "model directory": lambda: (
                (json.dumps({"config": self._config, "header": HEADER, "index": WEIGHTS_INDEX}),),
                self.model_directory,
            ),
            "registry": lambda: (tuple(json.dumps(answer) for answer in (MANIFEST, INDEX, TOKEN)), self.registry),
            "image": lambda: ImageTargets(self._directory).kind(),
            "kubeconfig": lambda: ((KUBECONFIG, CERTIFIED), self.kubeconfig),
            "environment": lambda: ((json.dumps(ENVIRONMENT),), self.environment),
            "docker": lambda: ((json.dumps(DOCKER),), self.docker),
            "state": lambda: (self._records, self.state),
        }
        return texts[name]()

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
            user_flags(text, flags_of(NEWEST))
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
        answers = mapping(text)

        class Client:
            def get(self, url: str, token: str) -> tuple[int, bytes]:
                return 200, json.dumps(answers.get("about" if "/api/" in url else "config")).encode()

        preset = describe("org/model", environ={"HF_HOME": str(self._directory)}, client=Client())
        self._sized(preset)

    def model_directory(self, text: str) -> None:
        """Describe a directory of a model, and size it."""
        parts = mapping(text)
        header = json.dumps(parts.get("header")).encode()
        self._written("model/config.json", json.dumps(parts.get("config")))
        self._written("model/model.safetensors.index.json", json.dumps(parts.get("index")))
        path = self._directory / "model/model.safetensors"
        path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(24))
        self._sized(preset_of("m", describe_directory(path.parent, source="file:///m")))

    def _sized(self, preset: Any) -> None:
        make_plan(
            parse_text(SERVE.replace("phi-4-mini-instruct", preset.name).replace("4096", "64")).workspace,
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

    def kubeconfig(self, text: str) -> None:
        """Connect by it, and read its namespace. No request is sent."""
        path = self._written("kubeconfig", text)
        own_namespace(path)
        connect(path)

    def environment(self, text: str) -> None:
        """Read settings from variables, as a chart or a container's manifest gives them."""
        variables = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in mapping(text).items()
        }
        settings.load({}, variables, self._directory).limits_of("n")

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
        records, refusals = mapping(text), []
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
