"""The witness of a simulation: it sees every write, and keeps in mind what must never happen, though it ended well."""

from __future__ import annotations

from collections import Counter

from tests.simulation import kinds
from tests.simulation.acting import digest_of, is_leaving, is_ready
from tests.simulation.forms import DEFAULT_RUNTIME, pods_of_a_copy
from tests.simulation.node_source import MUTABLE, NodeSource, recorded_in, written_in

from llmwright.testing.simulation.storage import Change, Object, Storage
from llmwright.testing.simulation.timeline import Timeline

BUYER_LABELS = ("kaito.sh/workspace", "karpenter.kaito.sh/workspace-name", "acme.example/workspace")


class Witness:
    """Looks at each change of the storage.

    ``early`` has each time that a Workspace was called Ready of a generation of which no server had answered yet;
    ``doubled`` each machine that was asked for beyond what was wanted at any time; ``unasked`` each record of where
    nodes come from that no user wrote, or that moved once it was made. ``mode`` is karpenter's, by the settings.
    """

    def __init__(self, storage: Storage, timeline: Timeline, mode: str) -> None:
        self._storage, self._timeline, self._mode = storage, timeline, mode
        self.early: list[str] = []
        self.doubled: list[str] = []
        self.unasked: list[str] = []
        self.held: dict[str, NodeSource] = {}
        """Where the nodes of each Workspace come from since its first plan, by uid."""
        self.writes: Counter[str] = Counter()
        self._written: dict[str, list[NodeSource]] = {}
        self._answered: dict[str, int] = {}
        self._unanswered: dict[str, dict[int, Object]] = {}
        self._most: dict[str, int] = {}
        storage.changed = self._look

    def expect(self, name: str, nodes: int, *, fresh: bool) -> None:
        """Note how many machines a Workspace may have from now on; a ``fresh`` one has none yet."""
        self._most[name] = nodes if fresh else max(nodes, self._most.get(name, 0))

    def _look(self, change: Change) -> None:
        self.writes[str(change.kind)] += 1
        if change.kind in (kinds.PODS, kinds.STATEFULSETS, kinds.JOBS, kinds.WORKSPACES):
            self._note_answers(change)
        if change.kind in (kinds.NODE_CLAIMS, kinds.RACKS) and change.before is None and change.after is not None:
            self._note_machine(change.after, change.kind)
        if change.kind == kinds.WORKSPACES and change.after is not None:
            self._note_source(change.after)
            if is_ready(change.after):
                self._note_ready(change.before, change.after)

    def _note_answers(self, change: Change) -> None:
        """Keep the last generation of each Workspace as which all pods were ready at one moment, or the Job had ended.

        An operator that does not see the latest one yet may tell the truth about the one before.
        """
        name = _workspace_of(change)
        found = self._storage.find(kinds.WORKSPACES, ("default", name))
        if found is None:
            return
        uid, generation = found["metadata"]["uid"], found["metadata"]["generation"]
        waiting = self._unanswered.setdefault(uid, {})
        if generation > self._answered.get(uid, 0):
            waiting[generation] = found
        for number, workspace in sorted(waiting.items(), reverse=True):
            if self._is_served(name, {**workspace, "status": found.get("status")}):
                self._answered[uid] = number
                self._unanswered[uid] = {later: each for later, each in waiting.items() if later > number}
                return

    def _is_served(self, name: str, workspace: Object) -> bool:
        if (workspace.get("tuning") or {}).get("onSuccess") == "release":
            job = self._storage.find(kinds.JOBS, ("default", name))
            return bool(job and (job.get("status") or {}).get("conditions")) or self._was_tuned(workspace)
        server = self._storage.find(kinds.STATEFULSETS, ("default", name))
        if server is None or not serves_as_asked(workspace, server):
            return False
        uid = server["metadata"]["uid"]
        pods = [pod for pod in self._storage.all(kinds.PODS) if pod["metadata"]["ownerReferences"][0]["uid"] == uid]
        revision = digest_of(server["spec"]["template"])
        latest = [pod for pod in pods if pod["metadata"]["labels"].get("controller-revision-hash") == revision]
        return sum(is_ready(pod) and not is_leaving(pod) for pod in latest) >= int(server["spec"]["replicas"])

    def _was_tuned(self, workspace: Object) -> bool:
        return bool((workspace.get("status") or {}).get("tuned"))

    def _note_source(self, workspace: Object) -> None:
        """Keep what is written and what is on record; it is fixed with the first plan, but for mutable options."""
        uid, written, record = workspace["metadata"]["uid"], written_in(workspace), recorded_in(workspace)
        ever = self._written.setdefault(uid, [])
        if written not in ever:
            ever.append(written)
        if record is None:
            return
        if uid not in self.held:
            if record not in [each.settled(self._mode) for each in ever]:
                self._note_unasked(workspace, record)
            self.held[uid] = record
        held = self.held[uid]
        if record.provisioner != held.provisioner or _fixed(record) != _fixed(held):
            self._note_unasked(workspace, record)
        self.held[uid] = held.after(written, self._mode)

    def _note_unasked(self, workspace: Object, record: NodeSource) -> None:
        self.unasked.append(f"{workspace['metadata']['name']}: {record} at {self._timeline.now:.2f} s")

    def _note_machine(self, machine: Object, kind: kinds.Kind) -> None:
        name = buyer_of(machine)
        alive = [one for one in self._storage.all(kind) if buyer_of(one) == name and not is_leaving(one)]
        if name and len(alive) > self._most.get(name, 0):
            self.doubled.append(f"{name} had {len(alive)} of {kind} at {self._timeline.now:.2f} s")

    def _note_ready(self, before: Object | None, after: Object) -> None:
        metadata, generation = after["metadata"], (after.get("status") or {}).get("observedGeneration", 0)
        if before is not None and is_ready(before) and before["status"].get("observedGeneration") == generation:
            return
        if self._answered.get(metadata["uid"], 0) < generation:
            self.early.append(f"{metadata['name']}, generation {generation}, at {self._timeline.now:.2f} s")


def serves_as_asked(workspace: Object, server: Object) -> bool:
    """Return whether a StatefulSet is what the Workspace asks for, as far as users change it here."""
    inference = workspace.get("inference") or {}
    length = (inference.get("runtimeConfig") or {}).get("maxModelLen")
    if length is not None and str(length) not in str(server["spec"]["template"]):
        return False
    if inference and (inference.get("runtime") or DEFAULT_RUNTIME) != runtime_of(server):
        return False
    wanted = int(inference.get("replicas") or 1) * pods_of_a_copy(workspace)
    return bool(server["spec"]["replicas"] >= wanted)


def runtime_of(server: Object) -> str:
    """Return the runtime that a StatefulSet starts."""
    return "hf" if "llmwright_runtime_hf" in str(server["spec"]["template"]["spec"]["containers"]) else "vllm"


def _fixed(source: NodeSource) -> dict[str, str]:
    return {key: value for key, value in source.options.items() if key not in MUTABLE}


def buyer_of(machine: Object) -> str | None:
    """Return the Workspace that a machine's object is for: its own label, or that of its NodePool."""
    labels = machine["metadata"].get("labels") or {}
    return next((labels[label] for label in BUYER_LABELS if label in labels), None)


def _workspace_of(change: Change) -> str:
    found = change.object["metadata"]
    if change.kind == kinds.PODS:
        return str((found.get("labels") or {}).get("kaito.sh/workspace", ""))
    return str(found["name"])
