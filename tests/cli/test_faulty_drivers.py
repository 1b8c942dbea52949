"""A fault of a driver or a hook is told as its own: one line that names it, exit 2, and nothing on stdout but JSON."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run
from tests.support.declared import Declare

from llmwright.plugins import slow_calls

Write = Callable[..., Path]

NUMBERS = itertools.count()
RUNTIME = """\
import os, sys, subprocess
from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.values.launch import Launch, Mount, Process
{top}
class Acme(Runtime):
    targets = frozenset({{"local", "kubernetes"}})
    capabilities = Capabilities(cpu=True)

    def {method}:
        {body}
"""
LAUNCH = (
    "    def launch(self, preset, fit, adapters, config):\n        return Launch(main=SERVE, ports={'http': 5000})\n"
)
RULE = """\
import os, subprocess, sys, time
from llmwright.plugins import hookimpl

@hookimpl
def {hook}():
    {body}
"""
SERVE = "SERVE = Process(name='serve', argv=('serve',))"
WORKSPACE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: w}
resource: {labelSelector: {matchLabels: {apps: w}}}
inference: {preset: {name: demo}, runtime: acme}
"""


@pytest.fixture
def installed(declared: Declare) -> Callable[..., None]:
    """Installs the runtime ``acme`` with one method of its own."""

    def install(body: str, method: str = "launch(self, preset, fit, adapters, config)", top: str = SERVE) -> None:
        module = f"acme_runtime_{next(NUMBERS)}"
        text = RUNTIME.format(top=top, method=method, body=body)
        if not method.startswith("launch"):
            text += LAUNCH
        declared("acme-runtime", {"llmwright.runtimes.v1": {"acme": f"{module}:Acme"}}, {f"{module}.py": text})

    return install


RAISING = [
    ("launch(self, preset, fit, adapters, config)", "raise KeyError('init')", "launch: KeyError: 'init'"),
    ("launch(self, preset, fit, adapters, config)", "sys.exit(3)", "launch: SystemExit: 3"),
    ("refuses(self, preset, fit)", "raise OSError('gone')", "refuses: OSError: gone"),
    ("refuses(self, preset, fit)", "return 7", "refuses: TypeError: returned 7, no None or str"),
    ("configure(self, options, files)", "raise RecursionError('deep')", "configure: RecursionError: deep"),
    ("__init__(self, context)", "1 / 0", "__init__: ZeroDivisionError: division by zero"),
]


@pytest.mark.parametrize(("method", "body", "said"), RAISING)
def test_a_method_that_raises_is_named(
    run: Run, written: Write, installed: Callable[..., None], method: str, body: str, said: str
) -> None:
    installed(body, method)
    ran = run("plan", "-f", written(WORKSPACE), "-o", "json")
    assert ran.code == 2
    assert ran.out == ""
    assert f"runtime 'acme' of acme-runtime 1.0 failed in {said}" in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err.splitlines()) <= 3


NO_LAUNCH = [
    ("None", "returned None, no Launch"),
    ("{'main': 1}", "returned {'main': 1}, no Launch"),
    ("Launch(main=Process(name='serve', argv=('serve', 5000)), ports={'http': 5000})", "argv ('serve', 5000) is not"),
    ("Launch(main=Process(name='serve', argv='serve'), ports={'http': 5000})", "argv 'serve' is not"),
    ("Launch(main='serve', ports={'http': 5000})", "main is str, no Process"),
    ("Launch(main=SERVE, prepare=[1], ports={'http': 5000})", "prepare is list, no tuple of Process"),
    ("Launch(main=SERVE, ports={'http': '5000'})", "ports are {'http': '5000'}"),
    ("Launch(main=SERVE)", "no port is named 'http'"),
    ("Launch(main=SERVE, ports={'web': 80})", "no port is named 'http'"),
    (
        "Launch(main=Process(name='serve', argv=('serve', '$(volume.weights)')), ports={'http': 5000})",
        "argv refers to volume 'weights', which it does not mount",
    ),
    (
        "Launch(main=Process(name='serve', argv=('x',), mounts=(Mount(volume='w', path='/w'),)), ports={'http': 1})",
        "mounts 'w', which is not declared",
    ),
    (
        "Launch(main=Process(name='serve', argv=('x',), env={'A': 1}), ports={'http': 1})",
        "env 'A' is int, not str or SecretKey",
    ),
]


@pytest.mark.parametrize(("launch", "said"), NO_LAUNCH)
@pytest.mark.parametrize("target", ["local", "kubernetes"])
def test_a_launch_that_cannot_be_run_is_found_in_the_plan(
    run: Run, written: Write, installed: Callable[..., None], launch: str, said: str, target: str
) -> None:
    installed(f"return {launch}")
    byo = WORKSPACE.replace("resource: {", "resource: {instanceType: Standard_NV36ads_A10_v5, provisioner: byo, ")
    ran = run("plan", "-f", written(byo), "--target", target)
    assert ran.code == 2
    assert "runtime 'acme' of acme-runtime 1.0" in ran.err
    assert said in ran.err


