"""Processors and memory of a pod follow from the plan's fit."""

from __future__ import annotations

from dataclasses import replace

from core.tests.targets.kubernetes.support.rendered import NODES, SERVER, TUNING, pod, render_input

from llmwright.targets.kubernetes.manifests import preflight_objects, serving_objects
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import Launch, Process

GIB = 1024**3
MACHINE = InstanceType(name="m", cloud="azure", gpus=4, gpu_memory_bytes=80 * GIB, cpus=96, memory_bytes=880 * GIB)
FIT = Fit(instance_type=MACHINE, gpus=2, terms=(MemoryTerm("weights", 14 * GIB),), budget_bytes=76 * GIB)
BESIDE = replace(SERVER, beside=(Process(name="route", argv=("route",)),))


def test_a_server_gets_its_share_of_the_machine() -> None:
    source = replace(render_input(), fits=(("serving", FIT),))
    main, beside = pod(serving_objects(source, BESIDE, NODES))["containers"]
    assert main["resources"]["limits"] == {"cpu": "48", "memory": "405504Mi", "nvidia.com/gpu": "2"}
    assert main["resources"]["requests"] == {"cpu": "24", "memory": "22528Mi", "nvidia.com/gpu": "2"}
    assert beside["resources"]["limits"] == {"cpu": "2", "memory": "4096Mi"}


def test_without_a_fit_only_gpus_are_asked_for() -> None:
    (main,) = pod(serving_objects(render_input(), SERVER, NODES))["containers"]
    assert main["resources"]["requests"] == {"nvidia.com/gpu": "2"}


def test_a_preflight_has_room_for_small_programs() -> None:
    launch = Launch(main=Process(name="check", argv=("check",)))
    (check,) = pod(preflight_objects(render_input(tuning=TUNING), launch))["containers"]
    assert check["resources"]["requests"] == {"cpu": "250m", "memory": "512Mi"}
