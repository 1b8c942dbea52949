"""Which driver is chosen: the only place. ``check``, ``plan``, ``app`` and the operator ask here.

Every answer follows from what drivers declare. Two questions are asked of a runtime: what it cannot do at all
(``objections``), and why it is not chosen unless somebody names it (``against_default``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from llmwright.api.workspace import Workspace
from llmwright.errors import PluginContract, PluginNotFound, Problem
from llmwright.plugins.declarations import Capabilities, Engine
from llmwright.plugins.demand import Demand
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import Provisioner, Runtime
from llmwright.plugins.gpu_images import leaves_out, left_out
from llmwright.plugins.installing import pip_install
from llmwright.plugins.known import known_names, requirements_of
from llmwright.settings.model import Settings
from llmwright.values.feature_gates import FeatureGates
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import API_KEY
from llmwright.values.plan import Choice, Target

RUNTIME_ANNOTATION = "kaito.sh/runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A runtime that may serve, and why it comes into question."""

    name: str
    why: str
    named: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """Runtimes to try in this order; ``passed_over`` has a reason for each of the others.

    ``too_old`` says that one of them is passed over for the age of the machine's GPU.
    """

    runtimes: tuple[Candidate, ...]
    passed_over: tuple[str, ...] = ()
    too_old: bool = False


def candidates(
    workspace: Workspace, demand: Demand, drivers: DriverSet, gates: FeatureGates, in_settings: str | None
) -> Candidates:
    """Return the runtime that Workspace, annotation or settings name, else the installed runtimes by their rank.

    A runtime whose feature gate is off is not used, even where it is named (KAITO v0.12).
    """
    passed_over: list[str] = []
    too_old = False
    chosen = _named(workspace, drivers, in_settings)
    if chosen is not None:
        against = _gate_problem(chosen.name, drivers.find_runtime(chosen.name), gates)
        if against is None:
            return Candidates((chosen,))
        passed_over.append(against)
    runtimes = []
    for ranked in drivers.ranked("runtime", demand.target):
        runtime = cast("type[Runtime]", ranked.driver)
        against = _gate_problem(ranked.name, runtime, gates) or _first_problem(ranked.name, runtime, demand)
        if against is not None:
            passed_over.append(against)
            too_old = too_old or (demand.machine is not None and is_too_old(demand, demand.machine, runtime))
            continue
        why = f"its rank of {ranked.rank} is the highest of the runtimes that can serve this on {demand.target}"
        runtimes.append(Candidate(name=ranked.name, why=why))
    return Candidates(tuple(runtimes), (*dict.fromkeys(passed_over), *_missing(demand, drivers)), too_old)


def _named(workspace: Workspace, drivers: DriverSet, in_settings: str | None) -> Candidate | None:
    inference = workspace.inference
    if inference is not None and inference.runtime:
        return Candidate(name=inference.runtime, why="the Workspace names it", named=True)
    annotated = workspace.metadata.annotations.get(RUNTIME_ANNOTATION, "")
    if annotated and annotated in annotation_values(drivers):
        return Candidate(name=annotated, why=f"the annotation {RUNTIME_ANNOTATION} names it", named=True)
    return Candidate(name=in_settings, why="the settings name it", named=True) if in_settings else None


def annotation_values(drivers: DriverSet) -> tuple[str, ...]:
    """Return the valid values of the annotation ``kaito.sh/runtime``: runtimes that are installed or known to exist.

    Any other value counts as not written (KAITO v0.12).
    """
    return tuple(dict.fromkeys((*drivers.names("runtime"), *known_names("runtime"))))


def annotation_names(drivers: DriverSet) -> frozenset[str]:
    """Return the annotations that the installed drivers read."""
    runtimes = (cast("type[Runtime]", driver) for _, driver in drivers.usable("runtime"))
    provisioners = (cast("type[Provisioner]", driver) for _, driver in drivers.usable("provisioner"))
    fixed = (name for provisioner in provisioners for name in provisioner.fixed_annotations)
    return frozenset((*(name for runtime in runtimes for name in runtime.annotations), *fixed))


def _gate_problem(name: str, runtime: type[Runtime] | None, gates: FeatureGates) -> str | None:
    if runtime is None or gates.allow(runtime.feature_gate):
        return None
    return f"{name}: the feature gate {runtime.feature_gate} is off"


def _first_problem(name: str, runtime: type[Runtime], demand: Demand) -> str | None:
    problem = next(_lacks(name, runtime, demand), None)
    return problem.message if problem is not None else against_default(name, runtime, demand)


