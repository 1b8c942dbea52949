"""Drivers without anything behind them, for tests of the core. They keep the contracts and can fail on demand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from llmwright.errors import TargetError
from llmwright.plugins.drivers import Capabilities, Provisioner, Runtime, Tuner
from llmwright.plugins.weights import weights_of
from llmwright.testing.world import Machine, World
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.launch import HttpGet, Launch, Mount, Probe, Process, Volume
from llmwright.values.nodes import (
    Failed,
    LivingWorkspace,
    Node,
    NodeRequest,
    Orphan,
    Outcome,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Waiting,
)
from llmwright.values.plan import Target
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

OURS = re.compile(r".+-\d+")
"""The names of the machines that ``FakeProvisioner`` makes."""

BOTH: frozenset[Target] = frozenset({"kubernetes", "local"})


@dataclass
class FakeCloud(World):
    """A cloud of at most ``capacity`` machines, each ready some ticks after it was asked for."""

    capacity: int = 4
    slowness: int = 2
    refusing: str = ""
    machines: dict[str, int] = field(default_factory=dict)

    def snapshot(self) -> Mapping[str, int]:
        """Each machine's name and the ticks until it is ready."""
        return dict(self.machines)

    def truth(self) -> Sequence[Machine]:
        """All machines; one that is ready runs."""
        return [Machine(name=name, running=left == 0) for name, left in self.machines.items()]

    def lose(self, name: str) -> bool:
        """The machine is gone."""
        return self.machines.pop(name, None) is not None

    def add_foreign(self) -> str:
        """A machine whose name is of no Workspace."""
        self.machines["of-somebody-else"] = 0
        return "of-somebody-else"

    def refuse(self, way: int) -> bool:
        """Refuse with one text."""
        self.refusing = "the cloud is refusing" if way == 1 else ""
        return way <= 1

    def tick(self) -> None:
        """Every machine is one tick nearer to being ready."""
        World.tick(self)
        self.machines = {name: max(0, left - 1) for name, left in self.machines.items()}


class FakeProvisioner(Provisioner):
    """Takes machines of a ``FakeCloud``, which is its Context's ``cluster``."""

    targets: ClassVar[frozenset[Target]] = BOTH

    def refresh(self, scope: str) -> Mapping[str, int]:
        """All machines of the cloud."""
        cloud: FakeCloud = self.context.cluster
        return cloud.snapshot()

    def observe(self, request: NodeRequest, snapshot: Mapping[str, int]) -> Mapping[str, int]:
        """The machines of this request."""
        prefix = _prefix(request)
        return {name: left for name, left in snapshot.items() if _is_of(name, prefix)}

    def decide(self, request: NodeRequest, observed: Mapping[str, int], now: datetime) -> ProvisionerDecision:
        """Machines have numbered names, so what is missing and what is too much can be read off."""
        names = self._names(request)
        body = {"type": request.instance_type_name} if request.instance_type_name else {}
        missing = [ProvisionerAction(verb="create", name=name, body=body) for name in names if name not in observed]
        surplus = [ProvisionerAction(verb="delete", name=name) for name in observed if name not in names]
        return ProvisionerDecision(outcome=self._outcome(names, observed), actions=(*missing, *surplus))

    def _names(self, request: NodeRequest) -> list[str]:
        """Return those that are occupied, and then the lowest numbers. Occupied nodes of others are not ours to buy."""
        prefix = _prefix(request)
        numbered = [f"{prefix}{number}" for number in range(request.count)]
        occupied = sorted(name for name in request.occupied if _is_of(name, prefix) and request.count)
        return [*dict.fromkeys((*occupied, *numbered))][: request.count]

    def _outcome(self, names: list[str], observed: Mapping[str, int]) -> Outcome:
        capacity = self.context.settings.get("capacity", 4)
        if len(names) > capacity:
            return Failed("capacity", f"{len(names)} machines asked for, {capacity} are to be had")
        if set(observed) == set(names) and not any(observed.values()):
            return Ready(tuple(Node(name=name) for name in names))
        return Waiting("MachinesComing", f"{len(names)} machines asked for, {len(observed)} there", again_in=30)

    def act(self, action: ProvisionerAction) -> None:
        """Creates or deletes one machine; either can be done again.

        Raises:
            TargetError: the cloud is refusing.
        """
        cloud: FakeCloud = self.context.cluster
        if cloud.refusing:
            raise TargetError(cloud.refusing)
        if action.verb == "create":
            cloud.machines.setdefault(action.name, cloud.slowness)
        else:
            cloud.machines.pop(action.name, None)

    def orphans(self, living: Sequence[LivingWorkspace], snapshot: Mapping[str, int]) -> Iterable[Orphan]:
        """The machines whose names are of no Workspace that is there, or of one whose nodes come from elsewhere."""
        held = [_prefix(tenant) for tenant in living if self._holds(tenant)]
        return [
            Orphan(name=name, actions=(ProvisionerAction(verb="delete", name=name),))
            for name in snapshot
            if OURS.fullmatch(name) and not any(_is_of(name, prefix) for prefix in held)
        ]

    def _holds(self, tenant: LivingWorkspace) -> bool:
        return tenant.provisioner in ("", self.context.name) or not self.context.name


