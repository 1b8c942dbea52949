"""Each field edited in each phase, with nothing that refuses: the real operator does what the docs' table says.

Nothing leaks, what is not carried out is named, and what runs stays as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from tests.simulation import kinds
from tests.simulation.schedule import Simulation, session
from tests.simulation.world import Pace
from tests.support.edit_table import EDITS, SERVE, TEMPLATE, TUNE, TUNE_FROM_IMAGE, TUNE_FROM_VOLUME, Row, merged, rows

from llmwright.api.document import Document, parse_workspace
from llmwright.api.status import PlanRecord, WorkspaceStatus
from llmwright.api.versions import API_VERSIONS, V1ALPHA1
from llmwright.api.workspace import DataDestination, DataSource, Inference, Resource, Tuning, Workspace
from llmwright.app.checker import Checker, CheckMode
from llmwright.check.check_input import BYPASS_ANNOTATION
from llmwright.check.identity import LOCAL_WEIGHTS, MODEL_STREAMING, NODE_CLASS, NODE_IMAGE_FAMILY, PERFORMANCE_MODE
from llmwright.lifecycle.tuning import SUSPEND
from llmwright.plan.digest import ROLLOUT, read_names
from llmwright.plugins.selection import RUNTIME_ANNOTATION
from llmwright.targets.kubernetes.manifests.object_metadata import INHERITED
from llmwright.targets.kubernetes.manifests.services import ENABLE_LOAD_BALANCER
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner

Object = dict[str, Any]

PACE = Pace(controller=(0.0, 0.0), machine=(30.0, 30.0), container=(1.0, 1.0), job=(60.0, 60.0), drain=(20.0, 20.0))
SETTLED_S = 900.0
CONFIG = {
    "inference_config.yaml": "vllm:\n  max-model-len: 2048\n",
    "training_config.yaml": "training_config:\n  QuantizationConfig: {load_in_4bit: true}\n  LoraConfig: {r: 4}\n",
}
BASES = {"serve": SERVE, "template": TEMPLATE, "url": TUNE, "image": TUNE_FROM_IMAGE, "volume": TUNE_FROM_VOLUME}


@dataclass(frozen=True)
class Phase:
    """A moment in the life of a Workspace: ``at`` seconds after it was applied."""

    name: str
    at: float
    tunes: bool
    fails: bool = False


BEFORE_PLAN = (Phase("before the plan", 0.0, tunes=False), Phase("before the plan", 0.0, tunes=True))
RUNNING = (
    Phase("waiting for nodes", 10.0, tunes=False),
    Phase("serving", 200.0, tunes=False),
    Phase("preflight", 20.0, tunes=True),
    Phase("waiting for nodes", 75.0, tunes=True),
    Phase("tuning", 120.0, tunes=True),
    Phase("tuned", 400.0, tunes=True),
    Phase("failed", 400.0, tunes=True, fails=True),
)


@dataclass(frozen=True)
class Seen:
    """All that is there of one Workspace, with its name left out."""

    workspace: Object
    server: Object | None
    job: Object | None
    service: Object | None
    claims: frozenset[str]
    pools: frozenset[str]

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition, empty where it is not set."""
        conditions = (self.workspace.get("status") or {}).get("conditions") or []
        return next(((each["status"], each["reason"]) for each in conditions if each["type"] == kind), ("", ""))

    @property
    def runs(self) -> Any:
        """Everything that an edit which is not carried out must leave alone."""
        plan = self.workspace["status"].get("plan")
        return _content(self.server), self.job and self.job["metadata"]["uid"], self.claims, self.pools, plan


def look(simulation: Simulation, name: str) -> Seen:
    find = simulation.storage.find
    bought = {
        kind: frozenset(
            each["metadata"]["name"]
            for each in simulation.storage.all(kind)
            if name in (each["metadata"].get("labels") or {}).values()
        )
        for kind in (kinds.NODE_CLAIMS, kinds.NODE_POOLS)
    }
    return Seen(
        find(kinds.WORKSPACES, ("default", name)) or {},
        find(kinds.STATEFULSETS, ("default", name)),
        find(kinds.JOBS, ("default", name)),
        find(kinds.SERVICES, ("default", name)),
        bought[kinds.NODE_CLAIMS],
        bought[kinds.NODE_POOLS],
    )


def _content(found: Object | None) -> str:
    """Return the spec of a workload, as every Workspace of the same content has it."""
    if found is None:
        return ""
    return json.dumps(found["spec"], sort_keys=True).replace(found["metadata"]["name"], "ws")


