"""Whether a driver's pure methods answer the same in every process: the order of a set differs from one to the next."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SEEDS = ("1", "2", "3")

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

Calls = Mapping[str, tuple[str, tuple[Any, ...]]]
"""The method and the arguments of each call, by words for the message."""


def differing(driver: type, settings: Mapping[str, Any], calls: Calls) -> list[str]:
    """Return the calls, by their words, whose result is not the same in every process.

    Raises:
        AssertionError: the driver cannot be called there; the message is the last line of the other process.
    """
    job = pickle.dumps((driver.__module__, driver.__qualname__, dict(settings), list(calls.values())))
    path = os.pathsep.join(filter(None, sys.path))
    children = [_child({**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed}) for seed in SEEDS]
    answers: list[Sequence[str]] = []
    for child in children:
        out, err = child.communicate(job)
        last = (err.decode(errors="replace").strip().splitlines() or ["it printed nothing"])[-1]
        assert child.returncode == 0, f"{driver.__qualname__} cannot be used in a process of its own: {last}"
        answers.append(out.decode().split())
    return [about for number, about in enumerate(calls) if len({answer[number] for answer in answers}) > 1]


def _child(environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # Not this module: importing it would load pytest, in each of them.
    command = [sys.executable, "-c", CHILD]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(environ)
    )