def test_references_in_a_users_own_text_are_no_fault(run: Run, written: Write, installed: Callable[..., None]) -> None:
    options = "    def configure(self, options, files):\n            return options\n"
    launch = "return Launch(main=Process(name='serve', argv=('serve', config['say'])), ports={'http': 5000})"
    installed(f"{launch}\n\n    {options.strip()}")
    said = WORKSPACE.replace("runtime: acme", "runtime: acme, runtimeConfig: {say: 'a $(volume.x) of $(port.y)'}")
    ran = run("plan", "-f", written(said))
    assert ran.code == 0, ran.err


PRINTS = "print('noise'); sys.stdout.write('noise\\n'); os.write(1, b'noise\\n'); subprocess.run(['echo', 'noise'])"


@pytest.mark.parametrize("where", ["import", "launch", "hook"])
def test_what_a_plugin_prints_stays_off_stdout(
    run: Run, written: Write, installed: Callable[..., None], declared: Declare, where: str
) -> None:
    top = f"{SERVE}\n{PRINTS if where == 'import' else ''}"
    body = f"{PRINTS if where == 'launch' else 'pass'}\n        return Launch(main=SERVE, ports={{'http': 5000}})"
    installed(body, top=top)
    if where == "hook":
        code = RULE.format(hook="check_workspace", body=PRINTS)
        module = f"acme_rule_{next(NUMBERS)}"
        declared("acme-rule", {"llmwright.hooks.v1": {"rule": module}}, {f"{module}.py": code})
    ran = run("plan", "-f", written(WORKSPACE), "-o", "json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)
    assert ran.err.count("noise") >= 4


@pytest.mark.parametrize("where", ["import", "launch", "hook"])
def test_a_plugin_that_takes_long_is_named(
    run: Run,
    written: Write,
    installed: Callable[..., None],
    declared: Declare,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    monkeypatch.setattr(slow_calls, "SLOW_S", 0.2)
    monkeypatch.setattr(slow_calls, "LOOK_EVERY_S", 0.02)
    slow = "import time; time.sleep(0.6)"
    installed(
        f"{slow if where == 'launch' else 'pass'}\n        return Launch(main=SERVE, ports={{'http': 5000}})",
        top=f"{SERVE}\n{slow if where == 'import' else ''}",
    )
    if where == "hook":
        code = RULE.format(hook="check_workspace", body=slow)
        module = f"acme_rule_{next(NUMBERS)}"
        declared("acme-rule", {"llmwright.hooks.v1": {"rule": module}}, {f"{module}.py": code})
    ran = run("plan", "-f", written(WORKSPACE), "-o", "json")
    assert ran.code == 0, ran.err
    named = {
        "import": "llmwright: note: the import of runtime 'acme' of acme-runtime 1.0 has taken",
        "launch": "llmwright: note: launch of runtime 'acme' of acme-runtime 1.0 has taken",
        "hook": "llmwright: note: hook check_workspace of 'rule' of acme-rule 1.0 has taken",
    }
    # A rule is asked about the Workspace, and again about its plan: each call is slow.
    assert ran.err.count(named[where]) == (2 if where == "hook" else 1)
    assert json.loads(ran.out)


TUNER = """\
from llmwright.plugins.drivers import Tuner
from llmwright.values.launch import Launch, Process

class Acme(Tuner):
    targets = frozenset({{"local"}})

    def memory(self, preset, config):
        {memory}

    def launch(self, preset, fit, data, config):
        return Launch(main=Process(name="train", argv=("train",)))
"""
TUNING = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: t}
tuning:
  preset: {name: demo}
  method: acme
  input: {urls: ["https://example.com/data.jsonl"]}
"""


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        ("raise KeyError('layers')", "failed in memory: KeyError: 'layers'"),
        ("return 7", "failed in memory: TypeError: returned 7, no MemoryTerm values"),
        ("yield 7", "failed in memory: TypeError: returned 7 among MemoryTerm values"),
    ],
)
def test_a_tuner_that_breaks_is_named(run: Run, written: Write, declared: Declare, memory: str, said: str) -> None:
    module = f"acme_tuner_{next(NUMBERS)}"
    files = {f"{module}.py": TUNER.format(memory=memory)}
    declared("acme-tuner", {"llmwright.tuners.v1": {"acme": f"{module}:Acme"}}, files)
    ran = run("plan", "-f", written(TUNING))
    assert ran.code == 2
    assert f"tuner 'acme' of acme-tuner 1.0 {said}" in ran.err


@pytest.mark.parametrize("hook", ["check_workspace", "manifests"])
def test_a_hook_that_ends_the_process_is_named(run: Run, written: Write, declared: Declare, hook: str) -> None:
    code = RULE.format(hook=hook, body="sys.exit(9)")
    module = f"acme_rule_{next(NUMBERS)}"
    declared("acme-rule", {"llmwright.hooks.v1": {"rule": module}}, {f"{module}.py": code})
    byo = WORKSPACE.replace(", runtime: acme", ", runtime: hf").replace(
        "resource: {", "resource: {instanceType: Standard_NV36ads_A10_v5, provisioner: byo, "
    )
    ran = run("render", "-f", written(byo), "--target", "kubernetes")
    assert ran.code == 2
    assert f"failed in {hook}: SystemExit: 9" in ran.err


def test_a_plugin_that_ends_its_process_is_named_by_the_list(
    run: Run, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("return None", top="os._exit(7)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    ran = run("plugins", "list", "--check")
    (line,) = [line for line in (ran.out + ran.err).splitlines() if "ended with 7" in line]
    assert "acme" in line
