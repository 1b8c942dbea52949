"""Release: everything goes, in both modes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from plugins.provisioner_karpenter.tests.support.builders import (
    ask,
    claim,
    decide,
    name,
    pool,
    seen,
    verbs,
)

from llmwright.testing.presets import NOW
from llmwright.values.nodes import Failed, ProvisionerDecision, Ready, Waiting
from llmwright_provisioner_karpenter.owned_objects import OwnedObjects


def test_releasing_gives_back_both_modes() -> None:
    both = seen(claim(), pool=pool(), pooled=(claim("p"),))
    assert verbs(decide(ask(count=0), both)) == [("delete-nodepool", "ns-ws"), ("delete-nodeclaim", name())]
    assert verbs(decide(ask(count=0), OwnedObjects(pooled=(claim("p"),)))) == [("delete-nodeclaim", "p")]


def test_releasing_ends_where_the_kinds_are_gone() -> None:
    """KAITO #1899: no Workspace is stuck in Terminating when Karpenter's CRDs are gone."""
    gone = OwnedObjects(claims=(claim(),), pool=pool(), served=False, pools_served=False)
    assert decide(ask(count=0), gone) == ProvisionerDecision(outcome=Ready())


@pytest.mark.parametrize("mode", ["nodeclaim", "nodepool"])
def test_what_was_asked_for_a_moment_ago_is_waited_for(mode: str) -> None:
    """A watch may be seconds late: that nothing is seen does not mean that nothing was bought."""
    asked = decide(ask(mode), OwnedObjects())
    released = decide(ask(mode, count=0, state=asked.state), OwnedObjects(), NOW + timedelta(seconds=4))
    assert released.outcome == Waiting("NodesReleasing", "what was asked for last may still appear", again_in=6.0)
    late = decide(ask(mode, count=0, state=asked.state), OwnedObjects(), NOW + timedelta(seconds=10))
    assert late.outcome == Ready()


def test_a_deletion_that_is_refused_is_named_in_the_end() -> None:
    going = seen(claim(deleting=NOW))
    waiting, failed = (decide(ask(count=0), going, NOW + timedelta(minutes=age)).outcome for age in (14, 15))
    assert isinstance(waiting, Waiting)
    assert waiting.again_in == 60
    assert isinstance(failed, Failed)
    assert (failed.reason, name() in failed.message) == ("ReleaseRefused", True)
