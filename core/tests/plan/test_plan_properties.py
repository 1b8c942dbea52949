"""Whatever a Workspace says, a plan comes out or a documented error; more memory is never worse."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.support.planning import GIB, HERE, PLAIN, WITH_ENGINE, inference, workspace

from llmwright.api.workspace import Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.errors import InvalidWorkspace, LLMwrightError
from llmwright.plan.make import make_plan
from llmwright.settings.model import Settings
from llmwright.values.plan import Target

names = st.sampled_from(["demo", "phi-4", "microsoft/Phi-4", "kimi-k2.5", "nothing", ""])
words = st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(
    st.sampled_from(["maxModelLen", "quantization", "lora", "max_steps", "dtype", "x"]), values, max_size=3
)
volumes = st.just({"hostPath": {"path": 3}}) | st.dictionaries(words, values, max_size=2)
sources = st.fixed_dictionaries(
    {},
    optional={
        "name": words,
        "urls": st.lists(st.sampled_from(["file:///d", "https://a.example/b", "x", ""]), max_size=2),
        "image": st.sampled_from(["", "r.example/a:1", "ACR_REPO_HERE.azurecr.io/IMAGE_NAME_HERE:0.0.1"]),
        "volumeSource": volumes,
    },
)
presets = st.fixed_dictionaries({"name": names})
adapters = st.lists(st.fixed_dictionaries({}, optional={"source": sources, "strength": words}), max_size=2)
inferences = st.fixed_dictionaries(
    {},
    optional={
        "preset": presets,
        "adapters": adapters,
        "runtime": st.sampled_from(["hf", "vllm", "zz"]),
        "runtimeConfig": objects,
        "replicas": st.integers(0, 5),
        "template": st.just({}),
        "config": words,
    },
)
tunings = st.fixed_dictionaries(
    {},
    optional={
        "preset": presets,
        "method": st.sampled_from(["lora", "QLoRA", "zz", ""]),
        "input": sources,
        "output": st.fixed_dictionaries({}, optional={"image": words, "volumeSource": volumes}),
        "methodConfig": objects,
        "onSuccess": st.sampled_from(["serve", "release"]),
    },
)
resources = st.fixed_dictionaries(
    {},
    optional={
        "instanceType": st.sampled_from(["Standard_NC6s_v3", "auto", "Standard_D4", "Standard_NC24ads_A100_v4", "?"]),
        "count": st.integers(-2, 10**9),
        "partition": st.sampled_from([{"mode": "mig", "profile": "?"}, {"mode": "accelerator", "count": 2}]),
    },
)
documents = st.fixed_dictionaries({"resource": resources}, optional={"inference": inferences, "tuning": tunings})


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents, target=st.sampled_from(["local", "kubernetes"]), engine=st.booleans())
def test_nothing_but_documented_errors(
    catalogue: Catalogue, document: dict[str, Any], target: Target, engine: bool
) -> None:
    try:
        found: Workspace = workspace(**document)
    except ValidationError:
        return
    with contextlib.suppress(LLMwrightError):
        plan = make_plan(
            found,
            catalogue=catalogue,
            drivers=WITH_ENGINE if engine else PLAIN,
            settings=Settings(),
            target=target,
            machine=HERE if target == "local" else None,
        )
        assert plan.creates
        assert all(fit.terms for _, fit in plan.fits)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["demo", "phi-3-mini-4k-instruct", "phi-4", "llama-3.1-8b-instruct", "gemma-4-e2b-it"]),
    memory=st.integers(1, 80),
    more=st.integers(0, 80),
    part=st.sampled_from(["inference", "lora", "qlora"]),
)
def test_more_memory_never_makes_a_plan_infeasible(
    catalogue: Catalogue, name: str, memory: int, more: int, part: str
) -> None:
    wanted = (
        workspace(inference=inference(name))
        if part == "inference"
        else workspace(tuning={"preset": {"name": name}, "method": part, "input": {"urls": ["file:///d"]}})
    )

    def feasible(gib: int) -> bool:
        machine = replace(HERE, memory_bytes=gib * GIB)
        try:
            make_plan(wanted, catalogue=catalogue, drivers=PLAIN, settings=Settings(), target="local", machine=machine)
        except InvalidWorkspace:
            return False
        return True

    assert feasible(memory + more) or not feasible(memory)
