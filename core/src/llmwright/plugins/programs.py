"""The Launch of a runtime or tuner whose workload half is one Python module: for authors of plugins.

``chat_server`` and ``trainer`` have parsers of these arguments.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmwright.plugins.weights import weights_of
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import API_KEY, HttpGet, Launch, Mount, Probe, Process
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

__all__ = ["data_process", "server_launch", "trainer_launch"]

_DATA = Mount(volume="data", path="/mnt/data", read_only=True)
_RESULTS = Mount(volume="results", path="/mnt/results")
_CONFIG = Mount(volume="config", path="/mnt/config", read_only=True)
_PORT = 5000
_LOADING_S = 1800

Options = Mapping[str, object]
"""Arguments of the module by name, without dashes."""


def server_launch(
    module: str, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], *, image: str, options: Options
) -> Launch:
    """Return the Launch of a module that serves over HTTP.

    Its arguments are the weights', ``--name``, ``--host``, ``--port``, ``--context``, an ``--adapter NAME=PATH`` for
    each adapter, and ``options``. ``GET /health`` answers at once, and 200 once the weights are read, within half an
    hour. The key is in the variable ``LLMWRIGHT_API_KEY``. ``image`` is the role of an image that holds the module.
    """
    weights = weights_of(preset)
    names = {"name": preset.name, "host": "$(host)", "port": "$(port.http)", "context": fit.context, **options}
    adapted = tuple(part for each in adapters for part in ("--adapter", f"{each.name}={each.path}"))
    health = HttpGet("/health")
    starting = Probe(check=health)
    serve = Process(
        name="serve",
        image=image,
        argv=("$(python)", "-m", module, *weights.arguments, *_arguments(names), *adapted),
        env={"LLMWRIGHT_API_KEY": API_KEY},
        mounts=weights.mounts,
        gpus=fit.gpus,
        startup=Probe(check=health, failure_threshold=int(_LOADING_S / starting.period_s)),
        live=Probe(check=health),
        ready=Probe(check=health, period_s=1),
    )
    return Launch(main=serve, prepare=weights.prepare, volumes=weights.volumes, ports={"http": _PORT})


def trainer_launch(module: str, preset: Preset, fit: Fit, data: TuningData, *, image: str, options: Options) -> Launch:
    """Return the Launch of a module that tunes.

    Its arguments are ``train``, ``--data``, ``--results``, the weights', ``options``, and ``--config`` where the
    Workspace names a training config. ``image`` is the role of an image that holds the module.
    """
    weights = weights_of(preset)
    config = {"config": data.config_path} if data.config_path else {}
    arguments = _arguments({"results": "$(volume.results)", **options, **config})
    mounts = (_RESULTS, *((_CONFIG,) if config else ()), *weights.mounts)
    argv = (*_on_data(module, "train"), *weights.arguments, *arguments)
    main = Process(name="train", image=image, argv=argv, mounts=(_DATA, *mounts), gpus=fit.gpus)
    return Launch(main=main, prepare=weights.prepare, volumes=weights.volumes)


def data_process(module: str, verb: str, *, image: str, options: Options) -> Process:
    """Return a process that reads the data set alone: the module with ``verb``, ``--data`` and ``options``."""
    argv = (*_on_data(module, verb), *_arguments(options))
    return Process(name=verb, image=image, argv=argv, mounts=(_DATA,))


def _on_data(module: str, verb: str) -> tuple[str, ...]:
    return ("$(python)", "-m", module, verb, "--data", "$(volume.data)")


def _arguments(options: Options) -> tuple[str, ...]:
    return tuple(part for name, value in options.items() for part in (f"--{name}", str(value)))