def _missing(demand: Demand, drivers: DriverSet) -> Iterator[str]:
    """Runtimes that the preset lists and nobody installed."""
    listed = demand.preset.runtimes if demand.preset is not None and demand.target == "kubernetes" else ()
    installed = {cast("type[Runtime]", driver).listed_as for _, driver in drivers.usable("runtime")}
    for name in listed:
        if name not in installed:
            broken = name in drivers.names("runtime")
            yield f"{name} is broken" if broken else f"{name} is not installed"


def able_of(runtime: type[Runtime] | Runtime, demand: Demand) -> Capabilities:
    """Return the capabilities of ``runtime`` for ``demand``: those of its engine, where it starts one of several."""
    return engine_of(runtime, demand)[1].capabilities


def engine_of(runtime: type[Runtime] | Runtime, demand: Demand) -> tuple[Choice | None, Engine]:
    """Return the choice among the engines of ``runtime``, None without any, and the engine. Raises PluginContract."""
    chosen = runtime.engine(demand)
    if chosen is None:
        return None, Engine(runtime.capabilities)
    if chosen.name not in runtime.engines:
        owner = runtime if isinstance(runtime, type) else type(runtime)
        raise PluginContract(f"{owner.__name__}.engine answered {chosen.name!r}, which is not among its engines")
    return chosen, runtime.engines[chosen.name]


def objections(name: str, runtime: type[Runtime], demand: Demand, drivers: DriverSet) -> Iterator[Problem]:
    """Yield the parts of ``demand`` that ``runtime`` cannot do by its declarations. ``check`` and ``plan`` refuse them.

    Each hint names what can do all of it: another engine of the runtime, and the runtimes of ``drivers``.
    """
    lacks = [*_lacks(name, runtime, demand)]
    if not lacks:
        return
    instead = alternatives(name, runtime, demand, drivers)
    for problem in lacks:
        yield replace(problem, hint=", or ".join(filter(None, (problem.hint, *instead))))


def alternatives(
    name: str,
    runtime: type[Runtime],
    demand: Demand,
    drivers: DriverSet,
    holds: Callable[[Capabilities], bool] = lambda _: True,
) -> list[str]:
    """Return what else can do all of ``demand`` and has abilities for which ``holds`` is true, as it is written.

    It is another engine of the runtime ``name``, and the other runtimes of ``drivers``. All of them are imported.
    """
    # The options are those of the runtime that is named; any other would be asked without them.
    plain = replace(demand, options={})
    others = ((other, cast("type[Runtime]", driver)) for other, driver in drivers.usable("runtime") if other != name)
    able = [
        other
        for other, driver in others
        if holds(able_of(driver, plain)) and not any(True for _ in _lacks(other, driver, plain))
    ]
    engines = [
        other
        for other, engine in runtime.engines.items()
        if holds(engine.capabilities) and not any(_lacks_of(name, runtime, demand, engine))
    ]
    ways = {"runtimeConfig.engine": engines, "runtime": able}
    return [f"write {field}: {' or '.join(names)}" for field, names in ways.items() if names]


def _lacks(name: str, runtime: type[Runtime], demand: Demand) -> Iterator[Problem]:
    """Yield what ``runtime`` cannot do; the hint of each says what else than the runtime may be changed."""
    chosen, engine = engine_of(runtime, demand)
    yield from _lacks_of(f"{name} with the engine {chosen.name}" if chosen else name, runtime, demand, engine)


def _lacks_of(name: str, runtime: type[Runtime], demand: Demand, engine: Engine) -> Iterator[Problem]:
    able, path, target = engine.capabilities, "inference.runtime", demand.target
    if target not in runtime.targets:
        hint = f"it runs on {', '.join(sorted(runtime.targets))}"
        yield Problem(path, f"{name} does not run on {target}", hint, reason="NotSupported")
        return
    if demand.preset is not None and "listed-presets" in runtime.kaito_rules and not lists(runtime, demand):
        hint = f"runtimes for it: {', '.join(demand.preset.runtimes)}"
        message = f"{demand.preset.name} cannot be served with the runtime {name}"
        yield Problem("inference.preset.name", message, hint, reason="NotSupported")
    if demand.machine is not None:
        yield from _lacks_on_machine(name, runtime, demand, demand.machine, engine)
    if demand.api_key and not able.api_key:
        message = f"{name} keeps no API key, and {API_KEY.key} is set"
        yield Problem(path, message, "unset it", reason="NotSupported")
    if demand.adapters and not able.adapters:
        yield Problem(path, f"{name} serves no adapters", "remove them", reason="NotSupported")
    if demand.strengths and not able.adapter_strength:
        for position in demand.strengths:
            message = f"{name} has no adapter strength"
            yield Problem(f"inference.adapters[{position}].strength", message, "remove it", reason="NotSupported")


