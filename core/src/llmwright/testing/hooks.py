"""Laws of hooks: rules, a last look at objects, observers."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import PluginError
from llmwright.plugins.discovery import canonical
from llmwright.plugins.hooks import Hooks
from llmwright.plugins.registry import Registry
from llmwright.testing.contract import Contract
from llmwright.testing.hash_seeds import differing_hooks
from llmwright.testing.hook_values import metadata_faults, problem_faults
from llmwright.testing.launches import as_json
from llmwright.testing.presets import make_fit, make_plan, make_preset
from llmwright.testing.purity import Impure, pure
from llmwright.values.plan import Choice, Cost, Plan
from llmwright.values.preset import Preset

STATES = ("Pending", "Running", "Ready", "Failed", "Succeeded")
NAMESPACE = "team"


def make_workspace(**parts: Any) -> Workspace:
    """Return a Workspace that serves the preset ``tiny``; ``parts`` take the place of its own."""
    body: dict[str, Any] = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "demo", "namespace": NAMESPACE},
        "resource": {"instanceType": "acme-a100", "labelSelector": {"matchLabels": {"apps": "demo"}}},
        "inference": {"preset": {"name": "tiny"}},
    }
    return Workspace.model_validate({name: part for name, part in {**body, **parts}.items() if part is not None})


def make_objects(namespace: str = NAMESPACE) -> tuple[Mapping[str, Any], ...]:
    """Return objects as the core makes them for a server in ``namespace``: a StatefulSet and its Service."""
    owner = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "name": "demo", "uid": "1"}
    about: dict[str, Any] = {"name": "demo", "namespace": namespace, "labels": {"kaito.sh/workspace": "demo"}}
    about |= {"annotations": {"llmwright.io/inputs": "0a1b"}, "ownerReferences": [owner]}
    pod = {"metadata": {"labels": about["labels"]}, "spec": {"containers": [{"name": "demo", "image": "acme/demo:1"}]}}
    selector = {"matchLabels": about["labels"]}
    spec = {"replicas": 1, "serviceName": "demo", "selector": selector, "template": pod}
    service = {"selector": about["labels"], "ports": [{"name": "http", "port": 80}]}
    return (
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": about, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": deepcopy(about), "spec": service},
    )


class HooksContract(Contract):
    """Laws of the hooks of one distribution. The subclass gives the fixture ``plugin``: its name."""

    @pytest.fixture
    def plugin(self) -> str:
        """The distribution under test; every subclass gives its own."""
        raise pytest.UsageError(f"{type(self).__name__} gives no fixture 'plugin'")

    @pytest.fixture
    def hooks(self, plugin: str) -> Hooks:
        """The hooks of this distribution alone."""
        lines: list[str] = []
        hooks = Registry(log=lines.append, allowed=(canonical(plugin),)).hooks()
        assert not lines, "\n".join(lines)
        return hooks

    @pytest.fixture
    def workspaces(self) -> dict[str, Workspace]:
        """Workspaces of every kind, by what is special about them."""
        tuning = {"preset": {"name": "tiny"}, "input": {"urls": ["https://data.example/train.jsonl"]}}
        annotated = {"name": "demo", "namespace": NAMESPACE, "annotations": {"acme.example/team": "4711"}}
        template = {"template": {"spec": {"containers": [{"name": "own", "image": "acme/own:1"}]}}}
        return {
            "one that serves": make_workspace(),
            "one that tunes": make_workspace(inference=None, tuning=tuning),
            "one with annotations": make_workspace(metadata=annotated),
            "one with a pod template": make_workspace(inference=template),
            "one without an instance type": make_workspace(resource={"labelSelector": {"matchLabels": {"a": "b"}}}),
            "one without a namespace": make_workspace(metadata={"name": "demo"}),
        }

    @pytest.fixture
    def presets(self) -> dict[str, Preset | None]:
        """Presets of every kind, by what is special about them; None for a model that nobody knows."""
        return {
            "no preset": None,
            "a preset": make_preset(),
            "a preset without a licence": make_preset(license=""),
            "a preset without an architecture": replace(make_preset(license="acme-eula"), architecture=None),
        }

    @pytest.fixture
    def plans(self) -> dict[str, Plan | None]:
        """Plans of every kind, by what is special about them; None before there is one."""
        tuner = Choice(name="acme", why="the Workspace names it")
        return {
            "no plan": None,
            "a plan": make_plan(),
            "a plan without a cost": make_plan(cost=None),
            "a plan of an unknown price": make_plan(cost=Cost(usd_per_hour=None)),
            "a plan for one machine": make_plan(target="local", instance_type=None, cost=None, fits=()),
            "a plan that tunes": make_plan(runtime=None, tuner=tuner, fits=(("tuning", make_fit()),)),
        }

    def test_it_answers_a_hook(self, hooks: Hooks) -> None:
        """It is installed, loads, and answers at least one hook by its right name and parameters."""
        assert not hooks.broken, "\n".join(str(error) for error in hooks.broken)
        assert hooks.plugins, "no entry point of llmwright.hooks.v1 is of this distribution"
        assert any(each.answers for each in hooks.plugins), "it answers no hook: mark functions with hookimpl"

    def test_rules_judge_every_workspace(
        self,
        hooks: Hooks,
        workspaces: dict[str, Workspace],
        presets: dict[str, Preset | None],
        plans: dict[str, Plan | None],
    ) -> None:
        """``check_workspace`` yields Problems for any Workspace, preset and plan, and without them; it never raises."""
        for names in product(workspaces, presets, plans):
            about = ", ".join(names)
            problems = _judged(hooks, workspaces[names[0]], presets[names[1]], about, plans[names[2]])
            again = [str(problem) for number, problem in enumerate(problems) if problem in problems[:number]]
            assert not again, f"check_workspace of {about}: one Problem twice: {again[0]}"
            for problem in problems:
                faults = [*problem_faults(problem, workspaces[names[0]])]
                assert not faults, f"check_workspace of {about}: {faults[0]}"

    def test_rules_are_pure(
        self, hooks: Hooks, workspaces: dict[str, Workspace], presets: dict[str, Preset | None]
    ) -> None:
        """A rule reads its arguments alone, changes none, and says the same of the same Workspace every time."""
        cases = [(about, each, preset) for about, each in workspaces.items() for preset in presets.values()]
        first = []
        for about, workspace, preset in cases:
            before = workspace.model_copy(deep=True)
            with pure("check_workspace"):
                first.append(_judged(hooks, workspace, preset, about))
            assert workspace == before, f"check_workspace changed the Workspace: {about}"
        for (about, workspace, preset), problems in reversed([*zip(cases, first, strict=True)]):
            again = _judged(hooks, workspace, preset, about)
            assert again == problems, f"check_workspace said otherwise the second time: {about}"

    def test_hooks_answer_alike_in_every_process(
        self, plugin: str, hooks: Hooks, workspaces: dict[str, Workspace], presets: dict[str, Preset | None]
    ) -> None:
        """Another process says and makes the same: a message in another order is another message, written again."""
        cases = {
            f"{about}, {what}": (workspace, preset, make_objects(workspace.namespace))
            for about, workspace in workspaces.items()
            for what, preset in presets.items()
        }
        differ = differing_hooks(canonical(plugin), cases)
        assert not differ, (
            f"another process gave another answer for {differ[0]}: sort what comes out of a set or a hash"
        )

    def test_a_last_look_keeps_the_workload(
        self, hooks: Hooks, workspaces: dict[str, Workspace], plans: dict[str, Plan | None]
    ) -> None:
        """``manifests`` keeps every object's kind, name and what selects its pods; what it adds is a whole object."""
        for names in product(workspaces, plans):
            space = workspaces[names[0]].namespace
            about, before = ", ".join(names), make_objects(space)
            handed = deepcopy(before)
            after = _revised(hooks, workspaces[names[0]], handed, about, plans[names[1]])
            assert handed == before, f"manifests changed the objects that it was handed; make new ones: {about}"
            kept = {(each["kind"], each["metadata"]["name"]): each for each in after}
            for each in before:
                key = (each["kind"], each["metadata"]["name"])
                assert key in kept, f"manifests takes away {key[0]} {key[1]}: {about}"
                assert _selection(kept[key]) == _selection(each), f"manifests changes what {key[0]} {key[1]} selects"
            made = {(each["kind"], each["metadata"]["name"]): each for each in before}
            for each in after:
                assert as_json(each)
                faults = [*metadata_faults(made.get((each["kind"], each["metadata"]["name"])), each)]
                assert not faults, f"manifests makes of {faults[0]}"
                assert each.get("apiVersion"), f"manifests makes a {each.get('kind')} without apiVersion"
                place = each["metadata"].get("namespace", space)
                assert place == space, f"manifests puts {each['kind']} into another namespace, {place}, not {space}"
            assert len(kept) == len(after), f"manifests makes two objects of one kind and name: {about}"

    def test_a_last_look_is_pure(self, hooks: Hooks, workspaces: dict[str, Workspace]) -> None:
        """The same objects become the same every time, and the second look at them changes nothing more.

        The operator compares what is there with what it would apply: an object that never stays is applied for ever.
        """
        for about, workspace in workspaces.items():
            before = workspace.model_copy(deep=True)
            with pure("manifests"):
                first = _revised(hooks, workspace, make_objects(workspace.namespace), about)
            assert workspace == before, f"manifests changed the Workspace: {about}"
            again = _revised(hooks, workspace, make_objects(workspace.namespace), about)
            assert first == again, f"manifests made other objects the second time: {about}"
            assert _revised(hooks, workspace, first, about) == first, f"manifests is not done after one look: {about}"

    def test_a_last_look_at_nothing_is_nothing(self, hooks: Hooks) -> None:
        """Where a role has no objects, ``manifests`` does not fail."""
        _revised(hooks, make_workspace(), (), "no objects")

    def test_observers_bear_every_change(
        self, plugin: str, workspaces: dict[str, Workspace], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """``status_changed`` takes any status, also the first, before which there is none; it changes nothing."""
        monkeypatch.chdir(tmp_path)
        lines: list[str] = []
        hooks = Registry(log=lines.append, allowed=(canonical(plugin),)).hooks()
        for workspace in workspaces.values():
            old: WorkspaceStatus | None = None
            for state in (None, *STATES):
                new = WorkspaceStatus.model_validate({"state": state} if state else {})
                before = new.model_copy(deep=True)
                hooks.notify("status_changed", workspace=workspace, old=old, new=new)
                assert new == before, "status_changed changed the status"
                old = new
        assert not lines, lines[0]

    def test_nothing_is_printed(
        self, hooks: Hooks, workspaces: dict[str, Workspace], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Standard output is the command's own: with ``-o json`` a printed word makes it unreadable."""
        capsys.readouterr()
        for about, workspace in workspaces.items():
            _judged(hooks, workspace, None, about)
            _revised(hooks, workspace, make_objects(workspace.namespace), about)
            hooks.notify("status_changed", workspace=workspace, old=None, new=WorkspaceStatus())
        # The core has it go to stderr, so that it does no harm there: the author still wants to know.
        printed = "".join(capsys.readouterr())
        assert not printed, f"a hook printed {printed[:80]!r}: use logging"


def _judged(
    hooks: Hooks, workspace: Workspace, preset: Preset | None, about: str, plan: Plan | None = None
) -> list[Any]:
    try:
        answers = hooks.collect("check_workspace", required=True, workspace=workspace, plan=plan, preset=preset)
    except PluginError as error:
        if isinstance(error.__cause__, Impure):
            raise error.__cause__ from None
        raise AssertionError(f"{about}: {error.message}") from error
    return [problem for _, problems in answers for problem in problems]


def _revised(
    hooks: Hooks, workspace: Workspace, objects: tuple[Mapping[str, Any], ...], about: str, plan: Plan | None = None
) -> tuple[Mapping[str, Any], ...]:
    try:
        return hooks.revise("manifests", "objects", objects, items=Mapping, workspace=workspace, plan=plan)
    except PluginError as error:
        if isinstance(error.__cause__, Impure):
            raise error.__cause__ from None
        raise AssertionError(f"{about}: {error.message}") from error


def _selection(manifest: Mapping[str, Any]) -> Any:
    """Return what an object selects its pods by, and the labels that its pods have for it."""
    spec = manifest.get("spec", {})
    selector = spec.get("selector")
    wanted = (selector or {}).get("matchLabels", selector or {})
    labels = spec.get("template", {}).get("metadata", {}).get("labels", {})
    return selector, {name: labels.get(name) for name in wanted} if labels else None
