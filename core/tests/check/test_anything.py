"""Whatever mapping comes in, only the documented errors come out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.checking import MACHINES, PRESETS, SERVE, TUNE, inputs_of

from llmwright.api.document import Document, parse_workspace
from llmwright.check import NodeFacts, check_workspace
from llmwright.errors import InvalidWorkspace
from llmwright.values.feature_gates import FeatureGates

WORDS = st.sampled_from(
    [
        *("", "auto", "qlora", "vllm", "hf", "byo", "karpenter", "In", "../x", "a.b", "X_HERE", "r.io/a:1"),
        *("http://[::1]/", "file:///x", "0.5", "nan", "1g.10gb", "mig", "accelerator", "org/model"),
        *PRESETS,
        *MACHINES,
    ]
)
LEAF = st.none() | st.booleans() | st.integers(-2, 2**40) | st.floats(allow_nan=False) | WORDS | st.text(max_size=6)
ANY = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))
STRINGS = st.dictionaries(WORDS, WORDS, max_size=2)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields)


VOLUME = STRINGS | st.just({"hostPath": {"path": "/x"}})
SOURCE = maybe(name=WORDS, urls=st.lists(WORDS, max_size=2), image=WORDS, volumeSource=VOLUME)
PRESET = st.fixed_dictionaries(
    {"name": WORDS}, optional={"presetOptions": maybe(modelAccessSecret=WORDS), "accessMode": st.just("private")}
)
RESOURCE = maybe(
    count=st.integers(-1, 5),
    instanceType=WORDS,
    labelSelector=maybe(
        matchLabels=STRINGS,
        matchExpressions=st.lists(
            st.fixed_dictionaries({"key": WORDS, "operator": WORDS}, optional={"values": st.lists(WORDS)}), max_size=2
        ),
    ),
    partition=st.fixed_dictionaries(
        {"mode": st.sampled_from(["mig", "accelerator"])}, optional={"profile": WORDS, "count": st.integers(1, 3)}
    ),
    provisioner=WORDS,
    provisionerConfig=st.dictionaries(WORDS, ANY, max_size=2),
)
ADAPTERS = st.lists(maybe(source=SOURCE, strength=WORDS), max_size=3)
INFERENCE = maybe(
    preset=PRESET,
    template=st.dictionaries(WORDS, ANY, max_size=2),
    config=WORDS,
    adapters=ADAPTERS,
    runtime=WORDS,
    runtimeConfig=st.dictionaries(WORDS, ANY, max_size=2),
)
TUNING = maybe(
    preset=PRESET,
    method=WORDS,
    config=WORDS,
    input=SOURCE,
    output=maybe(image=WORDS, imagePushSecret=WORDS, volumeSource=VOLUME),
    methodConfig=st.dictionaries(WORDS, ANY, max_size=2),
)
ANNOTATIONS = st.sampled_from(
    ["kaito.sh/runtime", "kaito.sh/model-streaming", "kaito.sh/node-class-name", "kaito.sh/bypass-resource-checks"]
)
WORKSPACE = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["kaito.sh/v1beta1", "kaito.sh/v1alpha1"]),
        "kind": st.just("Workspace"),
        "metadata": maybe(name=WORDS, namespace=WORDS, annotations=st.dictionaries(ANNOTATIONS, WORDS, max_size=3)),
    },
    optional={"resource": RESOURCE, "inference": INFERENCE, "tuning": TUNING},
)
FACTS = st.fixed_dictionaries(
    {
        "target": st.sampled_from(["kubernetes", "local"]),
        "cloud": st.sampled_from(["azure", "aws", ""]),
        "nodes": st.none() | st.just(()) | st.builds(lambda labels: (NodeFacts("n", labels),), STRINGS),
        "release_namespace": st.none() | st.just("kaito"),
        "provisioner": st.none() | WORDS,
    }
)
TEXTS = WORDS | st.sampled_from(["training_config: {QuantizationConfig: {load_in_4bit: true}}", "vllm: [1]", "a: ["])


@given(WORKSPACE, st.none() | WORKSPACE, FACTS, st.booleans(), TEXTS)
def test_any_workspace_is_judged(new: Any, old: Any, facts: Any, enabled: bool, text: str) -> None:
    files = {"training_config.yaml": text, "inference_config.yaml": text}
    known = {**facts, "gates": gates_of(enabled), "config_files": lambda _, name: files if name else None}
    with suppress(InvalidWorkspace):
        before = parse_workspace(Document(old)) if old else None
        problems = check_workspace(inputs_of(parse_workspace(Document(new)), before, **known))
        assert all(problem.message and problem.reason for problem in problems)


def gates_of(enabled: bool) -> FeatureGates:
    names = ("disableNodeAutoProvisioning", "enableMIG", "enableAccelerator", "ModelStreaming")
    return FeatureGates({"vLLM": not enabled, **dict.fromkeys(names, enabled)})


@given(st.dictionaries(st.sampled_from(["apiVersion", "kind", "metadata", "resource", "inference", "tuning"]), ANY))
def test_any_mapping_is_refused_or_judged(data: dict[str, Any]) -> None:
    for base in (SERVE, TUNE):
        with suppress(InvalidWorkspace):
            check_workspace(inputs_of(parse_workspace(Document({**base, **data}))))