def named(base: Object, name: str) -> Object:
    own = {"metadata": {"name": name}, "resource": {"labelSelector": {"matchLabels": {"apps": name}}}}
    return dict(merged(base, own))


class Edited:
    """One cluster in which each row is a Workspace of its own, beside one of each kind that nobody edits."""

    def __init__(self, chosen: list[Row], phase: Phase, *, deletes: bool = False) -> None:
        self.simulation = Simulation(0, mode="nodeclaim", pace=PACE, preflight=True)
        self.names = {row.field: f"edited-{number}" for number, row in enumerate(chosen)}
        plain = {f"plain-{kind}": base for kind, base in BASES.items() if ("tuning" in base) == phase.tunes}
        bases = plain | {self.names[row.field]: EDITS[row.field][0] for row in chosen}
        if phase.fails:
            self.simulation.world.failing.update(bases)
        with self.simulation.going():
            self._prepare()
            for name, base in bases.items():
                self.simulation.storage.create(kinds.WORKSPACES, named(base, name), "user")
            if phase.at:
                self.simulation.timeline.run(phase.at)
            self.before = {row.field: look(self.simulation, self.names[row.field]) for row in chosen}
            if deletes:
                for name in bases:
                    self.simulation.delete(name)
                self.simulation.timeline.run(phase.at + 5.0)
                self.leaving = {row.field: look(self.simulation, self.names[row.field]) for row in chosen}
            for row in chosen:
                self._edit(row, bases[self.names[row.field]])
            self.simulation.timeline.run(phase.at + SETTLED_S)
        self.after = {row.field: look(self.simulation, self.names[row.field]) for row in chosen}
        self.plain = {kind: look(self.simulation, f"plain-{kind}") for kind in BASES}

    def _prepare(self) -> None:
        """A ConfigMap to name, and a machine without GPUs for preflight."""
        metadata = {"name": "mine", "namespace": "default"}
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": CONFIG}
        self.simulation.storage.create(kinds.CONFIG_MAPS, config, "user")
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cpu"}, "spec": {}}
        self.simulation.storage.create(kinds.NODES, node, "user")
        ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": ""}
        live = self.simulation.storage.get(kinds.NODES, ("", "cpu"))
        self.simulation.world.patch(kinds.NODES, live, {"status": {"conditions": [ready], "allocatable": {}}}, "status")

    def _edit(self, row: Row, base: Object) -> None:
        name = self.names[row.field]
        patch = EDITS[row.field][1]
        live = self.simulation.storage.find(kinds.WORKSPACES, ("default", name))
        if live is not None:
            self.simulation.storage.update(kinds.WORKSPACES, ("default", name), merged(live, patch), "user")

    def twin(self, row: Row) -> Seen:
        """The Workspace of the same kind that nobody edited."""
        return self.plain[next(kind for kind, base in BASES.items() if base is EDITS[row.field][0])]


def chosen(phase: Phase) -> list[Row]:
    return [row for row in rows() if ("tuning" in EDITS[row.field][0]) == phase.tunes]


def trouble(row: Row, phase: Phase, edited: Edited) -> str:
    """Return what is not as the table says, empty where all is."""
    before, after, twin = edited.before[row.field], edited.after[row.field], edited.twin(row)
    told = after.condition("ChangeNotApplied")
    if row.effect == "not applied":
        if told != ("True", "Immutable") or after.condition("Ready")[0] == "True":
            return f"it is not told: {told}, {after.condition('Ready')}"
        same = _content(after.server) == _content(twin.server) and _content(after.job) == _content(twin.job)
        kept = before.runs == after.runs if phase.name in ("serving", "tuned", "failed") else same
        return "" if kept and before.claims <= after.claims else "it is told, and something changed"
    if told != ("", ""):
        return f"it is told as not applied: {told}"
    if not phase.fails and after.condition("Ready")[0] != "True" and row.effect not in ("suspend", "onSuccess", "ttl"):
        return f"it is not ready: {after.condition('Ready')}"
    return _carried_out(row, phase, before, after, twin)


