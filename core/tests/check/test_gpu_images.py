"""A machine whose GPUs the usual image leaves out: said while looking, refused where something is bought."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmwright.api.workspace import Workspace
from llmwright.check.admission import check_workspace
from llmwright.check.check_input import CheckInput
from llmwright.check.facts import CatalogueFacts, DriverFacts, PolicyFacts
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import Capabilities, OlderImage
from llmwright.testing import make_instance_type, make_preset
from llmwright.testing.fakes import FakeRuntime, FakeTuner
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Target

OLD = make_instance_type(name="old", gpus=1, gpu_memory_bytes=2**34, gpu_model="Old GPU", compute_capability=(6, 0))
OLDER = OlderImage("older", (6, 0), "an older build")
TUNING = {
    "preset": {"name": "small"},
    "method": "tuner",
    "input": {"urls": ["https://data.example/rows.parquet"]},
    "output": {"image": "registry.example/a:1", "imagePushSecret": "push"},
}
SERVING = {"preset": {"name": "small"}}
LOOKING = PolicyFacts()


class Built(FakeRuntime):
    targets = frozenset({"kubernetes", "local"})
    default_rank = {"kubernetes": 50, "local": 50}
    built_for = (7, 5)
    older_image = OLDER
    capabilities = Capabilities(cpu=True)


class BuiltTuner(FakeTuner):
    built_for = (7, 5)
    older_image = OLDER


class Unserved(Built):
    older_image = OlderImage("older", (6, 1), "an older build")


class UnservedTuner(BuiltTuner):
    older_image = OlderImage("older", (6, 1), "an older build")


def judged(
    part: dict[str, Any],
    policy: PolicyFacts = LOOKING,
    target: Target = "kubernetes",
    *,
    served: bool = True,
    machine: InstanceType = OLD,
) -> dict[str, str]:
    """Return severity by reason of all problems about the type."""
    document = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "ws"},
        "resource": {"instanceType": "old", "labelSelector": {"matchLabels": {"apps": "a"}}},
        **part,
    }
    catalogue = CatalogueFacts(find_preset=lambda _: make_preset(name="small"), find_instance_type=lambda _: machine)
    drivers = DriverSet.of_classes(
        runtimes={"runtime": Built if served else Unserved}, tuners={"tuner": BuiltTuner if served else UnservedTuner}
    )
    inputs = CheckInput(
        written=Workspace.model_validate(document),
        target=target,
        catalogue=catalogue,
        drivers=DriverFacts(installed=drivers),
        policy=policy,
    )
    problems = check_workspace(inputs)
    return {problem.reason: problem.severity for problem in problems if problem.path == "resource.instanceType"}


@pytest.mark.parametrize("part", [{"tuning": TUNING}, {"inference": SERVING}], ids=["tuning", "serving"])
def test_an_image_for_older_gpus_is_named_before_anything_is_bought(part: dict[str, Any]) -> None:
    buying = PolicyFacts(buys=True)
    assert judged(part) == {"GpuTooOld": "warning"}
    assert judged(part, buying) == {"GpuTooOld": "error"}
    assert judged(part, replace(buying, images=frozenset({"older"}))) == {}
    assert judged(part, buying, target="local") == {"NotUsed": "warning"}


@pytest.mark.parametrize("part", [{"tuning": TUNING}, {"inference": SERVING}], ids=["tuning", "serving"])
def test_a_gpu_that_no_image_serves_is_refused(part: dict[str, Any]) -> None:
    assert judged(part, served=False) == {"GpuTooOld": "error"}


@pytest.mark.parametrize("part", [{"tuning": TUNING}, {"inference": SERVING}], ids=["tuning", "serving"])
@pytest.mark.parametrize("model", ["AMD Radeon PRO V620", "AWS Trainium accelerators"])
def test_accelerators_of_another_maker_want_images_of_ones_own(part: dict[str, Any], model: str) -> None:
    machine, buying = replace(OLD, gpu_model=model, compute_capability=None), PolicyFacts(buys=True)
    assert judged(part, machine=machine) == {"Unworkable": "warning"}
    assert judged(part, buying, machine=machine) == {"Unworkable": "error"}
    assert judged(part, replace(buying, images=frozenset({"vllm"})), machine=machine) == {"Unworkable": "warning"}
    assert judged(part, buying, machine=replace(machine, gpu_model="NVIDIA X")) == {}
    assert judged(part, buying, target="local", machine=machine) == {"NotUsed": "warning"}


def test_a_template_of_the_users_own_runs_in_the_users_own_image() -> None:
    template = {"spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}
    assert judged({"inference": {"template": template}}, PolicyFacts(buys=True)) == {}
