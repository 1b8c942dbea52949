"""The calls of whole lifecycles: at most half of gpu-provisioner's, and as the page of the provisioner tells them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.arm.support.asking import NO_SDK

PAGE = Path(__file__).parents[3] / "docs" / "aks.md"


def test_at_most_half_of_the_calls_of_gpu_provisioner_are_made() -> None:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    from plugins.provisioner_aks.tests.support.lifecycles import rows

    page, many = PAGE.read_text(), []
    for words, ours, theirs in rows():
        assert f"| {words} | {ours.total()} | {theirs.total()} |" in page, (
            "run the module lifecycles, and mend the page"
        )
        if 2 * ours.total() > theirs.total():
            many.append(words)
    assert many == []


@pytest.mark.parametrize("delete_s", [70, 100, 130, 610])
def test_the_end_of_a_deletion_is_seen_as_the_last_node_goes(delete_s: int) -> None:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    from plugins.provisioner_aks.tests.support.lifecycles import late_s

    assert late_s(delete_s) <= 10
