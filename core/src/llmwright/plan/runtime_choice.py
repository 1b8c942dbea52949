"""Which runtime serves, why, and how the model sits there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from llmwright.api.scaling import most_copies_field, replicas_of
from llmwright.errors import InvalidWorkspace
from llmwright.plan.machine_share import copies_here, of_one_copy, share_notes, share_warnings
from llmwright.plan.plan_input import PlanInput
from llmwright.plan.preset_options import FIELD, PresetOptions
from llmwright.plan.refusal import below, does_not_fit, refuse
from llmwright.plugins.demand import Demand
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.plugins.installing import pip_install
from llmwright.plugins.known import requirement
from llmwright.plugins.selection import able_of, candidates, objections
from llmwright.sizing.node_count import node_count
from llmwright.sizing.serving_fit import ServingNeed, fit_serving
from llmwright.values.copies import copies_of
from llmwright.values.feature_gates import FeatureGates
from llmwright.values.fit import Fit
from llmwright.values.plan import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingChoice:
    """A runtime that was chosen, its configuration and its Fit; ``notes`` are worth saying.

    ``able`` are the capabilities that hold: those of its engine, where it starts one of several.
    """

    choice: Choice
    runtime: Runtime
    able: Capabilities
    config: Any
    fit: Fit
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """The adapters beside the base model: their number, and the positions of those with a strength.

    ``fallback`` is the quantisation to serve in where the model does not fit whole; None allows none. ``most_nodes`` is
    the number of machines that are there; None does not bound it.
    """

    adapters: int = 0
    strengths: tuple[int, ...] = ()
    fallback: str | None = None
    most_nodes: int | None = None


def choose_runtime(inputs: PlanInput, served: Served) -> ServingChoice:
    """Return the first candidate that can serve.

    Raises:
        InvalidWorkspace: none can. It is the last candidate's own reason; those before it are in the hint.
        PluginError: the runtime that the user names is missing or broken.
    """
    demand = Demand(
        target=inputs.target,
        preset=inputs.preset,
        machine=inputs.machine,
        adapters=served.adapters,
        strengths=served.strengths,
        api_key=inputs.api_key,
        options=inputs.workspace.inference.runtime_config if inputs.workspace.inference else {},
    )
    gates, settings = FeatureGates(inputs.settings.feature_gates), inputs.settings
    choice = candidates(inputs.workspace, demand, inputs.drivers, gates, settings.runtime)
    reasons = [*choice.passed_over]
    for candidate in choice.runtimes:
        try:
            if candidate.named:
                _require(inputs, demand, candidate.name)
            why = f"{candidate.why} ({'; '.join(reasons)})" if reasons else candidate.why
            return _try(inputs, served, demand, Choice(name=candidate.name, why=why))
        except InvalidWorkspace as error:
            if candidate is choice.runtimes[-1]:
                raise _with_reasons(error, reasons) from error
            reasons.append(f"{candidate.name}: {error.problems[0].message}")
    named = [name for name, runtime in inputs.drivers.usable("runtime") if inputs.target in runtime.targets]
    none = f"{', '.join(named)} would have to be named" if named else "none is installed"
    message = f"no runtime can serve {inputs.preset.name}: {'; '.join(reasons) or none}"
    if choice.too_old:
        raise refuse(_machine_path(inputs), message, "choose a newer GPU", "GpuTooOld")
    by_name = "name one: inference.runtime, or the setting runtime" if named and not reasons else ""
    raise refuse("inference.runtime", message, by_name or _installing(inputs))


def _require(inputs: PlanInput, demand: Demand, name: str) -> None:
    """Refuse a runtime that is named and cannot do what is asked; ``check`` asks the same."""
    runtime = cast("type[Runtime]", inputs.drivers.get("runtime", name))
    problems = [*objections(name, runtime, demand, inputs.drivers)]
    if problems:
        raise InvalidWorkspace(problems)


def _with_reasons(error: InvalidWorkspace, reasons: list[str]) -> InvalidWorkspace:
    if not reasons:
        return error
    first, *rest = error.problems
    hint = "; ".join([*([first.hint] if first.hint else []), f"before it: {'; '.join(reasons)}"])
    return InvalidWorkspace([replace(first, hint=hint), *rest])


def _installing(inputs: PlanInput) -> str:
    lines = [requirement("runtime", name) for name in inputs.preset.runtimes]
    return " or ".join(pip_install(line) for line in lines if line)


def _try(inputs: PlanInput, served: Served, demand: Demand, choice: Choice) -> ServingChoice:
    runtime = inputs.drivers.runtime(choice.name)
    own = PresetOptions.of(inputs, runtime, choice.name)
    demand = replace(demand, options={**own.options, **demand.options})
    config, able, engine = _configure(runtime, inputs, own), able_of(runtime, demand), runtime.engine(demand)
    share, here = of_one_copy(inputs, runtime), copies_here(inputs, runtime)
    fit = replace(_fit(share, served, runtime, able, config), copies=copies_of(inputs.workspace))
    chosen = (f"{choice.name} serves with the engine {engine.name}: {engine.why}",) if engine else ()
    with driver_call("runtime", choice.name, "notes"):
        said = (*chosen, *own.notes(), *runtime.notes(inputs.preset, fit, config))
    serving = ServingChoice(choice=choice, runtime=runtime, able=able, config=config, fit=fit, notes=said)
    judged = _judged(share, served, serving)
    shared, warnings = share_notes(here), share_warnings(inputs, here)
    return replace(judged, notes=(*judged.notes, *shared), warnings=(*judged.warnings, *warnings))


def _configure(runtime: Runtime, inputs: PlanInput, own: PresetOptions) -> Any:
    """Return the configuration: the Workspace goes before what stands for it, and that before the preset."""
    inference = inputs.workspace.inference
    config = inference.config if inference else ""
    files = inputs.files(config)
    options = {**own.options, **_implied(runtime, inputs), **own.written}
    try:
        config = runtime.configure(options, files)
        with driver_call("runtime", runtime.context.name, "check"):
            problems = [*runtime.check(inputs.preset, config)]
        if problems:
            raise InvalidWorkspace(problems)
        return config
    except InvalidWorkspace as error:
        problems = below(FIELD, error.problems, list(files))
        raise InvalidWorkspace([own.placed(problem) for problem in problems]) from error


def _implied(runtime: Runtime, inputs: PlanInput) -> dict[str, Any]:
    """Options that annotations and labels stand for."""
    metadata = inputs.workspace.metadata
    written = {**metadata.labels, **metadata.annotations}
    return {key: written[name] for name, key in runtime.annotations.items() if written.get(name)}


def _fit(
    inputs: PlanInput,
    served: Served,
    runtime: Runtime,
    able: Capabilities,
    config: Any,
    quantization: str | None = None,
) -> Fit:
    """``max_model_len`` and ``quantization`` of a runtime's configuration are honoured where it has them."""
    context = getattr(config, "max_model_len", None)
    if context and context > inputs.preset.context:
        message = f"{context} tokens are more than the {inputs.preset.context} of {inputs.preset.name}"
        raise refuse("inference.runtimeConfig", message, f"at most {inputs.preset.context}", "OutOfRange")
    chosen = quantization or getattr(config, "quantization", None)
    engine = able.multi_node
    # On one machine there is no other to join.
    spreads = engine and inputs.target != "local"
    with driver_call("runtime", runtime.context.name, "held_adapters"):
        held = runtime.held_adapters(served.adapters, config)
    need = ServingNeed(
        context=context or None,
        adapters=held,
        quantization=None if chosen == "none" else chosen,
        engine=engine,
    )
    nodes = 1
    if spreads and inputs.settled_nodes and not able.scales_itself:
        nodes = max(inputs.settled_nodes // max(replicas_of(inputs.workspace), 1), 1)
    elif spreads and _counted_by_kaito(inputs, runtime):
        nodes = node_count(inputs.preset, inputs.machine, context, single_device=inputs.single_device)
    elif spreads:
        return _fewest_nodes(inputs, runtime, config, need)
    return _with_own_memory(inputs, runtime, config, need, nodes)


def _counted_by_kaito(inputs: PlanInput, runtime: Runtime) -> bool:
    """Whether KAITO's formula, which is for an engine with CUDA graphs, gives the number of machines."""
    return inputs.machine.gpus > 0 and type(runtime).memory is Runtime.memory


def _accepted_by_kaito(inputs: PlanInput, serving: ServingChoice) -> bool:
    """Whether the number of machines is enough by KAITO's formula: on one machine, where that number is one."""
    if not (serving.able.multi_node and _counted_by_kaito(inputs, serving.runtime)):
        return False
    if inputs.target != "local":
        return True
    context = getattr(serving.config, "max_model_len", None)
    try:
        return node_count(inputs.preset, inputs.machine, context, single_device=inputs.single_device) == 1
    except InvalidWorkspace:
        return False


def _fewest_nodes(inputs: PlanInput, runtime: Runtime, config: Any, need: ServingNeed) -> Fit:
    """Return the Fit on the fewest machines that hold the model; on one machine where no number of them does."""
    preset = inputs.preset
    layers = preset.architecture.layers if preset.architecture else 1
    most = layers if preset.distributable and not inputs.single_device else 1
    fits = (_with_own_memory(inputs, runtime, config, need, nodes) for nodes in range(1, most + 1))
    return next((fit for fit in fits if fit.fits), _with_own_memory(inputs, runtime, config, need, 1))


def _with_own_memory(inputs: PlanInput, runtime: Runtime, config: Any, need: ServingNeed, nodes: int) -> Fit:
    fit = fit_serving(inputs.preset, inputs.machine, need, nodes)
    with driver_call("runtime", runtime.context.name, "memory"):
        own = runtime.memory(inputs.preset, fit, config)
    return fit_serving(inputs.preset, inputs.machine, replace(need, own=own), nodes) if own else fit


def _judged(inputs: PlanInput, served: Served, serving: ServingChoice) -> ServingChoice:
    """``serving`` where it fits, or quantised where that is allowed and fits."""
    fit, runtime, able, preset = serving.fit, serving.runtime, serving.able, inputs.preset
    against = runtime.refuses(preset, fit)
    if against:
        raise refuse("inference.runtime", against)
    _require_room(inputs, served, serving)
    if fit.fits:
        return _with_context_note(inputs, serving)
    if _accepted_by_kaito(inputs, serving):
        warning = f"by LLMwright's own estimate {preset.name} is tight on {fit.instance_type.name}; KAITO accepts it"
        return replace(serving, warnings=(warning,))
    if served.fallback in able.quantizations and fit.quantization is None:
        smaller = _fit(inputs, served, runtime, able, serving.config, served.fallback)
        quantised = replace(smaller, copies=fit.copies)
        if quantised.fits:
            note = f"{preset.name} is served in {served.fallback}: whole it does not fit {inputs.machine.name}"
            return _with_context_note(inputs, replace(serving, fit=quantised, notes=(*serving.notes, note)))
    copies = copies_here(inputs, runtime)
    if copies > 1:
        what, path = f"each of {copies} copies of {preset.name}", most_copies_field(inputs.workspace)
        raise does_not_fit(fit, what, path, f"fewer copies, or {_smaller(serving)}")
    raise does_not_fit(fit, f"serving {preset.name}", _machine_path(inputs), _smaller(serving))


def _require_room(inputs: PlanInput, served: Served, serving: ServingChoice) -> None:
    fit, preset = serving.fit, inputs.preset
    if served.most_nodes is not None and fit.nodes > served.most_nodes:
        message = f"tuning holds {served.most_nodes} machines, and serving with {serving.choice.name} needs {fit.nodes}"
        raise refuse("resource.count", message, "set tuning.onSuccess to release", "DoesNotFit")
    layers = preset.architecture.layers if preset.architecture else None
    if layers is not None and fit.pipeline_parallel > layers:
        message = f"{fit.pipeline_parallel} pipeline stages are more than the {layers} layers of {preset.name}"
        raise refuse(_machine_path(inputs), message, "choose machines with more GPU memory", "DoesNotFit")


def _with_context_note(inputs: PlanInput, serving: ServingChoice) -> ServingChoice:
    fit = serving.fit
    if fit.context >= inputs.preset.context or getattr(serving.config, "max_model_len", None):
        return serving
    warning = f"the context is cut to {fit.context} tokens of {inputs.preset.context}: more does not fit in memory"
    return replace(serving, warnings=(*serving.warnings, warning))


def _smaller(serving: ServingChoice) -> str:
    known = sorted(serving.able.quantizations)
    option = f", or set inference.runtimeConfig.quantization to {known[-1]}" if known else ""
    return f"choose a smaller preset or a machine with more memory{option}"


def _machine_path(inputs: PlanInput) -> str:
    return "resource" if inputs.target == "local" else "resource.instanceType"
