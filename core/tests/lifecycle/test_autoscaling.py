"""The autoscaler's condition: told, and waited for by nothing."""

from __future__ import annotations

from core.tests.lifecycle.support.lifecycle_world import NOW, launch, plan, truth, workspace

from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.observed import Autoscaler, Observed, Workload
from llmwright.values.nodes import Node, NodeRequest, ProvisionerDecision, Ready

SERVE = launch("serve")


def test_a_server_is_ready_without_its_autoscaler_which_is_told() -> None:
    planned = plan("1", serving=SERVE, nodes=NodeRequest(namespace="default", workspace="demo", count=1))
    server = Workload(phase="ready", digest=SERVE.digest, inputs="1", asked=1)
    observed = Observed(
        provision=ProvisionerDecision(outcome=Ready((Node(name="node-0"),))),
        release=ProvisionerDecision(outcome=Ready(())),
        serving=server,
        autoscaler=Autoscaler(False, "KindNotServed", "the cluster does not serve ScaledObject"),
    )
    status = decide(workspace(tuned=False), planned, observed, None, NOW).status
    assert truth(status)["AutoscalerReady"] == ("False", "KindNotServed")
    assert truth(status)["Ready"] == ("True", "Ready")
    without = Observed(provision=observed.provision, release=observed.release, serving=server)
    assert "AutoscalerReady" not in truth(decide(workspace(tuned=False), planned, without, status, NOW).status)
