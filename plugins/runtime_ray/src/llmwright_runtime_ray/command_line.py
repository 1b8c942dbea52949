"""The flags of ``python -m llmwright_runtime_ray.serve`` that are Ray's: written here, and read from a Launch."""

from __future__ import annotations

from llmwright.values.launch import Launch
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


def scaling_flags(config: RayConfig, gpus: int) -> tuple[str, ...]:
    """Return the flags about replicas; ``gpus`` of each."""
    initial = config.initial_replicas or max(1, config.min_replicas)
    values = {
        "--min-replicas": config.min_replicas,
        "--max-replicas": config.most,
        "--initial-replicas": initial,
        "--target-ongoing-requests": config.target_ongoing_requests,
        "--max-ongoing-requests": config.max_ongoing_requests,
        "--max-queued-requests": config.max_queued_requests,
        "--upscale-delay-s": config.upscale_delay_s,
        "--downscale-delay-s": config.downscale_delay_s,
        "--replica-cpus": config.replica_cpus,
        "--replica-gpus": gpus,
    }
    return tuple(part for flag, value in values.items() for part in (flag, f"{value:g}"))


def flags_of(launch: Launch) -> tuple[str, ...]:
    """Return the flags of the server in ``launch``."""
    argv = launch.main.argv
    return argv[argv.index(MODULE) + 1 :] if MODULE in argv else argv[1:]


def value(flags: tuple[str, ...], flag: str) -> str | None:
    """Return the value that follows ``flag``; None without it."""
    return flags[flags.index(flag) + 1] if flag in flags else None
