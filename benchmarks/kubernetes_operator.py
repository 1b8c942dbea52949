"""The operator on a real API server: seconds, requests and memory, against KAITO's controller in the same harness.

Seconds are those that a user waits for: from applying a Workspace until it is ready, and until its first object exists,
each as the median and the last of all Workspaces that were applied at once.

    python -m benchmarks.kubernetes_operator --harness DIR --assets DIR [--case byo:1,20,100 …] [--runs 3]

The harness applies Workspaces, plays scheduler, kubelets and the makers of nodes, and counts the operator's requests
in the API server's audit log; it shares the machine with everything that it measures. Cases are ``byo``, ``claims``,
``tuning`` (both by NodeClaims) and ``waiting`` (nodes come late), each with the numbers of Workspaces that are applied
at once. ``preflight`` is ``tuning`` with the check before any node is asked for, which the other cases leave out.

``byo`` and ``claims`` are run in turns with ``kubernetes_floor.py``, which sends the same writes and decides nothing:
what this machine can do at all with so many requests, at that moment.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.kubernetes_floor import NAME as RECORDED
from benchmarks.kubernetes_floor import recorded
from benchmarks.kubernetes_report import Run, report, report_floor

from llmwright.api.crd import crd
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import PODS
from llmwright.targets.kubernetes.cluster.kubeconfig import connect
from llmwright.targets.kubernetes.operator.process.operator import WORKERS
from llmwright.targets.kubernetes.operator.rbac import manifests

BESIDE = Path(__file__).parents[2] / "shared"
GARBAGE_COLLECTOR_S = 32
"""The controller manager's garbage collector looks for new kinds every 30 s, and deletes nothing of them before."""

WORKSPACE = f"""
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: {RECORDED}, namespace: default}}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector: {{matchLabels: {{apps: {RECORDED}}}}}
inference:
  preset: {{name: phi-4-mini-instruct}}
"""
"""The harness's own Workspace for inference."""

CLAIMS = ("--nodes", "claims", "--gone", "nodeclaims,nodes")
JOBS = ("--children", "jobs:1,controllerrevisions:1", "--workload", "jobs", "--ready", "status.state=Running")


@dataclass(frozen=True, slots=True)
class Case:
    """What is applied, where nodes come from, and how many Workspaces at once by default."""

    template: str
    provisioner: str
    arguments: tuple[str, ...]
    numbers: tuple[int, ...]
    preflight: bool = False
    floor: bool = False


CASES = {
    "byo": Case("inference", "byo", ("--nodes", "pre", "--restart"), (1, 20, 100), floor=True),
    "claims": Case("inference", "karpenter", (*CLAIMS, "--restart"), (1, 100), floor=True),
    "tuning": Case("tuning", "karpenter", (*CLAIMS, *JOBS), (100,)),
    "preflight": Case(
        "tuning", "karpenter", (*CLAIMS, *JOBS, "--children", "jobs:2,controllerrevisions:1"), (100,), preflight=True
    ),
    "waiting": Case("inference", "byo", ("--nodes", "post", "--node-delay", "40"), (100,)),
}


def main() -> int:
    """Print a table; return 1 where a goal is missed or the harness failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harness", type=Path, default=BESIDE / "operator-bench")
    parser.add_argument("--assets", type=Path, help="etcd, kube-apiserver and so on (KUBEBUILDER_ASSETS)")
    parser.add_argument("--case", action="append", metavar="NAME[:N,…]", help=f"of {', '.join(CASES)}")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, help="keep every run's figures here, a line of JSON each")
    options = parser.parse_args()
    assets = options.assets or assets_beside()
    if not (options.harness / "bench.py").exists() or assets is None:
        print("needs the harness (--harness) and Kubernetes' programs (--assets, KUBEBUILDER_ASSETS)", file=sys.stderr)
        return 2
    missed = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder, cluster(options.harness, assets, Path(folder)) as bench:
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {options.runs} runs: median (lowest to highest)")
        for name, numbers in chosen(options.case):
            for number in numbers:
                found, floor = bench.measure(name, number, options.runs)
                missed += report(name, number, found)
                if floor:
                    report_floor(found, floor)
                if options.out:
                    with options.out.open("a") as out:
                        out.writelines(json.dumps({"case": name, **one}) + "\n" for one in (*found, *floor))
    return int(missed > 0)


def assets_beside() -> Path | None:
    """``KUBEBUILDER_ASSETS``, else the programs packed beside this repository, None without either."""
    if named := os.environ.get("KUBEBUILDER_ASSETS"):
        return Path(named)
    unpack = BESIDE / "envtest/unpack"
    return Path(subprocess.check_output([unpack], text=True).strip()) if unpack.exists() else None


def chosen(given: Sequence[str] | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The cases to run, each with its numbers of Workspaces."""
    for text in given or CASES:
        name, _, numbers = text.partition(":")
        if name not in CASES:
            raise SystemExit(f"no case {name!r}; there are {', '.join(CASES)}")
        yield name, tuple(map(int, numbers.split(","))) if numbers else CASES[name].numbers


