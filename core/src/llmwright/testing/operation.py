"""Passes over one Workspace, as the operator makes them: observe, decide, act, remember, and rest after a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from llmwright.errors import TargetError
from llmwright.plugins.driver_calls import described
from llmwright.plugins.drivers import Provisioner
from llmwright.testing.purity import twice_alike
from llmwright.testing.world import World
from llmwright.values.nodes import Failed, NodeRequest, ProvisionerDecision, Ready

PASSES = 60
"""Half an hour of the world's time."""


@dataclass
class Operation:
    """The passes over the Workspace of ``request``. ``refusals`` are those of its acts, ``decisions`` all so far.

    ``there`` and ``running`` are the machines of the world when the last decision was made.
    """

    driver: Provisioner
    world: World
    request: NodeRequest
    remembers: bool = True
    repeats: int = 1
    decisions: list[ProvisionerDecision] = field(default_factory=list)
    refusals: list[TargetError] = field(default_factory=list)
    there: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()

    def ask(self, **changes: Any) -> None:
        """Ask for something else from the next pass on: ``count=0`` releases."""
        self.request = replace(self.request, **changes)

    def step(self) -> ProvisionerDecision:
        """Make one pass, and let time pass."""
        observed = self.driver.observe(self.request, seen(self.driver, self.world))
        decision: ProvisionerDecision = twice_alike(self.driver.decide, self.request, observed, self.world.now)
        self.decisions.append(decision)
        # Before it acts: what it decided is held against what was there then.
        machines = self.world.truth() or ()
        self.there = frozenset(machine.name for machine in machines)
        self.running = frozenset(machine.name for machine in machines if machine.running)
        self._act(decision)
        self.world.tick()
        return decision

    def passes(self, most: int = PASSES) -> Iterator[ProvisionerDecision]:
        """Make passes until there is rest, and ``most`` of them."""
        for _ in range(most):
            decision = self.step()
            yield decision
            if at_rest(decision):
                return

    def settle(self, most: int = PASSES) -> ProvisionerDecision:
        """Make passes until there is rest, and ``most`` of them; return the last decision."""
        return [*self.passes(most)][-1]

    def hold(self, most: int = PASSES) -> frozenset[str]:
        """Make passes until all that is asked for is Ready, and ``most`` of them; return the names of the nodes.

        Raises:
            AssertionError: it never is.
        """
        outcome = self.settle(most).outcome
        count = self.request.count
        assert isinstance(outcome, Ready), f"decide: after {most} passes {count} nodes are not Ready: {outcome}"
        assert len(outcome.nodes) == self.request.count, (
            f"decide: Ready with {len(outcome.nodes)} nodes, and {self.request.count} are asked for"
        )
        return frozenset(node.name for node in outcome.nodes)

    def release(self) -> None:
        """Ask for no node, and make passes until that is Ready.

        Raises:
            AssertionError: it never is.
        """
        self.ask(count=0)
        outcome = self.settle().outcome
        assert outcome == Ready(()), f"decide: after {PASSES} passes the release of all nodes is not Ready: {outcome}"

    def _act(self, decision: ProvisionerDecision) -> None:
        learned: dict[str, Any] = {}
        for action in decision.actions:
            for _ in range(self.repeats):
                try:
                    remembered = self.driver.act(action)
                except TargetError as error:
                    self.refusals.append(error)
                    return
                except Exception as error:
                    what = f"act({action.verb} {action.name}) raised {described(error)}"
                    raise AssertionError(f"{what}: a cloud's refusal is a TargetError") from error
                learned |= remembered or {}
        if self.remembers:
            self.request = replace(self.request, state={**decision.state, **learned})


def at_rest(decision: ProvisionerDecision) -> bool:
    """Whether nothing more comes of itself: a failure after which the driver says when it tries again is no rest."""
    outcome = decision.outcome
    ended = isinstance(outcome, Ready) or (isinstance(outcome, Failed) and outcome.again_in is None)
    return ended and not decision.actions


def seen(driver: Provisioner, world: World) -> Any:
    """Return what ``observe`` reads: the driver's own snapshot of its cloud, else the target's caches."""
    refreshed = driver.refresh(world.scope)
    return world.snapshot() if refreshed is None else refreshed