def _lacks_on_machine(
    name: str, runtime: type[Runtime], demand: Demand, machine: InstanceType, engine: Engine
) -> Iterator[Problem]:
    able, path = engine.capabilities, "inference.runtime"
    uses_cpu = able.cpu or (able.cpu_locally and demand.target == "local")
    if machine.gpus == 0 and not uses_cpu:
        yield Problem(path, f"{name} needs a GPU, and {machine.name} has none", reason="NotSupported")
    if machine.gpus > 0 and not able.gpu:
        yield Problem(path, f"{name} uses no GPU, and {machine.name} has some", reason="NotSupported")
    if engine.is_too_old(machine.compute_capability):
        message = _below(name, machine, engine.lowest_capability)
        yield Problem(path, message, "choose a newer GPU", reason="GpuTooOld")
    elif is_too_old(demand, machine, runtime):
        yield Problem(path, _too_old(name, runtime, machine), "choose a newer GPU", reason="GpuTooOld")


def against_default(name: str, runtime: type[Runtime], demand: Demand) -> str | None:
    """Why ``runtime`` is not chosen for ``demand`` unless it is named; None where it may be."""
    if demand.preset is not None and not lists(runtime, demand):
        return f"{demand.preset.name} is not served by {name}"
    return None


def is_too_old(demand: Demand, machine: InstanceType, runtime: type[Runtime]) -> bool:
    """Return whether neither the engine nor, on a cluster, an image of it runs on the machine's GPUs."""
    capability, lowest = machine.compute_capability, runtime.lowest_capability
    if capability is not None and lowest is not None and capability < lowest:
        return True
    return demand.target == "kubernetes" and leaves_out(runtime, machine)


def _too_old(name: str, runtime: type[Runtime], machine: InstanceType) -> str:
    if runtime.lowest_capability is None:
        return left_out(name, runtime, machine)
    return _below(name, machine, runtime.lowest_capability)


def _below(name: str, machine: InstanceType, lowest: tuple[int, int] | None) -> str:
    has, needs = (".".join(map(str, pair or ())) for pair in (machine.compute_capability, lowest))
    return f"{machine.gpu_model} has compute capability {has}, and {name} needs {needs}"


def lists(runtime: type[Runtime], demand: Demand) -> bool:
    """Return whether the preset lists ``runtime``. Lists are about clusters, and an empty list excludes nobody."""
    listed = demand.preset.runtimes if demand.preset is not None else ()
    return demand.target != "kubernetes" or not runtime.listed_as or not listed or runtime.listed_as in listed


def choose_provisioner(workspace: Workspace, settings: Settings, target: Target, drivers: DriverSet) -> Choice:
    """The provisioner that is named, else the installed one of the highest rank for what the Workspace asks.

    With an instance type it is a provisioner that obtains machines, without one a provisioner that takes the user's
    nodes. On one machine a name counts where that provisioner serves one machine.

    Raises:
        PluginNotFound: none is named, and none that is installed can do it.
    """
    written = (
        (workspace.resource.provisioner, "the Workspace names it"),
        (settings.provisioner, "the settings name it"),
    )
    named = [Choice(name=name, why=why) for name, why in written if name]
    if target == "local":
        return next((choice for choice in named if serves_one_machine(choice.name, drivers)), this_machine(drivers))
    if named:
        return named[0]
    typed = bool(workspace.resource.instance_type or settings.instance_type)
    for candidate in drivers.ranked("provisioner", target):
        if cast("type[Provisioner]", candidate.driver).nodes_are_brought != typed:
            return Choice(name=candidate.name, why=_TYPED if typed else _UNTYPED)
    what = "that obtains machines" if typed else "for nodes that are there"
    raise _no_provisioner(what, requirements_of("provisioner") if typed else ())


def serves_one_machine(name: str, drivers: DriverSet) -> bool:
    """Whether that provisioner is installed and serves the target ``local``."""
    driver = drivers.find_provisioner(name)
    return driver is not None and "local" in driver.targets


def this_machine(drivers: DriverSet) -> Choice:
    """The provisioner of the target ``local``: the installed one of the highest rank.

    Raises:
        PluginNotFound: none is installed.
    """
    ranked = drivers.ranked("provisioner", "local")
    if not ranked:
        raise _no_provisioner("for this machine", ())
    return Choice(name=ranked[0].name, why="the target is local")


_TYPED = "it obtains machines of the type that is named; nothing names another provisioner"
_UNTYPED = "no instance type is named: nodes that are there are used"


def _no_provisioner(what: str, requirements: Iterable[str]) -> PluginNotFound:
    lines = " or ".join(map(pip_install, requirements))
    return PluginNotFound(f"no provisioner {what} is installed", hint=lines or "llmwright plugins list")
