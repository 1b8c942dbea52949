"""Names of containers and volumes that are made of an adapter's."""

from __future__ import annotations

import pytest

from llmwright.check.kubernetes_names import label_problem
from llmwright.targets.kubernetes.manifests.object_names import volume_name, within_pod
from llmwright.values.launch import Volume


@pytest.mark.parametrize("name", ["a", "a-b", "a" * 63])
def test_a_name_that_fits_stays(name: str) -> None:
    assert within_pod(name) == name


@pytest.mark.parametrize("name", ["a" * 64, "a.b", "A", "a-", "a_b", "a" * 53 + "." + "b" * 20, "."])
def test_any_other_becomes_one_that_fits(name: str) -> None:
    assert label_problem(within_pod(name)) == ""
    assert within_pod(name) != within_pod(name + "x")


def test_adapters_that_look_alike_keep_apart() -> None:
    names = {volume_name(Volume(name=f"adapter-{name}")) for name in ("a.b", "a-b", "a_b", "A-b")}
    assert len(names) == 4
