"""Which runtime serves, why, and how the model sits there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from llmwright.errors import InvalidWorkspace, PluginNotFound
from llmwright.plan.data import CONFIG
from llmwright.plan.facts import Facts
from llmwright.plan.inputs import RUNTIME_ANNOTATION
from llmwright.plan.refusal import below, does_not_fit, refuse
from llmwright.plugins.drivers import Runtime
from llmwright.sizing.node_count import node_count
from llmwright.sizing.serving_fit import ServingNeed, fit_serving
from llmwright.values.fit import Fit
from llmwright.values.plan import Choice

ENGINE = "vllm"
PLAIN = "hf"
ENGINE_CAPABILITY = (7, 0)
"""The lowest compute capability that vLLM supports (its installation guide for NVIDIA CUDA)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A runtime that was chosen, its configuration and its Fit; ``notes`` are worth saying."""

    choice: Choice
    runtime: Runtime
    config: Any
    fit: Fit
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be served: ``adapters`` of them, with a strength where ``strength``.

    ``fallback`` is the quantisation to serve in where the model does not fit whole; None allows none.
    """

    adapters: int = 0
    strength: bool = False
    fallback: str | None = None


def choose_runtime(facts: Facts, wanted: Wanted) -> Serving:
    """The first candidate that can serve.

    Raises:
        InvalidWorkspace: none can; every candidate's reason is told.
        PluginError: the runtime that the user names is not there.
    """
    named = _named(facts)
    if named is not None:
        return _try(facts, wanted, *named)
    reasons: list[str] = []
    for name, why in _candidates(facts, reasons):
        try:
            return _try(facts, wanted, name, _because(why, reasons))
        except PluginNotFound:
            reasons.append(f"{name} is not installed")
        except InvalidWorkspace as error:
            if name == PLAIN:
                raise
            reasons.append(f"{name}: {error.problems[0].message}")
    raise refuse("inference.runtime", f"no runtime can serve {facts.preset.name}: {'; '.join(reasons)}")


def _named(facts: Facts) -> tuple[str, str] | None:
    inference = facts.workspace.inference
    if inference is not None and inference.runtime:
        return inference.runtime, "the Workspace names it"
    annotated = facts.workspace.metadata.annotations.get(RUNTIME_ANNOTATION)
    if annotated:
        return annotated, f"the annotation {RUNTIME_ANNOTATION} names it"
    return (facts.settings.runtime, "the settings name it") if facts.settings.runtime else None


def _candidates(facts: Facts, reasons: list[str]) -> list[tuple[str, str]]:
    plain = (PLAIN, "it serves base and adapters from one process")
    if facts.target == "local":
        return [(PLAIN, "the default on one machine: it needs no GPU")]
    against = _against_engine(facts)
    if against:
        reasons.append(against)
        return [plain]
    return [(ENGINE, "preset and GPU allow it"), plain]


def _against_engine(facts: Facts) -> str | None:
    machine = facts.machine
    if ENGINE not in facts.preset.runtimes:
        return f"{facts.preset.name} is not served by {ENGINE}"
    if machine.gpus == 0:
        return f"{machine.name} has no GPU"
    if machine.compute_capability is not None and machine.compute_capability < ENGINE_CAPABILITY:
        return f"{machine.gpu_model} is older than {ENGINE} supports"
    return None


def _because(why: str, reasons: list[str]) -> str:
    return f"{why} ({'; '.join(reasons)})" if reasons else why


def _try(facts: Facts, wanted: Wanted, name: str, why: str) -> Serving:
    runtime = facts.drivers.runtime(name)
    _require(runtime, name, facts, wanted)
    config = _configure(runtime, facts)
    fit = _fit(facts, wanted, runtime, config)
    return _judged(facts, wanted, Serving(choice=Choice(name=name, why=why), runtime=runtime, config=config, fit=fit))


