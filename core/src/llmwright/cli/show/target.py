"""The first words of a changing command: where it acts, and what it gives back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmwright.cli.show.output import note
from llmwright.errors import TargetError

if TYPE_CHECKING:
    from llmwright.app.session import Session


def note_place(session: Session) -> None:
    """Name the target and its context on stderr, where another than this machine may be meant."""
    if session.on_cluster or session.chosen_target:
        note(f"on {session.target.place}")


def note_release(session: Session, namespace: str, name: str, *, left: bool = False) -> None:
    """Name the nodes of a Workspace that are given back, or are ``left`` behind, and what they cost."""
    try:
        status = session.target.get(namespace, name).status
    except TargetError:
        # What comes next says why.
        return
    if status is None or not status.worker_nodes:
        return
    kind = f" ({status.plan.instance_type})" if status.plan and status.plan.instance_type else ""
    usd = status.cost.usd_per_hour if status.cost else None
    cost = f", {usd:.2f} USD/hour" if usd else ""
    nodes = f"{', '.join(status.worker_nodes)}{kind}{cost}"
    if left:
        place = session.same_place if session.on_cluster else replace(session.this_machine, target="local")
        orphans = place.command("orphans")
        note(f"{namespace}/{name} leaves {nodes} behind: what a provisioner made is listed by `{orphans}`")
    else:
        note(f"{namespace}/{name} gives back {nodes}")