def _carried_out(row: Row, phase: Phase, before: Seen, after: Seen, twin: Seen) -> str:
    begun = phase.name not in ("before the plan", "preflight", "waiting for nodes")
    holds: Mapping[str, bool] = {
        "rolled": _content(after.server) != _content(twin.server),
        "scaled": len(after.claims) == 2 and after.server is not None and after.server["spec"]["replicas"] == 2,
        "tuned again": _content(after.job) != _content(twin.job) and not (begun and _same(before.job, after.job)),
        "nothing": _content(after.server) == _content(twin.server)
        and _content(after.job) == _content(twin.job)
        and (not begun or _same(before.server, after.server)),
        "Service": after.service is not None and after.service["spec"].get("type") == "LoadBalancer",
        "onSuccess": phase.fails or (not after.claims and after.condition("ResourceReady")[1] == "Released"),
        "ttl": phase.fails or (not after.claims and after.condition("ResourceReady")[1] == "Released"),
        "suspend": begun or after.condition("JobStarted")[1] == "Suspended",
        "rollout": "." in after.workspace["status"]["plan"]["inputs"],
    }
    return "" if holds[row.effect] else f"{row.effect} is not seen"


def _same(before: Object | None, after: Object | None) -> bool:
    return (before and before["metadata"]["uid"]) == (after and after["metadata"]["uid"])


@pytest.mark.parametrize("phase", RUNNING, ids=lambda phase: f"{phase.name}, {'tuning' if phase.tunes else 'serving'}")
def test_an_edit_does_what_the_table_says(phase: Phase) -> None:
    edited = Edited(chosen(phase), phase)
    troubles = {row.field: trouble(row, phase, edited) for row in chosen(phase)}
    assert {field: text for field, text in troubles.items() if text} == {}


@pytest.mark.parametrize("phase", BEFORE_PLAN, ids=["serving", "tuning"])
def test_before_a_plan_is_made_every_edit_counts(phase: Phase) -> None:
    edited = Edited(chosen(phase), phase)
    told = {field: seen.condition("ChangeNotApplied") for field, seen in edited.after.items()}
    assert {field: told for field, told in told.items() if told != ("", "")} == {}
    recorded = {
        field: seen.workspace["status"]["plan"]["fixed"]
        for field, seen in edited.after.items()
        if "plan" in seen.workspace["status"]
    }
    if not phase.tunes:
        assert edited.after["resource.provisioner"].claims == frozenset()
        assert edited.after["resource.provisionerConfig"].pools != frozenset()
        assert recorded["resource.instanceType"]["resource.instanceType"] == "Standard_NC48ads_A100_v4"
    assert set(recorded) >= {row.field for row in chosen(phase) if row.effect != "not applied"}


@pytest.mark.parametrize(("at", "tunes"), [(10.0, False), (200.0, False), (75.0, True), (200.0, True)])
def test_while_it_is_being_deleted_no_edit_counts_and_nothing_is_left(at: float, tunes: bool) -> None:
    phase = Phase("deleting", at, tunes=tunes)
    edited = Edited(chosen(phase), phase, deletes=True)
    assert [field for field, seen in edited.leaving.items() if not seen.workspace] == []
    left = {field: seen for field, seen in edited.after.items() if seen.workspace or seen.claims or seen.pools}
    assert left == {}


def test_nodes_of_a_plan_whose_record_was_lost_are_given_back_once_others_are_there() -> None:
    simulation = Simulation(0, mode="nodeclaim", pace=PACE)
    place = ("default", "lost")
    with simulation.going():
        simulation.storage.create(kinds.WORKSPACES, named(SERVE, "lost"), "user")
        simulation.timeline.run(200.0)
        before = look(simulation, "lost")
        # One that runs puts its record back.
        simulation.kill()
        edited = merged(before.workspace, EDITS["resource.provisionerConfig"][1])
        simulation.storage.update(kinds.WORKSPACES, place, edited, "user")
        wiped = merged(edited, {"metadata": {"resourceVersion": None}, "status": {"plan": None, "provisioner": None}})
        simulation.storage.update(kinds.WORKSPACES, place, wiped, "user", part="status")
        simulation.timeline.run(SETTLED_S)
        after = look(simulation, "lost")
    assert before.condition("Ready") == after.condition("Ready") == ("True", "Ready")
    assert len(before.claims) == len(after.claims) == len(after.pools) == 1
    assert not before.claims & after.claims


