"""Which driver is chosen where none is named: by what drivers declare, a stranger's as ours."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.api.workspace import Workspace
from llmwright.errors import PluginContract, PluginLoadFailed, PluginNotFound
from llmwright.plugins.demand import Demand
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import AccessRule, Capabilities, Driver, OlderImage, Runtime
from llmwright.plugins.drivers import Engine as OneOfSeveral
from llmwright.plugins.selection import able_of, candidates, choose_provisioner, objections, this_machine
from llmwright.settings.model import Settings
from llmwright.testing import make_context, make_instance_type, make_preset
from llmwright.testing.fakes import FakeProvisioner, FakeRuntime
from llmwright.values.feature_gates import FeatureGates
from llmwright.values.plan import Choice, Target

ON_CLUSTER = Demand(target="kubernetes", preset=make_preset(runtimes=("engine", "plain")))
GPU = make_instance_type(name="old", gpus=1, gpu_memory_bytes=2**34, gpu_model="Old GPU", compute_capability=(6, 0))


class Engine(FakeRuntime):
    default_rank = {"kubernetes": 100}
    lowest_capability = (7, 0)
    listed_as = "engine"
    feature_gate = "Engine"
    capabilities = Capabilities(adapters=True)


class Plain(FakeRuntime):
    aliases = frozenset({"simple"})
    default_rank = {"kubernetes": 50, "local": 50}
    listed_as = "plain"
    kaito_rules = frozenset({"listed-presets"})
    capabilities = Capabilities(adapters=True, adapter_strength=True, cpu=True)


class Either(FakeRuntime):
    targets = frozenset({"kubernetes", "local"})
    default_rank = {"kubernetes": 40, "local": 40}
    capabilities = Capabilities(cpu_locally=True)


class Stranger(FakeRuntime):
    default_rank = {"kubernetes": 200, "local": 200}
    capabilities = Capabilities(cpu=True, gpu=False)


OURS: dict[str, type[Runtime]] = {"engine": Engine, "plain": Plain, "simple": Plain}


def workspace(**parts: Any) -> Workspace:
    document = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "ws"}, **parts}
    return Workspace.model_validate(document)


def chosen(demand: Demand = ON_CLUSTER, gates: FeatureGates | None = None, **more: type[Runtime]) -> list[str]:
    drivers = DriverSet.of_classes(runtimes={**OURS, **more})
    runtimes = candidates(workspace(), demand, drivers, gates or FeatureGates(), None).runtimes
    return [candidate.name for candidate in runtimes]


def test_the_highest_rank_that_can_comes_first() -> None:
    assert chosen() == ["engine", "plain"]
    assert chosen(Demand(target="local")) == ["plain"]


def test_a_stranger_with_a_higher_rank_comes_first_and_steps_aside_for_what_it_cannot() -> None:
    assert chosen(acme=Stranger) == ["acme", "engine", "plain"]
    assert chosen(Demand(target="local"), acme=Stranger) == ["acme", "plain"]
    assert chosen(Demand(target="local", adapters=1), acme=Stranger) == ["plain"]
    assert chosen(Demand(target="kubernetes", machine=GPU), acme=Stranger) == ["plain"]


def test_without_a_rank_a_runtime_must_be_named() -> None:
    assert "silent" not in chosen(silent=FakeRuntime)
    drivers = DriverSet.of_classes(runtimes={**OURS, "silent": FakeRuntime})
    named = candidates(workspace(inference={"runtime": "silent"}), ON_CLUSTER, drivers, FeatureGates(), None)
    assert [(candidate.name, candidate.named) for candidate in named.runtimes] == [("silent", True)]


def test_equal_ranks_are_in_the_order_of_names() -> None:
    class Equal(Stranger):
        pass

    assert chosen(Demand(target="local"), zeta=Stranger, alpha=Equal)[:2] == ["alpha", "zeta"]


def test_what_was_passed_over_says_why() -> None:
    preset = make_preset(runtimes=("plain", "absent"))
    drivers = DriverSet.of_classes(runtimes=OURS)
    choice = candidates(workspace(), Demand(target="kubernetes", preset=preset), drivers, FeatureGates(), None)
    assert choice.passed_over == (f"{preset.name} is not served by engine", "absent is not installed")
    old = candidates(workspace(), Demand(target="kubernetes", machine=GPU), drivers, FeatureGates(), None)
    assert old.passed_over == ("Old GPU has compute capability 6.0, and engine needs 7.0",)


def test_a_gpu_that_is_too_old_refuses_a_named_runtime_too() -> None:
    drivers = DriverSet.of_classes(runtimes=OURS)
    (problem,) = objections("engine", Engine, Demand(target="kubernetes", machine=GPU), drivers)
    assert (problem.reason, problem.path) == ("GpuTooOld", "inference.runtime")
    assert problem.hint == "choose a newer GPU, or write runtime: plain"


def test_an_image_that_leaves_the_gpu_out_counts_on_a_cluster_only() -> None:
    class Built(Plain):
        default_rank = {"kubernetes": 150, "local": 150}
        built_for = (7, 5)

    class Older(Built):
        older_image = OlderImage("older", (6, 0), "an older build")

    assert chosen(Demand(target="kubernetes", machine=GPU), built=Built) == ["plain"]
    assert chosen(Demand(target="kubernetes", machine=GPU), built=Older) == ["built", "plain"]
    assert chosen(Demand(target="local", machine=GPU), built=Built) == ["built", "plain"]
    drivers = DriverSet.of_classes(runtimes={"built": Built})
    choice = candidates(workspace(), Demand(target="kubernetes", machine=GPU), drivers, FeatureGates(), None)
    assert choice.too_old
    assert choice.passed_over == (
        "Old GPU has compute capability 6.0, and the images of built are built for 7.5 and newer",
    )


def test_a_gate_that_is_off_holds_for_a_named_runtime_too() -> None:
    off = FeatureGates({"Engine": False})
    drivers = DriverSet.of_classes(runtimes=OURS)
    named = candidates(workspace(inference={"runtime": "engine"}), ON_CLUSTER, drivers, off, None)
    assert [candidate.name for candidate in named.runtimes] == ["plain"]
    assert named.passed_over == ("engine: the feature gate Engine is off",)


def test_a_broken_runtime_is_no_candidate_and_stops_nobody() -> None:
    def load(kind: str, name: str) -> type[Driver]:
        if name == "broken":
            raise PluginLoadFailed("its import failed")
        return OURS[name]

    drivers = DriverSet(lambda kind: ("broken", *OURS), load, lambda *_: make_context())
    choice = candidates(workspace(), ON_CLUSTER, drivers, FeatureGates(), None)
    assert [candidate.name for candidate in choice.runtimes] == ["engine", "plain"]


def test_an_annotation_may_use_an_alias_and_an_unknown_word_counts_for_nothing() -> None:
    drivers = DriverSet.of_classes(runtimes=OURS)

    def annotated(value: str) -> list[tuple[str, bool]]:
        metadata = {"name": "ws", "annotations": {"kaito.sh/runtime": value}}
        runtimes = candidates(workspace(metadata=metadata), ON_CLUSTER, drivers, FeatureGates(), None).runtimes
        return [(candidate.name, candidate.named) for candidate in runtimes]

    assert annotated("simple") == [("simple", True)]
    assert annotated("foo") == [("engine", False), ("plain", False)]


def test_objections_are_by_capability_and_not_by_name() -> None:
    drivers = DriverSet.of_classes(runtimes={**OURS, "acme": Stranger})
    demand = Demand(target="kubernetes", adapters=2, strengths=(1,), machine=GPU)
    problems = {problem.path: problem for problem in objections("acme", Stranger, demand, drivers)}
    assert set(problems) == {"inference.runtime", "inference.adapters[1].strength"}
    assert problems["inference.adapters[1].strength"].hint == "remove it, or write runtime: plain"
    assert [*objections("plain", Plain, demand, drivers)] == []


class Bought(FakeProvisioner):
    default_rank = {"kubernetes": 100}
    access_rules = (AccessRule("acme.example", ("machines",), ("get", "create")),)


class Brought(FakeProvisioner):
    default_rank = {"kubernetes": 50}
    nodes_are_brought = True


class Here(FakeProvisioner):
    default_rank = {"local": 1}


def test_the_provisioner_follows_from_whether_a_machine_is_named() -> None:
    drivers = DriverSet.of_classes(provisioners={"cloud": Bought, "own": Brought, "here": Here})
    typed = workspace(resource={"instanceType": "x"})
    assert choose_provisioner(typed, Settings(), "kubernetes", drivers).name == "cloud"
    assert choose_provisioner(workspace(), Settings(), "kubernetes", drivers).name == "own"
    assert choose_provisioner(workspace(), Settings(provisioner="cloud"), "kubernetes", drivers).name == "cloud"
    assert choose_provisioner(typed, Settings(), "local", drivers).name == "here"
    assert drivers.access_rules() == Bought.access_rules


def test_without_a_provisioner_the_pip_lines_are_told() -> None:
    drivers = DriverSet.of_classes()
    with pytest.raises(PluginNotFound, match="that obtains machines") as caught:
        choose_provisioner(workspace(resource={"instanceType": "x"}), Settings(), "kubernetes", drivers)
    assert "pip install 'llmwright-provisioner-karpenter'" in caught.value.hint
    with pytest.raises(PluginNotFound, match="for this machine"):
        this_machine(drivers)


@pytest.mark.parametrize(
    ("target", "refused"), [("kubernetes", ["either needs a GPU, and cpu has none"]), ("local", [])]
)
def test_a_build_that_may_be_for_the_processor_counts_on_one_machine_alone(target: Target, refused: list[str]) -> None:
    demand = Demand(target=target, machine=make_instance_type(name="cpu"))
    problems = objections("either", Either, demand, DriverSet.of_classes(runtimes={"either": Either}))
    assert [problem.message for problem in problems] == refused


SMALL, LARGE = (
    Capabilities(adapters=True, adapter_strength=True, cpu=True),
    Capabilities(adapters=True, multi_node=True),
)


class OfTwo(FakeRuntime):
    """Starts one of two engines."""

    capabilities = SMALL
    engines = {"small": OneOfSeveral(SMALL), "large": OneOfSeveral(LARGE, (8, 0))}

    @classmethod
    def engine(cls, demand: Demand) -> Choice:
        return Choice(name=str(demand.options.get("engine", "small")), why="it is asked for")


def test_the_capabilities_are_those_of_the_engine_and_the_other_engine_is_named() -> None:
    demand = Demand(target="kubernetes", adapters=1, strengths=(0,), machine=GPU, options={"engine": "large"})
    assert able_of(OfTwo, demand) == LARGE
    assert able_of(OfTwo, Demand(target="kubernetes")) == SMALL
    drivers = DriverSet.of_classes(runtimes={"both": OfTwo, "plain": Plain})
    problems = [*objections("both", OfTwo, demand, drivers)]
    assert [problem.message for problem in problems] == [
        "Old GPU has compute capability 6.0, and both with the engine large needs 8.0",
        "both with the engine large has no adapter strength",
    ]
    assert problems[1].hint == "remove it, or write runtimeConfig.engine: small, or write runtime: plain"


def test_an_engine_that_a_runtime_does_not_have_is_its_author_s_fault() -> None:
    with pytest.raises(PluginContract, match=r"OfTwo\.engine answered 'third'"):
        able_of(OfTwo, Demand(target="kubernetes", options={"engine": "third"}))
