"""The number of copies of a server, and the range in which it follows the load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from llmwright.api.scaling import CPU, autoscaling_of, most_copies_field, replicas_field, replicas_of
from llmwright.api.workspace import Autoscaling
from llmwright.check.check_input import CheckInput
from llmwright.errors import Problem
from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.values.copies import copies_of

FIELD = "inference.autoscaling"
PROMETHEUS_HINT = "prometheus: http://prometheus.monitoring:9090, in the settings"
ONE_HERE = "is not used on this machine: one copy is served"


def check_range(inputs: CheckInput) -> Iterator[Problem]:
    """The lowest number is not above the highest, and the server begins between them."""
    scaling, inference = autoscaling_of(inputs.written), inputs.written.inference
    if scaling is None or inference is None:
        return
    least, most = scaling.min_replicas, scaling.max_replicas
    if least > most:
        message = f"{least} is more than maxReplicas, {most}"
        yield Problem(f"{FIELD}.minReplicas", message, f"at most {most}", reason="OutOfRange")
    elif inference.replicas is not None and not least <= inference.replicas <= most:
        message = f"{inference.replicas} is outside of the range of inference.autoscaling, {least} to {most}"
        yield Problem("inference.replicas", message, "leave it out, or change the range", reason="OutOfRange")


def check_autoscaler(inputs: CheckInput) -> Iterator[Problem]:
    """The autoscaler can do what is written, and learns of the load."""
    scaling = autoscaling_of(inputs.written)
    if scaling is None or not inputs.on_cluster:
        return
    if inputs.written.template is not None:
        yield from _of_an_autoscaler(scaling, "nobody knows what the pod of the template counts")
    elif inputs.runtime is not None:
        instead = partial(inputs.instead, _scales_itself)
        yield from against_runtime(inputs.runtime_name or "", inputs.runtime, scaling, instead)
    asks = scaling.by == "keda" and (scaling.metric != CPU or bool(scaling.activation_query))
    if asks and not inputs.policy.prometheus:
        message, hint = "KEDA asks Prometheus, and the setting prometheus is empty", PROMETHEUS_HINT
        yield Problem(f"{FIELD}.by", message, hint, reason="Required")


def against_runtime(
    name: str,
    runtime: type[Runtime] | Runtime,
    scaling: Autoscaling,
    instead: Callable[[], Iterable[str]] = tuple,
) -> Iterator[Problem]:
    """Yield the parts of ``scaling`` that cannot be had with a runtime by what it declares; ``plan`` asks this too.

    ``instead`` is asked for runtimes that move their copies themselves, where an autoscaler cannot do it.
    """
    if not runtime.capabilities.scales_itself:
        yield from _of_an_autoscaler(scaling, "" if runtime.load_metrics else f"{name} declares none", instead)
        return
    for key, value in (("by", scaling.by), ("metric", scaling.metric), ("activationQuery", scaling.activation_query)):
        if value:
            message = f"{name} moves its copies itself, and asks no autoscaler"
            yield Problem(f"{FIELD}.{key}", message, "remove it", reason="NotSupported")


def check_copies_within_limits(inputs: CheckInput) -> Iterator[Problem]:
    """The highest number of copies keeps the limits of the namespace, as far as that is known before a plan."""
    copies = copies_of(inputs.written).highest
    if inputs.written.inference is None or not inputs.on_cluster or copies < 2:
        return  # The nodes of one copy are judged elsewhere.
    policy, nodes, price = inputs.policy, _least_nodes(inputs), inputs.machine.price if inputs.machine else None
    bounds: list[tuple[str, float | None, float | None, str]] = [
        ("limits.nodes", policy.allowed_nodes, nodes, "nodes"),
        (
            "limits.usdPerHour",
            policy.allowed_usd_per_hour,
            price.usd_per_hour * nodes if price else None,
            "USD per hour",
        ),
    ]
    for setting, most, each, unit in bounds:
        if most is None or each is None or copies * each <= most:
            continue
        message = f"{copies} copies take at least {copies * each:g} {unit}, and {most:g} are allowed"
        hint = f"at most {int(most // each)} copies fit (setting {setting})"
        yield Problem(most_copies_field(inputs.written), message, hint, reason="LimitExceeded")


def _least_nodes(inputs: CheckInput) -> int:
    """Return a number of nodes that one copy takes in any case: where the model decides it, that is not known yet."""
    if inputs.written.template is None and (inputs.able is None or inputs.able.multi_node):
        return 1
    return max(inputs.count, 1)


def check_local_copies(inputs: CheckInput) -> Iterator[Problem]:
    """One machine serves one copy, unless the runtime itself starts more."""
    if inputs.on_cluster or inputs.written.inference is None:
        return
    if inputs.runtime is not None and inputs.runtime.capabilities.scales_itself:
        if replicas_of(inputs.written) == 0:
            hint = "inference.autoscaling with minReplicas: 0 has none while nobody asks"
            yield Problem(replicas_field(inputs.written), ONE_HERE, hint, severity="warning", reason="NotUsed")
        return
    scaling, most = autoscaling_of(inputs.written), copies_of(inputs.written).highest
    if scaling is None and most == 1:
        return
    path = most_copies_field(inputs.written) if scaling is None else FIELD
    hint = ", or ".join(inputs.instead(_scales_itself)) if most > 1 else ""
    yield Problem(path, ONE_HERE, hint, severity="warning", reason="NotUsed")


def _scales_itself(able: Capabilities) -> bool:
    return able.scales_itself


def _of_an_autoscaler(
    scaling: Autoscaling, uncounted: str, instead: Callable[[], Iterable[str]] = tuple
) -> Iterator[Problem]:
    """``uncounted`` says why a metric has to be named; empty where it need not."""
    from_nothing = scaling.min_replicas == 0
    if from_nothing and scaling.by != "keda":
        message = "a HorizontalPodAutoscaler goes down to 1"
        hint = ", or ".join(("write by: keda, or minReplicas: 1", *instead()))
        yield Problem(f"{FIELD}.minReplicas", message, hint, reason="NotSupported")
    elif from_nothing and not scaling.activation_query:
        message = "is needed with minReplicas: 0: where no copy runs, none counts requests, and nothing would wake one"
        hint = "a query of Prometheus for the requests at your gateway, or minReplicas: 1"
        yield Problem(f"{FIELD}.activationQuery", message, hint, reason="Required")
    if scaling.activation_query and (scaling.by != "keda" or not from_nothing):
        message = "only KEDA wakes a server, from minReplicas: 0"
        yield Problem(f"{FIELD}.activationQuery", message, "remove it", reason="NotSupported")
    if uncounted and not scaling.metric:
        hint = "the name of a metric of the pods, or cpu"
        yield Problem(f"{FIELD}.metric", f"is required: {uncounted}", hint, reason="Required")