def _require(runtime: Runtime, name: str, facts: Facts, wanted: Wanted) -> None:
    able = runtime.capabilities
    path = "inference.runtime"
    if facts.target not in runtime.targets:
        raise refuse(path, f"{name} does not run on {facts.target}", f"it runs on {', '.join(sorted(runtime.targets))}")
    if facts.machine.gpus == 0 and not able.cpu:
        raise refuse(path, f"{name} needs a GPU, and {facts.machine.name} has none")
    if wanted.adapters and not able.adapters:
        raise refuse(path, f"{name} serves no adapters")
    if wanted.strength and not able.adapter_strength:
        raise refuse("inference.adapters", f"{name} knows no strength of adapters", "leave strength out")


def _configure(runtime: Runtime, facts: Facts) -> Any:
    inference = facts.workspace.inference
    config = inference.config if inference else ""
    files = facts.files(config)
    options = {**_implied(runtime, facts, config), **(inference.runtime_config if inference else {})}
    try:
        return runtime.configure(options, files)
    except InvalidWorkspace as error:
        raise InvalidWorkspace(below("inference.runtimeConfig", error.problems, list(files))) from error


def _implied(runtime: Runtime, facts: Facts, config: str) -> dict[str, Any]:
    """Options that annotations, labels and the config's name stand for."""
    metadata = facts.workspace.metadata
    written = {**metadata.labels, **metadata.annotations}
    options: dict[str, Any] = {key: written[name] for name, key in runtime.annotations.items() if written.get(name)}
    if config and runtime.config_option:
        options[runtime.config_option] = f"$(volume.{CONFIG})/{runtime.config_file}"
    return options


def _fit(facts: Facts, wanted: Wanted, runtime: Runtime, config: Any, quantization: str | None = None) -> Fit:
    """``max_model_len`` and ``quantization`` of a runtime's configuration are honoured where it has them."""
    context = getattr(config, "max_model_len", None)
    chosen = quantization or getattr(config, "quantization", None)
    engine = runtime.capabilities.multi_node
    need = ServingNeed(
        context=min(context, facts.preset.context) if context else None,
        adapters=wanted.adapters,
        quantization=None if chosen == "none" else chosen,
        engine=engine,
    )
    nodes = 1
    if engine and facts.settled_nodes:
        nodes = facts.settled_nodes
    elif engine:
        nodes = node_count(facts.preset, facts.machine, context, single_device=facts.single_device)
    return fit_serving(facts.preset, facts.machine, need, nodes)


def _judged(facts: Facts, wanted: Wanted, serving: Serving) -> Serving:
    """``serving`` where it fits, or quantised where that is allowed and fits."""
    fit, runtime, preset = serving.fit, serving.runtime, facts.preset
    against = runtime.refuses(preset, fit)
    if against:
        raise refuse("inference.runtime", against)
    if fit.fits:
        return _with_context_note(facts, serving)
    if runtime.capabilities.multi_node:
        warning = f"by LLMwright's own estimate {preset.name} is tight on {fit.instance_type.name}; KAITO accepts it"
        return replace(serving, warnings=(warning,))
    if wanted.fallback in runtime.capabilities.quantizations and fit.quantization is None:
        quantised = _fit(facts, wanted, runtime, serving.config, wanted.fallback)
        if quantised.fits:
            note = f"{preset.name} is served in {wanted.fallback}: whole it does not fit {facts.machine.name}"
            return _with_context_note(facts, replace(serving, fit=quantised, notes=(note,)))
    raise does_not_fit(fit, f"serving {preset.name}", _machine_path(facts), _smaller(serving))


def _with_context_note(facts: Facts, serving: Serving) -> Serving:
    fit = serving.fit
    if fit.context >= facts.preset.context or getattr(serving.config, "max_model_len", None):
        return serving
    warning = f"the context is cut to {fit.context} tokens of {facts.preset.context}: more does not fit in memory"
    return replace(serving, warnings=(*serving.warnings, warning))


def _smaller(serving: Serving) -> str:
    known = sorted(serving.runtime.capabilities.quantizations)
    option = f", or set inference.runtimeConfig.quantization to {known[-1]}" if known else ""
    return f"choose a smaller preset or a machine with more memory{option}"


def _machine_path(facts: Facts) -> str:
    return "resource" if facts.target == "local" else "resource.instanceType"
