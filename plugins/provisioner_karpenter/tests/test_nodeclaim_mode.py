"""NodeClaims: which are requested, kept and deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from plugins.provisioner_karpenter.tests.support.builders import (
    SKU,
    ask,
    claim,
    decide,
    name,
    node,
    seen,
    verbs,
)

from llmwright.testing.presets import NOW
from llmwright.values.nodes import Ready, Waiting


def test_what_is_missing_is_asked_for_once() -> None:
    first = decide(ask(count=3), seen())
    assert verbs(first) == [("apply", name(index)) for index in range(3)]
    lagging = decide(ask(count=3, state=first.state), seen(claim(ready=False)), NOW + timedelta(seconds=5))
    assert lagging.actions == ()
    forgotten = decide(ask(count=3), seen(claim(ready=False)))
    assert verbs(forgotten) == [("apply", name(1)), ("apply", name(2))]


def test_claims_of_other_names_count_as_ours() -> None:
    assert decide(ask(), seen(claim("wsabcdef012"))).actions == ()


def test_one_that_goes_keeps_its_place_until_it_is_gone() -> None:
    decision = decide(ask(), seen(claim(deleting=NOW)))
    assert decision.actions == ()
    assert isinstance(decision.outcome, Waiting)
    assert decision.outcome.reason == "NodeClaimDeleting"


def test_too_many_go_and_what_is_not_ready_goes_first() -> None:
    several = (claim("a"), claim("b", ready=False), claim("c"))
    decision = decide(ask(count=2), seen(*several))
    assert verbs(decision) == [("delete-nodeclaim", "b")]
    assert isinstance(decision.outcome, Ready)


def test_what_goes_has_no_pods_that_run() -> None:
    claims = [claim(name(index), ready=index != 3) for index in range(4)]
    last = frozenset(claims[index].node for index in (2, 1))
    decision = decide(ask(count=2, occupied=last), seen(*claims))
    assert sorted(verbs(decision)) == sorted([("delete-nodeclaim", name(0)), ("delete-nodeclaim", name(3))])
    assert isinstance(decision.outcome, Ready)
    assert {node.name for node in decision.outcome.nodes} == last


def test_nodes_of_gpu_provisioner_get_the_label_of_their_device_plugin() -> None:
    request = replace(ask(), config={})
    assert verbs(decide(request, seen(claim()))) == [("label-node", f"node-{name()}")]
    labelled = node(name(), labels={"node.kubernetes.io/instance-type": SKU, "accelerator": "nvidia"})
    assert decide(request, seen(claim(), nodes={labelled.name: labelled})).actions == ()