@pytest.mark.parametrize(
    ("mode", "resource", "edit", "path"),
    [
        ("nodepool", {}, {"provisionerConfig": {"mode": "nodeclaim"}}, "resource.provisionerConfig.mode"),
        ("nodepool", {}, {"provisioner": "byo"}, "resource.provisioner"),
        ("nodeclaim", {"provisioner": "byo"}, {"provisioner": "karpenter"}, "resource.provisioner"),
        ("nodeclaim", {"provisioner": "byo"}, {"provisioner": None}, ""),
    ],
)
def test_whoever_brings_the_nodes_goes_on_to(mode: str, resource: Object, edit: Object, path: str) -> None:
    simulation = Simulation(0, mode=mode, pace=PACE)
    place = ("default", "held")
    with simulation.going():
        own = merged(named(SERVE, "held"), {"resource": resource})
        simulation.storage.create(kinds.WORKSPACES, own, "user")
        if resource:
            _own_node(simulation, "held")
        simulation.timeline.run(200.0)
        before = look(simulation, "held")
        simulation.storage.update(kinds.WORKSPACES, place, merged(before.workspace, {"resource": edit}), "user")
        simulation.kill()
        simulation.timeline.run(SETTLED_S)
        after = look(simulation, "held")
    assert before.condition("Ready") == ("True", "Ready")
    assert before.runs == after.runs
    assert after.condition("ChangeNotApplied") == (("True", "Immutable") if path else ("", ""))
    assert after.condition("Ready") == (("False", "Immutable") if path else ("True", "Ready"))
    told = [each["message"] for each in after.workspace["status"]["conditions"] if each["type"] == "ChangeNotApplied"]
    assert all(path in message for message in told)


def _own_node(simulation: Simulation, workspace: str) -> None:
    """A machine with a GPU that the user brings."""
    labels = {"apps": workspace, "node.kubernetes.io/instance-type": SERVE["resource"]["instanceType"]}
    metadata = {"name": "own", "labels": {**labels, "kubernetes.io/os": "linux"}}
    simulation.storage.create(
        kinds.NODES, {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}}, "user"
    )
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": ""}
    gpus = {"nvidia.com/gpu": "1"}
    live = simulation.storage.get(kinds.NODES, ("", "own"))
    status = {"conditions": [ready], "allocatable": gpus, "capacity": gpus}
    simulation.world.patch(kinds.NODES, live, {"status": status}, "status")


PLANNED = WorkspaceStatus(plan=PlanRecord(inputs="", target="kubernetes", preset="", provisioner="karpenter"))


IN_VERSIONS = [
    pytest.param(row, version, id=f"{row.field} {version}")
    for row in rows()
    for version in API_VERSIONS
    if (row.field, version) != ("resource.partition", V1ALPHA1)
]
"""Each row in each version that has the field."""


@pytest.mark.parametrize(("row", "version"), IN_VERSIONS)
def test_the_webhook_answers_what_the_table_says(row: Row, version: str) -> None:
    base = {**EDITS[row.field][0], "apiVersion": version}
    old = parse_workspace(Document(base)).model_copy(update={"status": PLANNED})
    new = parse_workspace(Document(merged(base, EDITS[row.field][1])))
    checker = Checker(session("nodeclaim"), CheckMode.webhook())
    problems = checker.check(new, old=old)
    assert {problem.reason for problem in problems if problem.severity == "error"} <= {"Immutable"}
    severities = {problem.severity for problem in problems if problem.reason == "Immutable"}
    assert severities == {"": set(), "refused": {"error"}, "warned": {"warning"}}[row.webhook]


def _fields(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        path = f"{above}.{info.alias or name}".lstrip(".")
        inner = next((part for part in (info.annotation, *get_args(info.annotation)) if part in PARTS), None)
        yield from _fields(inner, path) if inner is not None else (path,)


PARTS = (Resource, Inference, Tuning, DataSource, DataDestination)


def test_every_field_and_every_name_that_is_read_has_its_row() -> None:
    assert [row.field for row in rows()] == list(EDITS)
    fields = {field for field in _fields(Workspace) if field.partition(".")[0] in ("resource", "inference", "tuning")}
    annotations = {RUNTIME_ANNOTATION, BYPASS_ANNOTATION, NODE_IMAGE_FAMILY, NODE_CLASS, PERFORMANCE_MODE}
    annotations |= {LOCAL_WEIGHTS, MODEL_STREAMING, ENABLE_LOAD_BALANCER, ROLLOUT, SUSPEND}
    read = read_names(session("nodeclaim").driver_set) | KarpenterProvisioner.fixed_annotations | annotations
    named = {f"annotation {name}" for name in read - {*INHERITED}} | {f"label {name}" for name in INHERITED}
    assert {*EDITS} == fields | named | {"any other label or annotation"}