def _prefix(tenant: NodeRequest | LivingWorkspace) -> str:
    """Return the beginning of a Workspace's machines; dashes are doubled, so that no two Workspaces have the same."""
    namespace, workspace = (part.replace("-", "--") for part in (tenant.namespace, tenant.workspace))
    return f"{namespace}-{workspace}-"


def _is_of(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name.removeprefix(prefix).isdecimal()


class FakeRuntime(Runtime):
    """Serves a directory listing under the preset's name, for tests that need a process and a port and no model."""

    targets: ClassVar[frozenset[Target]] = BOTH
    capabilities: ClassVar[Capabilities] = Capabilities(adapters=True, cpu=True)

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """One process with the standard library's file server; ``/health`` is a file made by ``prepare``."""
        named = {f"ADAPTER_{number}": f"{a.name}={a.path}" for number, a in enumerate(adapters)}
        weights = weights_of(preset)
        facts = {"MODEL": weights.model, "REVISION": weights.revision or "", "CONTEXT": str(fit.context)}
        facts |= {"TRUST_REMOTE_CODE": "1"} if weights.remote_code else {}
        site = Mount(volume="site", path="/site")
        serve = Process(
            name="serve",
            argv=(
                "$(python)",
                "-m",
                "http.server",
                "$(port.http)",
                "--bind",
                "$(host)",
                "--directory",
                "$(volume.site)",
            ),
            env={"SERVED_NAME": preset.name, **facts, **named},
            mounts=(site, *weights.mounts),
            ready=Probe(check=HttpGet("/health")),
            gpus=fit.gpus,
        )
        touch = "import pathlib, sys; pathlib.Path(sys.argv[1], 'health').touch()"
        prepare = Process(name="prepare", argv=("$(python)", "-c", touch, "$(volume.site)"), mounts=(site,))
        volumes = (Volume(name="site"), *weights.volumes)
        return Launch(main=serve, prepare=(*weights.prepare, prepare), volumes=volumes, ports={"http": 5000})


class FakeTuner(Tuner):
    """Writes the two files of an adapter, empty ones, into ``results``."""

    targets: ClassVar[frozenset[Target]] = BOTH

    def memory(self, preset: Preset, config: Any) -> tuple[MemoryTerm, ...]:
        """The weights and as much again."""
        return (MemoryTerm("weights", preset.weight_bytes), MemoryTerm("gradients", preset.weight_bytes))

    def launch(self, preset: Preset, fit: Fit, data: TuningData, config: Any) -> Launch:
        """One process that lists the data and touches the results."""
        code = (
            "import pathlib, sys; data, results = map(pathlib.Path, sys.argv[1:3]); "
            "print(*data.iterdir()); "
            "[(results / name).touch() for name in ('adapter_config.json', 'adapter_model.safetensors')]"
        )
        weights = weights_of(preset)
        mounts = (Mount(volume="data", path="/data", read_only=True), Mount(volume="results", path="/results"))
        config_mounts = (Mount(volume="config", path="/config", read_only=True),) if data.config_path else ()
        argv = ("$(python)", "-c", code, "$(volume.data)", "$(volume.results)", *weights.arguments)
        argv = (*argv, data.config_path) if data.config_path else argv
        main = Process(name="train", argv=argv, mounts=(*mounts, *config_mounts, *weights.mounts), gpus=fit.gpus)
        return Launch(main=main, prepare=weights.prepare, volumes=weights.volumes)


def failing(launch: Launch, code: int = 1) -> Launch:
    """``launch`` with a main process that ends with ``code`` at once."""
    argv = ("$(python)", "-c", f"raise SystemExit({code})")
    return replace(launch, main=replace(launch.main, argv=argv))
