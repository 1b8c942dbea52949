"""The application where vLLM is the engine: Ray Serve LLM's own ingress and server, with the names of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ray.serve import Application
from ray.serve.llm import LLMConfig, build_openai_app

from llmwright_runtime_ray.serve.app import deployment_options
from llmwright_runtime_ray.serve.llm_adapters import on_demand
from llmwright_runtime_ray.serve.llm_ingress import LlmIngress
from llmwright_runtime_ray.serve.llm_server import LlmServer
from llmwright_runtime_ray.serve.options import INGRESS_CPUS, RayOptions
from llmwright_runtime_ray.serve.vllm_flags import engine_arguments

INGRESS_REQUESTS = 100
"""Requests of one copy of the ingress that their number is kept near to: it passes them on, and does little else."""


def llm_application(options: RayOptions, flags: Sequence[str]) -> Application:
    """Return the application. Raises ConfigError for flags that vLLM does not take."""
    names = options.engine.model_names
    return build_openai_app(
        {
            "llm_configs": [llm_config(options, flags)],
            "ingress_cls_config": {
                "ingress_cls": LlmIngress,
                "ingress_extra_kwargs": {
                    "names": names,
                    "default_model": options.engine.default_model,
                    "on_demand": options.most_adapters is not None,
                },
            },
            "ingress_deployment_config": _ingress_options(options),
        }
    )


def llm_config(options: RayOptions, flags: Sequence[str]) -> LLMConfig:
    """Return the configuration of the model's deployment, as Ray Serve LLM checks it."""
    engine, scaling = options.engine, options.scaling
    return LLMConfig(
        model_loading_config={"model_id": engine.served_model_name, "model_source": engine.model},
        engine_kwargs=engine_arguments(flags),
        accelerator_config={"kind": "gpu" if scaling.replica_gpus else "cpu"},
        deployment_config={
            **deployment_options(scaling),
            "ray_actor_options": {"num_cpus": scaling.replica_cpus},
        },
        server_cls=LlmServer,
        # Ray Serve LLM makes its server without any arguments of ours, and hands it this dictionary as it is.
        experimental_configs=on_demand(options),
        # The engine then counts in its own process, under its own names, where `LlmServer` reads them.
        log_engine_metrics=False,
    )


def _ingress_options(options: RayOptions) -> dict[str, Any]:
    """Return the options of the ingress: as many copies as its own load needs, none where the model sleeps."""
    scaling, common = options.scaling, deployment_options(options.scaling)
    common |= {"max_ongoing_requests": 2**30, "ray_actor_options": {"num_cpus": INGRESS_CPUS}}
    copies = {"min_replicas": min(1, scaling.min_replicas), "max_replicas": scaling.max_replicas, "initial_replicas": 1}
    delays = {"downscale_delay_s": scaling.downscale_delay_s, "target_ongoing_requests": INGRESS_REQUESTS}
    return {**common, "autoscaling_config": {**copies, **delays}}
