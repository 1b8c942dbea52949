"""Which runtime serves, why, and how the model sits there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from llmwright.errors import InvalidWorkspace, PluginNotFound
from llmwright.plan.digest import RUNTIME_ANNOTATION
from llmwright.plan.plan_input import PlanInput
from llmwright.plan.refusal import below, does_not_fit, refuse
from llmwright.plan.tuning_data import CONFIG
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
class ServingChoice:
    """A runtime that was chosen, its configuration and its Fit; ``notes`` are worth saying."""

    choice: Choice
    runtime: Runtime
    config: Any
    fit: Fit
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Demand:
    """What must be served: ``adapters`` of them, with a strength where ``strength``.

    ``fallback`` is the quantisation to serve in where the model does not fit whole; None allows none.
    """

    adapters: int = 0
    strength: bool = False
    fallback: str | None = None


def choose_runtime(inputs: PlanInput, demand: Demand) -> ServingChoice:
    """The first candidate that can serve.

    Raises:
        InvalidWorkspace: none can; every candidate's reason is told.
        PluginError: the runtime that the user names is not there.
    """
    named = _named(inputs)
    if named is not None:
        return _try(inputs, demand, *named)
    reasons: list[str] = []
    for name, why in _candidates(inputs, reasons):
        try:
            return _try(inputs, demand, name, _because(why, reasons))
        except PluginNotFound:
            reasons.append(f"{name} is not installed")
        except InvalidWorkspace as error:
            if name == PLAIN:
                raise
            reasons.append(f"{name}: {error.problems[0].message}")
    raise refuse("inference.runtime", f"no runtime can serve {inputs.preset.name}: {'; '.join(reasons)}")


def _named(inputs: PlanInput) -> tuple[str, str] | None:
    inference = inputs.workspace.inference
    if inference is not None and inference.runtime:
        return inference.runtime, "the Workspace names it"
    annotated = inputs.workspace.metadata.annotations.get(RUNTIME_ANNOTATION)
    if annotated:
        return annotated, f"the annotation {RUNTIME_ANNOTATION} names it"
    return (inputs.settings.runtime, "the settings name it") if inputs.settings.runtime else None


def _candidates(inputs: PlanInput, reasons: list[str]) -> list[tuple[str, str]]:
    plain = (PLAIN, "it serves base and adapters from one process")
    if inputs.target == "local":
        return [(PLAIN, "the default on one machine: it needs no GPU")]
    against = _against_engine(inputs)
    if against:
        reasons.append(against)
        return [plain]
    return [(ENGINE, "preset and GPU allow it"), plain]


def _against_engine(inputs: PlanInput) -> str | None:
    machine = inputs.machine
    if ENGINE not in inputs.preset.runtimes:
        return f"{inputs.preset.name} is not served by {ENGINE}"
    if machine.gpus == 0:
        return f"{machine.name} has no GPU"
    if machine.compute_capability is not None and machine.compute_capability < ENGINE_CAPABILITY:
        return f"{machine.gpu_model} is older than {ENGINE} supports"
    return None


def _because(why: str, reasons: list[str]) -> str:
    return f"{why} ({'; '.join(reasons)})" if reasons else why


def _try(inputs: PlanInput, demand: Demand, name: str, why: str) -> ServingChoice:
    runtime = inputs.drivers.runtime(name)
    _require(runtime, name, inputs, demand)
    config = _configure(runtime, inputs)
    fit = _fit(inputs, demand, runtime, config)
    choice = Choice(name=name, why=why)
    return _judged(inputs, demand, ServingChoice(choice=choice, runtime=runtime, config=config, fit=fit))


def _require(runtime: Runtime, name: str, inputs: PlanInput, demand: Demand) -> None:
    able = runtime.capabilities
    path = "inference.runtime"
    if inputs.target not in runtime.targets:
        hint = f"it runs on {', '.join(sorted(runtime.targets))}"
        raise refuse(path, f"{name} does not run on {inputs.target}", hint)
    if inputs.machine.gpus == 0 and not able.cpu:
        raise refuse(path, f"{name} needs a GPU, and {inputs.machine.name} has none")
    if demand.adapters and not able.adapters:
        raise refuse(path, f"{name} serves no adapters")
    if demand.strength and not able.adapter_strength:
        raise refuse("inference.adapters", f"{name} knows no strength of adapters", "leave strength out")


def _configure(runtime: Runtime, inputs: PlanInput) -> Any:
    inference = inputs.workspace.inference
    config = inference.config if inference else ""
    files = inputs.files(config)
    options = {**_implied(runtime, inputs, config), **(inference.runtime_config if inference else {})}
    try:
        return runtime.configure(options, files)
    except InvalidWorkspace as error:
        raise InvalidWorkspace(below("inference.runtimeConfig", error.problems, list(files))) from error


def _implied(runtime: Runtime, inputs: PlanInput, config: str) -> dict[str, Any]:
    """Options that annotations, labels and the config's name stand for."""
    metadata = inputs.workspace.metadata
    written = {**metadata.labels, **metadata.annotations}
    options: dict[str, Any] = {key: written[name] for name, key in runtime.annotations.items() if written.get(name)}
    if config and runtime.config_option:
        options[runtime.config_option] = f"$(volume.{CONFIG})/{runtime.config_file}"
    return options


