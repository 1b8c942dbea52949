"""The example provisioner on one machine: it is rented before anything starts, and returned in the end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.command import Run
from tests.support.declared import Declare
from tests.support.desk import ENTRY_POINTS, PLUGIN, open_desk

RUNTIME = """\
from llmwright.testing.fakes import FakeRuntime

class Listing(FakeRuntime):
    pass
"""
WORKSPACE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: w}
resource: {provisioner: desk, labelSelector: {matchLabels: {apps: w}}}
inference: {preset: {name: demo}, runtime: listing}
"""
Write = Callable[..., Path]


@pytest.fixture
def desk(declared: Declare, here: Path, written: Write, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    declared("acme-desk", ENTRY_POINTS)
    declared(
        "acme-listing", {"llmwright.runtimes.v1": {"listing": "acme_listing:Listing"}}, {"acme_listing.py": RUNTIME}
    )
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with open_desk(boot_s=0.2, token="t0p") as (books, url):
        (here / "token").write_text("t0p\n")
        own = {"url": url, "token_file": str(here / "token")}
        written(yaml.safe_dump({"plugins": {"provisioner": {"desk": own}}}), "llmwright.yaml")
        yield books


def test_this_machine_is_rented_and_returned(run: Run, written: Write, desk: Any) -> None:
    planned = run("plan", "-f", written(WORKSPACE))
    assert planned.code == 0, planned.err
    assert "desk" in planned.out
    assert not desk.calls, "a plan asks nobody"
    applied = run("apply", "-f", written(WORKSPACE))
    assert applied.code == 0, applied.err
    try:
        ready = run("wait", "w", "--for", "condition=Ready", "--timeout", "60")
        assert ready.code == 0, ready.err
        (machine,) = desk.listed()
        assert machine["labels"] == {
            "apps": "w", "desk.acme.example/namespace": "default", "desk.acme.example/workspace": "w"
        }  # fmt: skip
    finally:
        deleted = run("delete", "w")
    assert deleted.code == 0, deleted.err
    assert not desk.listed()


def test_a_desk_that_refuses_is_told_and_what_is_rented_is_returned(run: Run, written: Write, desk: Any) -> None:
    desk.capacity = 0
    assert run("apply", "-f", written(WORKSPACE)).code == 0
    try:
        ran = run("wait", "w", "--for", "condition=Ready", "--timeout", "60")
        assert ran.code == 1
        assert "the desk: " in ran.err
        assert "your contract" in ran.err
    finally:
        assert run("delete", "w").code == 0


def test_what_no_workspace_of_this_machine_needs_is_listed(run: Run, written: Write, desk: Any) -> None:
    none = run("orphans", "--target", "local")
    assert (none.code, none.out) == (0, ""), none.err
    assert "nothing is left behind" in none.err
    owner = {"desk.acme.example/namespace": "default", "desk.acme.example/workspace": "gone"}
    desk.rent("desk-left-1", {"labels": owner})
    left = run("orphans", "--target", "local")
    assert (left.code, left.out) == (1, "desk  desk-left-1\n"), left.err
    (row,) = json.loads(run("orphans", "--target", "local", "-o", "json").out)
    assert (row["provisioner"], row["name"]) == ("desk", "desk-left-1")


def test_a_desk_that_cannot_be_asked_is_not_one_where_nothing_is_left(run: Run, written: Write, desk: Any) -> None:
    desk.refusing = (500, "it is closed")
    unasked = run("orphans", "--target", "local")
    assert (unasked.code, unasked.out) == (1, "")
    assert "desk: " in unasked.err
    assert "nothing is left behind, as far as could be asked" in unasked.err


def test_a_provisioner_of_clusters_alone_is_noted(run: Run, written: Write) -> None:
    ran = run(
        "plan", "-f", written(WORKSPACE.replace("provisioner: desk", "provisioner: byo").replace("listing", "hf"))
    )
    assert ran.code == 0, ran.err
    assert "resource.provisioner byo is not used on this machine" in ran.out + ran.err


def test_its_machines_are_listed_checked_and_planned(run: Run, written: Write, desk: Any) -> None:
    listed = run("instance-types", "list", "--cloud", "desk")
    assert "desk-a10" in listed.out
    assert run("instance-types", "show", "desk-a10").code == 0
    typed = WORKSPACE.replace("provisioner: desk,", "provisioner: desk, instanceType: TYPE,").replace(
        ", runtime: listing", ""
    )
    for name in ("desk-a10", "auto"):
        plan = run("plan", "-f", written(typed.replace("TYPE", name)), "--target", "kubernetes", "-o", "json")
        assert plan.code == 0, plan.err
        assert '"desk-a10"' in plan.out
        assert "0.9" in plan.out
    wrong = run("check", "-f", written(typed.replace("TYPE", "desk-a11")), "--target", "kubernetes")
    assert wrong.code == 2
    assert "did you mean 'desk-a10'?" in wrong.out