@dataclass(frozen=True, slots=True)
class Bench:
    """A cluster of the harness that runs, with the CRDs and the operator's rights in it."""

    harness: Path
    folder: Path
    port: int

    def measure(self, name: str, number: int, runs: int) -> tuple[list[Run], list[Run]]:
        """The harness's figures of each run, ours and the floor's in turns; none of the latter where there is none."""
        case, ours, floor = CASES[name], [], []
        for _ in range(runs):
            ours.append(self.run(name, number, self.operator(case), case.arguments, case.template))
            if case.floor:
                command = self.floor(case, ours[0]["sample_status"])
                arguments = [word for word in case.arguments if word != "--restart"]
                floor.append(self.run(f"{name} floor", number, command, arguments, case.template))
        return ours, floor

    def operator(self, case: Case) -> list[str]:
        """How ours is started."""
        command = [
            *self._llmwright(case),
            "operator",
            "--kubeconfig",
            str(self.folder / "cluster/operator.kubeconfig"),
        ]
        return [*command, "--health-port", str(self.port + 5), "--metrics-port", str(self.port + 6)]

    def floor(self, case: Case, status: Mapping[str, Any]) -> list[str]:
        """How the floor is started, with what ours renders of the same Workspace and the status that it ended with."""
        workspace, bodies = self.folder / "recorded.yaml", self.folder / "recorded.json"
        workspace.write_text(WORKSPACE)
        render = [*self._llmwright(case), "render", "-f", str(workspace), "--target", "kubernetes", "-o", "json"]
        rendered = json.loads(subprocess.check_output(render, text=True))["items"]
        bodies.write_text(json.dumps(recorded(rendered, dict(status))))
        command = [sys.executable, str(Path(__file__).with_name("kubernetes_floor.py")), "--harness", str(self.harness)]
        kubeconfig = self.folder / "cluster/operator.kubeconfig"
        return [*command, "--kubeconfig", str(kubeconfig), "--recorded", str(bodies), "--workers", str(WORKERS)]

    def _llmwright(self, case: Case) -> list[str]:
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps({"preflight": case.preflight, "provisioner": case.provisioner}))
        return [sys.executable, "-m", "llmwright", "--settings", str(settings)]

    def run(self, label: str, number: int, command: Sequence[str], arguments: Sequence[str], template: str) -> Run:
        """The harness's figures of one run of an operator that ``command`` starts."""
        out = self.folder / "runs.jsonl"
        out.unlink(missing_ok=True)
        flags: dict[str, str] = {
            "--cluster": f"{self.folder}/cluster/cluster.json",
            "--template": template,
            "--operator-cmd": shlex.join(command),
            "--operator-log": f"{self.folder}/operator.log",
            "--events": f"{self.folder}/events.jsonl",
            "--out": str(out),
            "--label": label,
            "--n": str(number),
        }
        listed = [word for pair in flags.items() for word in pair]
        driver = [sys.executable, str(self.harness / "bench.py"), "run", *listed, *arguments]
        done = subprocess.run(driver, capture_output=True, text=True, check=False)
        if done.returncode:
            log = self.folder / "operator.log"
            raise SystemExit(f"{done.stderr}\n{log.read_text()[-2000:] if log.exists() else ''}")
        found: Run = json.loads(out.read_text())
        return found


@contextmanager
def cluster(harness: Path, assets: Path, folder: Path) -> Iterator[Bench]:
    """etcd, API server and controller manager, and what stands for nodes and pods, until the end."""
    tool = [sys.executable, str(harness / "cluster.py")]
    # The harness takes four ports from the first on, and the operator of each run two.
    where, port = folder / "cluster", random.randrange(20000, 32000, 10)
    up = [*tool, "up", "--bin", str(assets), "--dir", str(where), "--no-fsync", "--port", str(port)]
    subprocess.run(up, check=True, stdout=subprocess.DEVNULL)
    try:
        install(assets, where)
        cloud = [sys.executable, str(harness / "fakecloud.py"), "--server", f"https://127.0.0.1:{port}", "--nodeclaims"]
        with (folder / "cloud.log").open("w") as log:
            playing = subprocess.Popen(
                [*cloud, "--events", str(folder / "events.jsonl")], stdout=log, stderr=log, cwd=folder
            )
        try:
            threading.Thread(target=end_checks, args=(connect(where / "cloud.kubeconfig"),), daemon=True).start()
            time.sleep(2)
            yield Bench(harness, folder, port)
        finally:
            playing.terminate()
            playing.wait()
    finally:
        subprocess.run([*tool, "down", "--dir", str(where)], check=True)


def end_checks(api: Api) -> None:
    """What the harness does not play: pods of preflight Jobs end well, although no node is there for them."""
    while True:
        try:
            for event in api.watch(PODS, {}):
                about, status = event["object"].get("metadata") or {}, event["object"].get("status") or {}
                if "-preflight-" in about.get("name", "") and status.get("phase") in ("Pending", "Running"):
                    done = {"status": {"phase": "Succeeded"}}
                    api.merge(PODS, about["namespace"], about["name"], done, "status")
        except ApiError:
            time.sleep(0.2)


def install(assets: Path, where: Path) -> None:
    """The CRDs, and the operator's rights for the harness's user."""
    rights = manifests("default", "operator", DriverSet.of_registry(Registry()).access_rules())
    for binding in (each for each in rights if "subjects" in each):
        binding["subjects"] = [{"kind": "User", "name": "operator"}]
    ours = json.dumps({"apiVersion": "v1", "kind": "List", "items": [crd(), *rights]})
    karpenter = subprocess.check_output([assets / "karpenter-crds"], text=True)
    for text in (ours, karpenter):
        apply = [str(assets / "kubectl"), "--kubeconfig", str(where / "admin.kubeconfig"), "apply", "-f", "-"]
        subprocess.run(apply, input=text, text=True, check=True, stdout=subprocess.DEVNULL)
    time.sleep(GARBAGE_COLLECTOR_S)


if __name__ == "__main__":
    sys.exit(main())
