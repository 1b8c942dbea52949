"""The application of Ray Serve: one deployment, whose replicas follow the load.

By itself every replica holds the base and all its adapters, as the ``hf`` server does: they are small beside the base,
and no request waits for a load. Where there are more adapters than memory is for, replicas load them on demand
(``adapters_on_demand``), and Ray Serve sends a request to a replica that holds its adapter.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any, TypedDict

from ray import serve
from ray.serve import Application

from llmwright_runtime_ray.command_line import DRAIN_S
from llmwright_runtime_ray.serve.names import DEPLOYMENT
from llmwright_runtime_ray.serve.options import RayOptions, Scaling, parse
from llmwright_runtime_ray.serve.replica import Replica

_LOOK_S = 0.25
_ROUTER = {"initial_backoff_s": 0.005, "max_backoff_s": 0.01}
"""How long a router waits before it looks again for a replica with room.

Nothing tells it of a free place, and Ray's own 0.025 to 0.5 s leave full replicas idle in between: a replica that takes
8 requests of 0.1 s gave 57 answers/s to 8 clients and 10 to 32, and with these 64 to both (Ray 2.60, 2 cores).
"""


class Arguments(TypedDict):
    """``args`` of the application in a config of Ray Serve."""

    argv: Sequence[str]


def build(args: Arguments) -> Application:
    """Return the application for these flags. Raises ConfigError for wrong ones."""
    return application(parse(args["argv"], os.environ))


def application(options: RayOptions) -> Application:
    """Return the application that serves ``options``. Raises ConfigError for flags of vLLM that it does not take."""
    if options.vllm is not None:
        return _of_llm(options, options.vllm)
    scaling = options.scaling
    replica = serve.ingress(None)(Replica)
    deployment = serve.deployment(
        replica,
        name=DEPLOYMENT,
        max_replicas_per_node=scaling.max_replicas_per_node,
        ray_actor_options={"num_cpus": scaling.replica_cpus, "num_gpus": scaling.replica_gpus},
        **deployment_options(scaling),
    )
    return deployment.bind(options.of_replica, options.most_adapters)


def _of_llm(options: RayOptions, flags: Sequence[str]) -> Application:
    """Return Ray Serve LLM's application. Its import makes this process log JSON: the log is given back as it was."""
    root = logging.getLogger()
    handlers = [*root.handlers]
    try:
        from llmwright_runtime_ray.serve.llm_app import llm_application

        return llm_application(options, flags)
    finally:
        root.handlers = handlers


def deployment_options(scaling: Scaling) -> dict[str, Any]:
    """Return the options of a deployment that every engine has: how many replicas, how many requests, their end."""
    return {
        "autoscaling_config": _autoscaling(scaling),
        "max_ongoing_requests": scaling.max_ongoing_requests,
        "max_queued_requests": scaling.max_queued_requests,
        "backpressure_config": {"status_code": 429, "retry_after_s": 1},
        "request_router_config": _ROUTER,
        "graceful_shutdown_timeout_s": DRAIN_S,
        "graceful_shutdown_wait_loop_s": _LOOK_S,
        # A model that cannot be loaded cannot be loaded a second time either.
        "max_constructor_retry_count": 1,
    }


def _autoscaling(scaling: Scaling) -> dict[str, float]:
    return {
        "min_replicas": scaling.min_replicas,
        "max_replicas": scaling.max_replicas,
        "initial_replicas": scaling.initial_replicas,
        "target_ongoing_requests": scaling.target_ongoing_requests,
        "upscale_delay_s": scaling.upscale_delay_s,
        "downscale_delay_s": scaling.downscale_delay_s,
    }
