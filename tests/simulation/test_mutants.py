"""The schedules see what they are there for: each of these mistakes, made on purpose, is found by some seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MUTANTS = {
    "a refused purchase is not recorded": (
        "import llmwright.lifecycle.resource as room\n"
        "before = room._refused\n"
        "def refused(facts, builder, *rest):\n"
        "    before(facts, builder, *rest)\n"
        "    builder.fields.pop('provisioner', None)\n"
        "room._refused = refused\n"
    ),
    "what was asked for and is not seen is not waited for": (
        "import llmwright_provisioner_karpenter.attempts as attempts\n"
        "attempts.Attempts.unseen_s = lambda self, now: 0.0\n"
    ),
    "nobody looks past the caches before a Workspace goes": (
        "import llmwright.targets.kubernetes.operator.cache.provisioner_snapshot as room\n"
        "room.ClusterSnapshot.may_hide = staticmethod(lambda watches: False)\n"
    ),
    "an object that took the name since is forgotten with the one before": (
        "import llmwright.targets.kubernetes.cluster.object_cache as cache\n"
        "before = cache.ObjectCache.forget\n"
        "cache.ObjectCache.forget = lambda self, namespace, name, uid: before("
        "self, namespace, name, (self.get(namespace, name) or {'metadata': {'uid': ''}})['metadata']['uid'])\n"
    ),
    "no finalizer": (
        "import llmwright.targets.kubernetes.operator.report.status_patch as room\n"
        "room.StatusWriter.mark = lambda self, live, annotations: live\n"
    ),
    "the finalizer goes at once": (
        "import llmwright.lifecycle.decide as decide\n"
        "from llmwright.lifecycle.decision import Finish\n"
        "decide.deleting = lambda workspace, observed, previous, builder, *rest: builder.actions.append(Finish())\n"
    ),
    "Ready is said once the server was made": (
        "import llmwright.targets.kubernetes.operator.observe.workloads as room\nroom._answers = lambda *_: True\n"
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda name: name.replace(" ", "-"))
def test_each_mistake_is_found(mutant: str) -> None:
    arguments = "import sys; sys.argv[1:] = ['0', '400', '--first']"
    code = f"{MUTANTS[mutant]}\n{arguments}\nfrom tests.simulation.__main__ import main\nsys.exit(main())"
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "->" in done.stdout
