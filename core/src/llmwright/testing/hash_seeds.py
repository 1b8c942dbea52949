"""Whether pure methods and hooks answer the same in every process: the order of a set differs from one to the next."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SEEDS = ("1", "2", "4", "7")
"""With these a set of two texts is in one order in all processes once in eight times."""

CHILD = """
import dataclasses, datetime, hashlib, importlib, json, pickle, sys
from llmwright.plugins.drivers import Context

def plain(value):
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return list(value) if hasattr(value, "__next__") else repr(value)

def result(method, arguments):
    try:
        return json.dumps(getattr(driver, method)(*arguments), default=plain)
    except Exception as error:
        return repr(error)

module, name, settings, calls = pickle.loads(sys.stdin.buffer.read())
now = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
driver = getattr(importlib.import_module(module), name)(Context(clock=lambda: now, settings=settings))
stdout, sys.stdout = sys.stdout, sys.stderr
for method, arguments in calls:
    print(hashlib.sha256(result(method, arguments).encode()).hexdigest(), file=stdout)
"""
"""Reads calls from stdin, and prints a digest of each result. What a call raises is another law's matter."""

HOOKS = """
import hashlib, json, pickle, sys
from collections.abc import Mapping
from llmwright.plugins.registry import Registry

def result(workspace, preset, objects):
    about = {"workspace": workspace, "plan": None}
    try:
        judged = hooks.collect("check_workspace", required=True, preset=preset, **about)
        made = hooks.revise("manifests", "objects", objects, items=Mapping, **about)
        return repr([[*problems] for _, problems in judged]) + json.dumps([*made], sort_keys=True)
    except Exception as error:
        return repr(error)

plugin, cases = pickle.loads(sys.stdin.buffer.read())
stdout, sys.stdout = sys.stdout, sys.stderr
hooks = Registry(log=lambda line: None, allowed=(plugin,)).hooks()
for case in cases:
    print(hashlib.sha256(result(*case).encode()).hexdigest(), file=stdout)
"""
"""Reads a distribution's name and cases for its hooks from stdin, and prints a digest of each result."""

Calls = Mapping[str, tuple[str, tuple[Any, ...]]]
"""The method and the arguments of each call, by words for the message."""


def differing(driver: type, settings: Mapping[str, Any], calls: Calls) -> list[str]:
    """Return the calls, by their words, whose result is not the same in every process.

    Raises:
        AssertionError: the driver cannot be called there; the message is the last line of the other process.
    """
    job = pickle.dumps((driver.__module__, driver.__qualname__, dict(settings), list(calls.values())))
    return [about for about, alike in zip(calls, _alike(CHILD, job, driver.__qualname__), strict=True) if not alike]


def differing_hooks(plugin: str, cases: Mapping[str, tuple[Any, ...]]) -> list[str]:
    """Return the cases, by their words, for which the hooks of ``plugin`` do not answer the same in every process.

    A case is a Workspace, its preset or None, and its objects.

    Raises:
        AssertionError: the hooks cannot be called there; the message is the last line of the other process.
    """
    job = pickle.dumps((plugin, list(cases.values())))
    return [about for about, alike in zip(cases, _alike(HOOKS, job, plugin), strict=True) if not alike]


def _alike(code: str, job: bytes, name: str) -> list[bool]:
    """Return for each call of ``job`` whether it has one result in all processes."""
    path = os.pathsep.join(filter(None, sys.path))
    children = [_child(code, {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed}) for seed in SEEDS]
    answers: list[Sequence[str]] = []
    for child in children:
        out, err = child.communicate(job)
        last = (err.decode(errors="replace").strip().splitlines() or ["it printed nothing"])[-1]
        assert child.returncode == 0, f"{name} cannot be used in a process of its own: {last}"
        answers.append(out.decode().split())
    return [len({*each}) == 1 for each in zip(*answers, strict=True)]


def _child(code: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # Not this module: importing it would load pytest, in each of them.
    command = [sys.executable, "-c", code]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(environ)
    )
