"""Names and labels that the API server would refuse later, in a pod."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.api.workspace import Workspace
from llmwright.check.admission import check_workspace
from llmwright.check.check_input import CheckInput
from llmwright.check.facts import DriverFacts
from llmwright.plugins.driver_set import DriverSet
from llmwright.testing.fakes import FakeRuntime
from llmwright.values.nodes import Watch
from llmwright.values.plan import Target

SERVE: dict[str, Any] = {"inference": {"preset": {"name": "phi-4"}}}
TUNE: dict[str, Any] = {"tuning": {"preset": {"name": "phi-4"}, "method": "lora"}}
RELEASE: dict[str, Any] = {"tuning": {**TUNE["tuning"], "onSuccess": "release"}}


def problems(
    name: str,
    parts: dict[str, Any],
    target: Target = "kubernetes",
    labels: dict[str, str] | None = None,
    drivers: DriverFacts | None = None,
) -> list[str]:
    """The paths of the errors that are about names."""
    selector = {"labelSelector": {"matchLabels": labels or {"apps": "x"}}}
    body = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": name}, "resource": selector}
    written = Workspace.model_validate({**body, **parts})
    found = check_workspace(CheckInput(written=written, target=target, drivers=drivers or DriverFacts()))
    about = ("metadata.name", "resource.labelSelector.matchLabels")
    return [each.path for each in found if each.severity == "error" and each.path.startswith(about)]


@pytest.mark.parametrize(("parts", "longest"), [(SERVE, 52), (TUNE, 52), (RELEASE, 53)])
def test_a_name_is_as_long_as_pods_can_carry_it(parts: dict[str, Any], longest: int) -> None:
    for length in range(1, 64):
        assert problems("a" * length, parts) == ([] if length <= longest else ["metadata.name"]), length


def test_a_service_begins_with_a_letter_and_a_job_need_not() -> None:
    assert problems("1demo", SERVE) == problems("1demo", TUNE) == ["metadata.name"]
    assert problems("1demo", RELEASE) == []


def test_a_runtime_s_own_objects_may_allow_shorter_names_alone() -> None:
    class Short(FakeRuntime):
        serves_as = Watch(group="demo.example.com", version="v1", plural="demos", longest_name=47)

    drivers = DriverFacts(installed=DriverSet.of_classes(runtimes={"short": Short}))
    part = {"inference": {"preset": {"name": "phi-4"}, "runtime": "short"}}
    assert problems("a" * 47, part, drivers=drivers) == []
    assert problems("a" * 48, part, drivers=drivers) == ["metadata.name"]
    assert problems("a" * 53, part, drivers=drivers) == ["metadata.name"]
    assert problems("a" * 48, part, "local", drivers=drivers) == []


@pytest.mark.parametrize("name", ["a" * 53, "a" * 63, "1demo"])
def test_on_one_machine_such_names_are_fine(name: str) -> None:
    assert problems(name, SERVE, "local") == []


def test_a_name_that_is_no_label_is_refused_once() -> None:
    for name in ("a.b", "1.b", "A", "a" * 64):
        assert problems(name, SERVE) == ["metadata.name"], name


@pytest.mark.parametrize(
    ("key", "value"),
    [("a b", "x"), ("/a", "x"), ("A_b/c", "x"), ("a/b/c", "x"), ("a" * 64, "x"), ("apps", "a b"), ("apps", "x" * 64),
     ("apps", "-x"), ("apps", "å")],
)  # fmt: skip
def test_what_is_no_label_is_refused_with_its_place(key: str, value: str) -> None:
    (path,) = problems("ws", SERVE, labels={key: value})
    assert path.startswith("resource.labelSelector.matchLabels")


@pytest.mark.parametrize(("key", "value"), [("apps", ""), ("a.b/C_d.e", "X.1_y"), ("x" * 63, "y" * 63)])
def test_labels_of_every_valid_form_pass(key: str, value: str) -> None:
    assert problems("ws", SERVE, labels={key: value}) == []
