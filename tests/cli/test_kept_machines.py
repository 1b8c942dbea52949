"""A machine that cannot be given back: it is named, and its Workspace stays until it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run
from tests.support.declared import Declare

PLUGIN = """\
import os
from llmwright.plugins.drivers import Provisioner
from llmwright.testing.fakes import FakeRuntime
from llmwright.values.nodes import Failed, Node, ProvisionerAction, ProvisionerDecision, Ready, Waiting

class Listing(FakeRuntime):
    pass

class Leases(Provisioner):
    targets = frozenset({"local"})

    def observe(self, request, snapshot):
        return {name: os.path.exists(name) for name in (OPEN, LEASE)}

    def decide(self, request, observed, now):
        held = observed[LEASE]
        if request.count:
            lease = ProvisionerAction(verb="lease", name=LEASE)
            done = ProvisionerDecision(outcome=Ready((Node(name="lease-7"),)))
            return done if held else ProvisionerDecision(outcome=Waiting("Coming", "it comes", 1), actions=(lease,))
        if held and not observed[OPEN]:
            return ProvisionerDecision(outcome=Failed("auth", "the office is closed"))
        back = (ProvisionerAction(verb="return", name=LEASE),) if held else ()
        return ProvisionerDecision(outcome=Waiting("Going", "it goes", 1) if back else Ready(()), actions=back)

    def act(self, action):
        open(LEASE, "w").close() if action.verb == "lease" else os.unlink(LEASE)
"""
POINTS = {
    "llmwright.provisioners.v1": {"leases": "acme_leases:Leases"},
    "llmwright.runtimes.v1": {"listing": "acme_leases:Listing"},
}
WORKSPACE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: NAME}
resource: {provisioner: leases, labelSelector: {matchLabels: {apps: w}}}
inference: {preset: {name: demo}, runtime: listing}
"""
Write = Callable[..., Path]


@pytest.fixture
def office(declared: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file without which nothing is given back; beside it a file is the lease that is held."""
    places = f"OPEN, LEASE = {str(tmp_path / 'open')!r}, {str(tmp_path / 'lease')!r}\n"
    declared("acme-leases", POINTS, {"acme_leases.py": places + PLUGIN})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return tmp_path / "open"


def apply(run: Run, written: Write, name: str) -> None:
    assert run("apply", "-f", written(WORKSPACE.replace("NAME", name))).code == 0
    ready = run("wait", name, "--for", "condition=ResourceReady", "--timeout", "60")
    assert ready.code == 0, ready.err


def test_it_is_named_and_the_next_delete_tries_again(run: Run, written: Write, office: Path) -> None:
    apply(run, written, "w")
    refused = run("delete", "w")
    assert (refused.code, refused.out) == (1, "")
    assert "default/w is not deleted: nodes of default/w (lease-7) could not be released: the office is closed" in (
        refused.err
    )
    assert "`llmwright delete w` tries again" in refused.err
    assert "Deleting" in run("get", "w", "-o", "json").out
    again = run("delete", "w")
    assert again.code == 1, again.out
    office.touch()
    given_back = run("delete", "w")
    assert given_back.code == 0, given_back.err
    assert not office.with_name("lease").exists()
    assert run("get", "w").code == 1


def test_it_can_be_left_behind_and_holds_up_no_other(run: Run, written: Write, office: Path) -> None:
    apply(run, written, "w")
    apply(run, written, "v")
    refused = run("delete", "--all")
    assert refused.code == 1
    assert "default/v is not deleted" in refused.err
    assert "default/w is not deleted" in refused.err
    forced = run("delete", "--all", "--force")
    assert forced.code == 0, forced.err
    assert run("delete", "w").code == 1
    assert office.with_name("lease").exists()