def _fit(inputs: PlanInput, demand: Demand, runtime: Runtime, config: Any, quantization: str | None = None) -> Fit:
    """``max_model_len`` and ``quantization`` of a runtime's configuration are honoured where it has them."""
    context = getattr(config, "max_model_len", None)
    chosen = quantization or getattr(config, "quantization", None)
    engine = runtime.capabilities.multi_node
    need = ServingNeed(
        context=min(context, inputs.preset.context) if context else None,
        adapters=demand.adapters,
        quantization=None if chosen == "none" else chosen,
        engine=engine,
    )
    nodes = 1
    if engine and inputs.settled_nodes:
        nodes = inputs.settled_nodes
    elif engine:
        nodes = node_count(inputs.preset, inputs.machine, context, single_device=inputs.single_device)
    return fit_serving(inputs.preset, inputs.machine, need, nodes)


def _judged(inputs: PlanInput, demand: Demand, serving: ServingChoice) -> ServingChoice:
    """``serving`` where it fits, or quantised where that is allowed and fits."""
    fit, runtime, preset = serving.fit, serving.runtime, inputs.preset
    against = runtime.refuses(preset, fit)
    if against:
        raise refuse("inference.runtime", against)
    if fit.fits:
        return _with_context_note(inputs, serving)
    if runtime.capabilities.multi_node:
        warning = f"by LLMwright's own estimate {preset.name} is tight on {fit.instance_type.name}; KAITO accepts it"
        return replace(serving, warnings=(warning,))
    if demand.fallback in runtime.capabilities.quantizations and fit.quantization is None:
        quantised = _fit(inputs, demand, runtime, serving.config, demand.fallback)
        if quantised.fits:
            note = f"{preset.name} is served in {demand.fallback}: whole it does not fit {inputs.machine.name}"
            return _with_context_note(inputs, replace(serving, fit=quantised, notes=(note,)))
    raise does_not_fit(fit, f"serving {preset.name}", _machine_path(inputs), _smaller(serving))


def _with_context_note(inputs: PlanInput, serving: ServingChoice) -> ServingChoice:
    fit = serving.fit
    if fit.context >= inputs.preset.context or getattr(serving.config, "max_model_len", None):
        return serving
    warning = f"the context is cut to {fit.context} tokens of {inputs.preset.context}: more does not fit in memory"
    return replace(serving, warnings=(*serving.warnings, warning))


def _smaller(serving: ServingChoice) -> str:
    known = sorted(serving.runtime.capabilities.quantizations)
    option = f", or set inference.runtimeConfig.quantization to {known[-1]}" if known else ""
    return f"choose a smaller preset or a machine with more memory{option}"


def _machine_path(inputs: PlanInput) -> str:
    return "resource" if inputs.target == "local" else "resource.instanceType"
