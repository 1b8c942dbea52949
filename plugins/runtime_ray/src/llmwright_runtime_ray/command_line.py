"""The flags of ``python -m llmwright_runtime_ray.serve`` that are Ray's: written here, and read from a Launch."""

from __future__ import annotations

from collections.abc import Mapping

from llmwright.values.copies import ONE_COPY, Copies
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch, Mount, Probe
from llmwright_runtime_ray.ray_config import RayConfig

MODULE = "llmwright_runtime_ray.serve"
APPLICATION = "llmwright_runtime_ray.serve.app:build"
"""The application builder: its argument ``argv`` is a list of the flags of ``MODULE``."""
MIDDLEWARES = "llmwright_runtime_ray.serve.ingress:middlewares"
"""The part of the ingress that runs inside of Ray Serve's proxies."""
ARGV_VARIABLE = "LLMWRIGHT_RAY_ARGV"
"""The flags once more, as a JSON list, for the proxies."""
ENVIRONMENT = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": MIDDLEWARES, "RAY_USAGE_STATS_ENABLED": "0"}
"""Variables of every process of Ray."""
STATE = Mount(volume="ray", path="/tmp/ray")  # noqa: S108 - Ray's own default
"""The directory for Ray's files."""
LIVE: Probe | None = None
"""Nothing ends a server that lives because no copy answers: Ray starts the copy again, which takes as long as a model
loads, and the server itself ends with Ray."""
END = "--"
"""The mark before the flags of vLLM's own."""
TARGET = 10.0
"""Requests of one copy where nobody says it: as for the autoscaler of any other runtime."""

NO_COPY = Copies(lowest=0, highest=1, start=0)
"""The range where no copy is asked for: Ray Serve has none without a highest number."""

DRAIN_S = 60.0
"""Seconds for the answers of a copy that ends because fewer are needed, or its machine goes."""

MOST_ADAPTERS = "--max-num-adapters-per-replica"
"""The flag about adapters that come and go."""


def scaling_flags(config: RayConfig, fit: Fit) -> tuple[str, ...]:
    """Return the flags about replicas of ``hf``: the range of ``fit.copies``, and what each takes of a machine.

    On a cluster the plan has a machine for each copy, with memory for one. Here all are on one machine.
    """
    apart = {"--max-replicas-per-node": 1} if _apart(fit) else {}
    return _flags({**_of_replicas(config, fit), "--replica-gpus": fit.gpus, **apart})


def llm_scaling_flags(config: RayConfig, fit: Fit) -> tuple[str, ...]:
    """Return the flags about replicas of vLLM, each of which takes the GPUs of one tensor and pipeline parallelism.

    Where the GPUs of one copy hold several of these, they are replicas beside each other. Their GPUs keep them apart.
    """
    gpus = fit.tensor_parallel * fit.pipeline_parallel if fit.gpus else 0
    return _flags({**_of_replicas(config, fit, beside=max(1, fit.data_parallel)), "--replica-gpus": gpus})


def _of_replicas(config: RayConfig, fit: Fit, beside: int = 1) -> dict[str, float]:
    # None at all are told to the cluster, which is suspended then; one machine serves one copy.
    copies = fit.copies if fit.copies.highest else NO_COPY if _apart(fit) else ONE_COPY
    return {
        "--min-replicas": copies.lowest * beside,
        "--max-replicas": copies.highest * beside,
        # One at least, so that ready means that the model answers.
        "--initial-replicas": max(1, copies.start) * beside,
        "--target-ongoing-requests": TARGET if copies.target is None else copies.target,
        "--max-ongoing-requests": config.max_ongoing_requests,
        "--max-queued-requests": config.max_queued_requests,
        "--upscale-delay-s": config.upscale_delay_s,
        "--downscale-delay-s": config.downscale_delay_s,
        "--replica-cpus": config.replica_cpus,
        **({MOST_ADAPTERS: config.max_num_adapters_per_replica} if config.max_num_adapters_per_replica else {}),
    }


def _apart(fit: Fit) -> bool:
    """Whether each copy has a machine of its own: on a cluster."""
    return fit.instance_type.cloud != "local"


def _flags(values: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(part for flag, value in values.items() for part in (flag, _written(value)))


def _written(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:.10g}"


def flags_of(launch: Launch) -> tuple[str, ...]:
    """Return the flags of the server in ``launch``."""
    argv = launch.main.argv
    return argv[argv.index(MODULE) + 1 :] if MODULE in argv else argv[1:]


def value(flags: tuple[str, ...], flag: str) -> str | None:
    """Return the value that follows ``flag``; None without it."""
    return flags[flags.index(flag) + 1] if flag in flags else None
