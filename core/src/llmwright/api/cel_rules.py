"""Rules of the CRD in CEL: the API server refuses by them, even with no webhook running.

``check`` has the same rules and more; these are the ones that CEL can express from the object alone. Users read the
messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.api.versions import V1ALPHA1

CelRule = dict[str, Any]

UNPLANNED = "!has(oldSelf.status) || !has(oldSelf.status.plan)"
"""Nothing was done for it yet: the plan is recorded before the first act."""


def _rule(rule: str, message: str, field: str = "") -> CelRule:
    return {"rule": rule, "message": message, **({"fieldPath": field} if field else {})}


def _kept_or(rule: CelRule) -> CelRule:
    """Return a rule about the whole object that lets pass what broke it before.

    The API server forgives what was so before only in parts that stay as they were, and a label or a finalizer changes
    the whole: without this, nobody could take a finalizer off an object that an older version accepted.
    """
    text = rule["rule"]
    before = text.replace("self.", "oldSelf.value().")
    return {**rule, "rule": f"({text}) || (oldSelf.hasValue() && !({before}))", "optionalOldSelf": True}


def _fixed(field: str) -> CelRule:
    """Refuse to change, add or remove the field."""
    same = f"self.{field} == oldSelf.{field}"
    rule = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {same})"
    return _rule(rule, f"{field} cannot be changed: make a new Workspace", f".{field}")


def _fixed_once_set(field: str) -> CelRule:
    rule = f"!has(oldSelf.{field}) || !has(self.{field}) || self.{field} == oldSelf.{field}"
    return _rule(rule, f"{field} cannot be changed: make a new Workspace", f".{field}")


def _fixed_once_planned(field: str) -> CelRule:
    """Refuse to change, add or remove a field of the whole object once a plan is on record.

    Of open objects, CEL takes two of one size without a common key for equal (Kubernetes 1.34): the status tells that.
    """
    parents = _there("self", field), _there("oldSelf", field)
    same = f"({parents[0]}) == ({parents[1]}) && (!({parents[0]}) || self.{field} == oldSelf.{field})"
    return _rule(f"{UNPLANNED} || ({same})", f"{field} cannot be changed any more: make a new Workspace", f".{field}")


def _there(root: str, field: str) -> str:
    """Return the condition that a nested field is there."""
    names = field.split(".")
    return " && ".join(f"has({'.'.join([root, *names[: depth + 1]])})" for depth in range(len(names)))


def _provisioner_kept() -> CelRule:
    """Refuse another provisioner than the recorded one. What is as it was passes: else nothing could be written."""
    field = "resource.provisioner"
    there, before = _there("self", field), _there("oldSelf", field)
    same = f"{before} && self.{field} == oldSelf.{field}"
    recorded = f"self.{field} == oldSelf.status.plan.provisioner"
    rule = f"{UNPLANNED} || !({there}) || ({same}) || {recorded}"
    return _rule(rule, f"{field} cannot be changed any more: make a new Workspace", f".{field}")


def cel_rules(api_version: str, *, options_fixed: bool) -> Mapping[tuple[str, ...], tuple[CelRule, ...]]:
    """Return the rules of one version, by the path of the object that they check.

    Args:
        options_fixed: whether ``provisionerConfig`` may not change as a whole: no provisioner has a key that may.
    """
    partition = api_version != V1ALPHA1
    rules = {
        (): _of_the_whole(partition=partition, options_fixed=options_fixed),
        ("resource",): _of_the_resource(partition=partition),
        ("inference",): (
            _rule("has(self.preset) != has(self.template)", "write exactly one of preset and template"),
            _rule("has(self.template) == has(oldSelf.template)", "template cannot be added or removed", ".template"),
            _fixed("preset"),
            _within_range(),
        ),
        ("inference", "autoscaling"): (
            _rule("self.minReplicas <= self.maxReplicas", "minReplicas is more than maxReplicas", ".minReplicas"),
            # The schema's minimum lets a whole 0 pass: for it the API server rounds the bound down (Kubernetes 1.34).
            _rule("!has(self.target) || self.target > 0.0", "target is more than 0", ".target"),
        ),
        ("tuning", "input"): (
            _fixed("name"),
            _rule(
                f"{_sources('urls', 'image', 'volumeSource')} == 1", "write exactly one of urls, image, volumeSource"
            ),
        ),
        ("tuning", "output"): (
            _rule(f"{_sources('image', 'volumeSource')} == 1", "write exactly one of image and volumeSource"),
            _rule(f"!{_written('image')} || {_written('imagePushSecret')}", "imagePushSecret is required to push"),
        ),
        ("tuning",): (
            _fixed("preset"),
            _rule("has(self.preset)", "preset says which model to tune and is required"),
            _rule(_written("method"), "method is required"),
            _rule(
                "has(self.method) == has(oldSelf.method) "
                "&& (!has(self.method) || self.method.lowerAscii() == oldSelf.method.lowerAscii())",
                "method cannot be changed: make a new Workspace",
                ".method",
            ),
        ),
    }
    return {**rules, ("resource", "partition"): _of_the_partition()} if partition else rules


def _within_range() -> CelRule:
    least, most = "self.autoscaling.minReplicas", "self.autoscaling.maxReplicas"
    within = f"self.replicas >= {least} && self.replicas <= {most}"
    rule = f"!has(self.replicas) || !has(self.autoscaling) || ({within})"
    return _rule(rule, "replicas is outside of the range of autoscaling", ".replicas")


def _written(field: str) -> str:
    """Return the condition that a text, a list or an object is there; an empty text or list is not."""
    there = f"has(self.{field})"
    return there if field == "volumeSource" else f"({there} && self.{field}.size() > 0)"


def _sources(*fields: str) -> str:
    """Return how many of the fields are there."""
    return " + ".join(f"({_written(field)} ? 1 : 0)" for field in fields)


def _of_the_whole(*, partition: bool, options_fixed: bool) -> tuple[CelRule, ...]:
    either = _rule("has(self.inference) != has(self.tuning)", "write exactly one of inference and tuning")
    kept = _rule("has(self.tuning) == has(oldSelf.tuning)", "tuning and inference cannot take each other's place")
    nodes = "!has(self.tuning) || !has(self.resource) || !has(self.resource.count) || self.resource.count <= 1"
    copies = "!has(self.tuning) || !has(self.spec) || !has(self.spec.replicas) || self.spec.replicas == 1"
    rules = (
        _kept_or(either),
        kept,
        *_named_for_objects(),
        _kept_or(_rule(nodes, "tuning runs on one node: resource.count must be 1", ".resource.count")),
        _kept_or(_rule(copies, "a tuned model is served once: spec.replicas must be 1", ".spec.replicas")),
        _provisioner_kept(),
        _fixed_once_planned("tuning.methodConfig"),
        *((_fixed_once_planned("resource.provisionerConfig"),) if options_fixed else ()),
    )
    if not partition:
        return rules
    whole = "!has(self.tuning) || !has(self.resource) || !has(self.resource.partition)"
    return (*rules, _kept_or(_rule(whole, "resource.partition cannot be used for tuning", ".resource.partition")))


def _named_for_objects() -> tuple[CelRule, ...]:
    """Refuse names after which no object can be called. A Workspace that was there before the rule can still go.

    Whether a tuning serves afterwards may stand in the operator's settings, which CEL does not see.
    """
    name, there = "self.metadata.name", "oldSelf.hasValue() || "
    serves = (
        "has(self.inference) || (has(self.tuning) && has(self.tuning.onSuccess) && self.tuning.onSuccess == 'serve')"
    )
    unserved = f"{there}!({serves}) || "
    rules = (
        _rule(f"{there}!{name}.contains('.')", "the name of a Workspace has no dots"),
        _rule(f"{unserved}{name}.size() <= 52", "the name of a Workspace that serves has at most 52 characters"),
        _rule(f"{unserved}{name}.matches('^[a-z]')", "the name of a Workspace that serves begins with a letter"),
        _rule(f"{there}{name}.size() <= 53", "the name of a Workspace that tunes has at most 53 characters"),
    )
    return tuple({**rule, "optionalOldSelf": True} for rule in rules)


def _of_the_resource(*, partition: bool) -> tuple[CelRule, ...]:
    absent = "!has(self.labelSelector) || !has(oldSelf.labelSelector)"
    expressions = "has(self.labelSelector.matchExpressions) || has(oldSelf.labelSelector.matchExpressions)"
    selector = f"{absent} || {expressions} || self.labelSelector == oldSelf.labelSelector"
    instance_type = (
        "!has(oldSelf.instanceType) || !has(self.instanceType) || oldSelf.instanceType == '' "
        "|| self.instanceType == '' || self.instanceType == oldSelf.instanceType"
    )
    rules = (
        _fixed_once_set("count"),
        _rule(instance_type, "instanceType cannot be changed: make a new Workspace", ".instanceType"),
        _rule(selector, "labelSelector cannot be changed: make a new Workspace", ".labelSelector"),
    )
    return (*rules, _fixed("partition")) if partition else rules


def _of_the_partition() -> tuple[CelRule, ...]:
    slice_only = "self.mode != 'mig' || (!has(self.count) && has(self.profile) && self.profile != '')"
    whole_only = "self.mode != 'accelerator' || (has(self.count) && (!has(self.profile) || self.profile == ''))"
    return (
        _rule(slice_only, "mode mig wants a profile and no count"),
        _rule(whole_only, "mode accelerator wants a count and no profile"),
    )
