"""What must hold once the faults have stopped: each Workspace is as asked or names a true cause, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tests.simulation import kinds
from tests.simulation.acting import is_leaving
from tests.simulation.forms import FORMS, Wish
from tests.simulation.node_source import DEFAULT
from tests.simulation.witness import buyer_of, serves_as_asked

from llmwright.testing.simulation.storage import Object

if TYPE_CHECKING:
    from tests.simulation.schedule import Simulation

SOLD_OUT = ("CircuitOpen", "BackingOff", "InsufficientCapacity", "NodeClaimNotReady", "InsufficientCapacityError")
TOO_FEW = ("NoReadyNodes", "NoMatchingNode", "NotEnoughNodes", "Unschedulable", "NodeNotReady")
BAD_DATA = ("WorkspaceTuningJobStatusFailed", "InvalidInput", "workspaceFailed", "JobFailed")

POD_NAME = "statefulset.kubernetes.io/pod-name"
CAPACITY_TYPE = "karpenter.sh/capacity-type"
OWNED = (kinds.STATEFULSETS, kinds.SERVICES, kinds.JOBS, kinds.CONTROLLER_REVISIONS)


def troubles(simulation: Simulation, wishes: Mapping[str, Wish]) -> list[str]:
    """Return what is not as the users asked, in words."""
    there = [found["metadata"]["name"] for found in simulation.storage.all(kinds.WORKSPACES)]
    texts = [f"{name} is there" for name in there if name not in wishes]
    for name, wish in wishes.items():
        texts += _of_workspace(simulation, name, wish)
    texts += _left(simulation, wishes)
    texts += _remembered(simulation, wishes)
    return texts


def _of_workspace(simulation: Simulation, name: str, wish: Wish) -> Iterator[str]:
    found = simulation.find(name)
    if found is None:
        yield f"{name} is not there"
        return
    status = found.get("status") or {}
    conditions: list[Object] = status.get("conditions") or []
    ready = next((one for one in conditions if one["type"] == "Ready"), Object())
    if status.get("observedGeneration") != found["metadata"]["generation"]:
        yield f"{name}: the status is of generation {status.get('observedGeneration')}"
    written = wish.source
    source = simulation.witness.held.get(found["metadata"]["uid"], written.settled(simulation.mode))
    wish = wish.changed(source=source)
    unapplied = [*source.unapplied(written)]
    if any(each["type"] == "UpdateAvailable" for each in conditions):
        yield f"{name} is offered an update, and nothing is newer"
    causes = _causes(simulation, wish)
    yield from _of_machines(simulation, name, wish)
    if not causes:
        yield from _of_unapplied(name, conditions, unapplied)
    held = _is_sold_out(simulation, wish) and ready.get("status") == "True"
    if causes and not held:
        true = (*causes, "Immutable") if unapplied else causes
        if ready.get("status") != "False" or ready.get("reason") not in true:
            yield f"{name} is Ready={ready.get('status')} {ready.get('reason')}, because of {true}"
        return
    machines = _machines(simulation, name)
    if len(machines) != wish.held or any(map(is_leaving, machines)):
        yield f"{name} has {len(machines)} machines, {wish.held} are wanted"
    # A tuning whose result is delivered and whose nodes are given back is ready: nothing is left to do.
    expected = ("False", "Immutable") if unapplied else ("True", "Ready")
    if (ready.get("status"), ready.get("reason")) != expected:
        yield f"{name} is Ready={ready.get('status')} {ready.get('reason')}: {ready.get('message')}"
    elif FORMS[wish.form].kept and not _answers(simulation, name, found, wish):
        yield f"{name} should answer, and does not"


def _of_unapplied(name: str, conditions: list[Object], paths: list[str]) -> Iterator[str]:
    """Each change that is not applied is named, and no other. A field that is left open asks for nothing."""
    told = next((each for each in conditions if each["type"] == "ChangeNotApplied"), Object())
    if told.get("reason") != ("Immutable" if paths else None):
        yield f"{name}: ChangeNotApplied is {told.get('reason')}: {told.get('message')}, not applied are {paths}"
    yield from (f"{name}: not told as not applied: {path}" for path in paths if path not in told.get("message", ""))


def _of_machines(simulation: Simulation, name: str, wish: Wish) -> Iterator[str]:
    """Machines are of the provisioner that is held, and as its options say."""
    source, storage = wish.source, simulation.storage
    pools = [pool for pool in storage.all(kinds.NODE_POOLS) if buyer_of(pool) == name]
    claims = [claim for claim in storage.all(kinds.NODE_CLAIMS) if buyer_of(claim) == name]
    racks = [rack for rack in storage.all(kinds.RACKS) if buyer_of(rack) == name]
    rented = [machine for machine in simulation.cloud.machines if machine.split("-")[1] == name]
    there = {DEFAULT: len(pools + claims), "racks": len(racks), "acme": len(rented)}
    for provisioner, count in there.items():
        if count and provisioner != source.provisioner:
            yield f"{name} has {count} machines of {provisioner}, {source.provisioner} is held"
    if source.provisioner == DEFAULT:
        yield from _of_options(name, wish, pools, claims)
    for rack in racks:
        if wish.refusal == "" and {key: rack["spec"].get(key) for key in source.options} != source.options:
            yield f"{name}: rack {rack['metadata']['name']} is {rack['spec']}, held is {source.options}"


def _of_options(name: str, wish: Wish, pools: list[Object], claims: list[Object]) -> Iterator[str]:
    options = wish.source.options
    pooled = [claim for claim in claims if claim["metadata"].get("ownerReferences")]
    if options["mode"] == "nodeclaim" and (pools or pooled):
        yield f"{name} has a NodePool, held are NodeClaims"
    if options["mode"] == "nodepool" and len(pooled) < len(claims):
        yield f"{name} has NodeClaims, held is a NodePool"
    for claim in claims:
        rules = {rule["key"]: rule.get("values") for rule in claim["spec"]["requirements"]}
        if rules.get(CAPACITY_TYPE) != [options["capacityType"]]:
            yield f"{name}: {claim['metadata']['name']} is {rules}, held is {options}"


def _causes(simulation: Simulation, wish: Wish) -> tuple[str, ...]:
    """Return the reasons of which one is true, for a Workspace that cannot be as it is asked."""
    causes = BAD_DATA if wish.fails else ()
    if wish.refusal:
        # What runs is left alone, on as many nodes as it has.
        return (*causes, wish.refusal)
    if wish.is_short:
        return TOO_FEW
    return (*causes, *SOLD_OUT) if _is_sold_out(simulation, wish) else causes


def _is_sold_out(simulation: Simulation, wish: Wish) -> bool:
    """Return whether no machine can be bought for it now; those that are held serve on."""
    return wish.source.provisioner == DEFAULT and bool(simulation.world.no_capacity)


def _answers(simulation: Simulation, name: str, workspace: Object, wish: Wish) -> bool:
    server = simulation.storage.find(kinds.STATEFULSETS, ("default", name))
    if server is None or server["spec"]["replicas"] != wish.nodes or not serves_as_asked(workspace, server):
        return False
    # A client gets to each copy; of the pods of one copy, and of a tuned model's server, the first answers.
    form, service = FORMS[wish.form], simulation.storage.find(kinds.SERVICES, ("default", name))
    if service is None or (POD_NAME in service["spec"]["selector"]) != (form.tunes or form.nodes > 1):
        return False
    return int((server.get("status") or {}).get("readyReplicas", 0)) >= wish.nodes


def _machines(simulation: Simulation, name: str) -> list[Object]:
    objects = [*simulation.storage.all(kinds.NODE_CLAIMS), *simulation.storage.all(kinds.RACKS)]
    rented: list[Object] = [
        {"metadata": {"name": machine}} for machine in simulation.cloud.machines if machine.split("-")[1] == name
    ]
    return [one for one in objects if buyer_of(one) == name] + rented


def _left(simulation: Simulation, wishes: Mapping[str, Wish]) -> Iterator[str]:
    storage = simulation.storage
    for kind in (kinds.NODE_CLAIMS, kinds.NODE_POOLS, kinds.RACKS):
        for machine in storage.all(kind):
            if buyer_of(machine) not in wishes:
                yield f"{kind.kind} {machine['metadata']['name']} is left of {buyer_of(machine)}"
    for rented in simulation.cloud.machines:
        if rented.split("-")[1] not in wishes:
            yield f"machine {rented} is left"
    owners = {found["metadata"]["uid"] for found in storage.all(kinds.WORKSPACES)}
    for kind in OWNED:
        for found in storage.all(kind):
            if not any(one["uid"] in owners for one in found["metadata"].get("ownerReferences", ())):
                yield f"{kind.kind} {found['metadata']['name']} has no owner"


def _remembered(simulation: Simulation, wishes: Mapping[str, Wish]) -> Iterator[str]:
    """What the operator still knows of Workspaces that are gone."""
    operator = simulation.operator
    known = {*operator._memory._records, *operator._cache.index.all()}
    yield from (f"{name} is remembered" for _, name in sorted(known) if name not in wishes)
