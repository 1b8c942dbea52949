"""Names and labels of the objects that a Workspace becomes on a cluster, by the API server's rules for them."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.check.check_input import CheckInput
from llmwright.check.kubernetes_names import as_label, label_key_problem, label_problem, label_value_problem
from llmwright.errors import Problem
from llmwright.reading.yaml_paths import render_path

SERVED = 52
"""The longest name of a Workspace that serves. Each pod of a StatefulSet carries the label ``controller-revision-hash``
with its name, a dash and ten characters, and a label has 63 (Kubernetes 1.34)."""

CHECKED = 53
"""The longest name of a Workspace that tunes: its preflight Job is called after it, with ``-preflight``, and its pods
carry that name in a label."""


def check_object_names(inputs: CheckInput) -> Iterator[Problem]:
    """Objects and pods can be called after the Workspace. Else nodes would be bought for what is never made."""
    name, tuning = inputs.written.metadata.name, inputs.written.tuning
    if not inputs.on_cluster or not name or label_problem(name):
        return
    serves = tuning is None or (tuning.on_success or inputs.policy.on_success) == "serve"
    longest = SERVED if serves else CHECKED
    if len(name) > longest:
        what = "the pods of its server" if serves else "the pods of its Jobs"
        message = f"has {len(name)} characters: {what} carry longer labels made of it, and a label has at most 63"
        hint = f"at most {longest} characters, for example {as_label(name[:longest])}"
        yield Problem("metadata.name", message, hint, reason="Unworkable")
    elif serves and (shorter := _longest_of_runtime(inputs)) is not None and len(name) > shorter:
        message = f"has {len(name)} characters, and what the runtime {inputs.runtime_name} serves by allows {shorter}"
        hint = f"at most {shorter} characters, for example {as_label(name[:shorter])}"
        yield Problem("metadata.name", message, hint, reason="Unworkable")
    if serves and not name[0].isalpha():
        message = f"{name!r} begins with a digit, and its Service is called like that"
        hint = f"Services begin with a letter: for example m{as_label(name)[: SERVED - 1]}"
        yield Problem("metadata.name", message, hint, reason="Unworkable")


def _longest_of_runtime(inputs: CheckInput) -> int | None:
    kind = inputs.runtime.serves_as if inputs.runtime is not None else None
    return kind.longest_name if kind is not None else None


def check_label_syntax(inputs: CheckInput) -> Iterator[Problem]:
    """Nodes are selected by labels as Kubernetes has them: pods with any other are refused."""
    selector = inputs.written.resource.label_selector
    if not inputs.on_cluster or selector is None:
        return
    for key, value in selector.match_labels.items():
        path = render_path(("resource", "labelSelector", "matchLabels", key))
        if wrong := label_key_problem(key):
            yield Problem(path, f"the label {key!r} {wrong}", reason="Unworkable")
        if wrong := label_value_problem(value):
            yield Problem(path, f"the value {value!r} {wrong}", reason="Unworkable")
